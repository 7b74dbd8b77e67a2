"""Pictures from folders: CIFAR-10 as its authors hand it out, and a folder for each class, as ImageNet is kept."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from triangle_cli.learn.splits import Batch, Split, Tensors
from triangle_cli.settings.learn import FOLDERS, DataSettings, Source

TRAIN_BATCHES, TEST_BATCH = tuple(f"data_batch_{number}" for number in range(1, 6)), "test_batch"
CIFAR_SHAPE, CIFAR_CLASSES = (3, 32, 32), 10
PICTURES = (".jpeg", ".jpg", ".png", ".bmp", ".webp")
# of ImageNet's training pictures, what networks trained on it expect: red, green, blue
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_cifar10(data: DataSettings, dtype: torch.dtype, device: str) -> tuple[Split, int]:
    """CIFAR-10 in memory, and how many classes it has. Channels are shifted and scaled as its training part needs.

    Raises:
        ValueError: the folder or a batch in it is missing, or is not in one of the two formats.
    """
    folder = _cifar_folder(data.location, f"data.path={data.path}")
    suffix = ".bin" if (folder / f"{TEST_BATCH}.bin").exists() else ""
    read = _binary_batch if suffix else _python_batch
    parts = []
    for names in (TRAIN_BATCHES, (TEST_BATCH,)):
        batches = [_checked(folder / f"{name}{suffix}", read) for name in names]
        parts.append(tuple(np.concatenate(arrays) for arrays in zip(*batches)))
    pixels = parts[0][0].reshape(-1, CIFAR_SHAPE[0], CIFAR_SHAPE[1] * CIFAR_SHAPE[2])
    mean, deviation = pixels.mean((0, 2)), pixels.std((0, 2))
    mean, deviation = (torch.tensor(v, dtype=dtype)[:, None, None] for v in (mean, np.maximum(deviation, 1)))
    train, test = (
        (
            ((torch.from_numpy(x).reshape(-1, *CIFAR_SHAPE).to(dtype) - mean) / deviation).to(device),
            torch.from_numpy(y).to(device),
        )
        for x, y in parts
    )
    return Split(Tensors(*train, augment=data.augment), Tensors(*test)), CIFAR_CLASSES


def _cifar_folder(path: Path, key: str) -> Path:
    """The folder with the batches: this one, or the one that its archive unpacks to."""
    for folder in (path, path / "cifar-10-batches-py", path / "cifar-10-batches-bin"):
        if any((folder / f"{TEST_BATCH}{suffix}").exists() for suffix in ("", ".bin")):
            return folder
    there = "no CIFAR-10 in it" if path.is_dir() else "no such folder"
    raise ValueError(
        f"{key}: {there}, expected {FOLDERS[Source.cifar10]}; put them there, or set data.path to where they are"
    )


def _checked(path: Path, read: Any) -> tuple[np.ndarray, np.ndarray]:
    """A batch: (n, 3072) bytes and (n,) classes."""
    try:
        x, y = read(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file, expected {FOLDERS[Source.cifar10]}") from None
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError, AttributeError, ImportError):
        raise ValueError(f"{path}: expected a batch of CIFAR-10, Python's or binary") from None
    whole = x.dtype == np.uint8 and x.ndim == 2 and x.shape == (len(y), int(np.prod(CIFAR_SHAPE)))
    if not whole or len(y) == 0 or not ((y >= 0) & (y < CIFAR_CLASSES)).all():
        raise ValueError(
            f"{path}: holds {x.dtype} of shape {x.shape} and {len(y)} classes, expected bytes (n, 3072) and n classes "
            "from 0 to 9"
        )
    return x, y


def _binary_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Records of one byte for the class and 3072 for the picture."""
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + int(np.prod(CIFAR_SHAPE)))
    return records[:, 1:].copy(), records[:, 0].astype(np.int64)


def _python_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A pickled dictionary with the keys data and labels."""
    batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    return np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and nothing that could run code of the file's own."""

    ALLOWED = ("_reconstruct", "ndarray", "dtype", "_frombuffer", "encode")

    def find_class(self, module: str, name: str) -> Any:
        if name in self.ALLOWED and module.split(".")[0] in ("numpy", "_codecs"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def read_image_folder(data: DataSettings, dtype: torch.dtype, device: str) -> tuple[Split, int]:
    """Pictures under train/CLASS and val/CLASS, read as they are needed, and how many classes there are.

    Raises:
        ValueError: a folder is missing or has no pictures, or the two parts have different classes.
    """
    root = data.location
    try:
        listed = {part: _listed(root / part) for part in ("train", "val")}
    except FileNotFoundError as error:
        raise ValueError(
            f"data.path={data.path}: no folder {error.filename}, expected {FOLDERS[Source.image_folder]} in "
            "it; put the pictures there, or set data.path to where they are"
        ) from None
    classes = list(listed["train"])
    if len(classes) < 2:
        raise ValueError(
            f"{root / 'train'}: {len(classes)} classes, expected a folder for each of two or more"
        )
    if list(listed["val"]) != classes:
        odd = sorted(set(classes) ^ set(listed["val"]))
        raise ValueError(
            f"{root}: expected the same classes in train and val, {odd[0]} is in one of them only"
        )
    size = data.image_size
    assert size is not None, "a folder of images comes with one"

    def pictures(folders: dict[str, list[Path]], varied: bool) -> Pictures:
        paths = [(path, number) for number, name in enumerate(classes) for path in folders[name]]
        return Pictures(paths, size, varied, data.workers, dtype, device)

    return Split(pictures(listed["train"], data.augment), pictures(listed["val"], False)), len(classes)


def _listed(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class, in order."""
    found = {}
    for inside in sorted(path for path in folder.iterdir() if path.is_dir()):
        pictures = sorted(path for path in inside.iterdir() if path.suffix.lower() in PICTURES)
        if not pictures:
            raise ValueError(f"{inside}: no pictures, expected files such as {inside.name}/1{PICTURES[0]}")
        found[inside.name] = pictures
    return found


@dataclass(frozen=True)
class Pictures:
    """Pictures on disk, with their classes."""

    paths: list[tuple[Path, int]]
    size: int  # pixels, height and width
    varied: bool  # cut out and mirrored at random, when learned from
    workers: int
    dtype: torch.dtype
    device: str

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self, size: int, generator: torch.Generator | None) -> Iterator[Batch]:
        """See `splits.Part`."""
        order: Sequence[int] = range(len(self))
        seeds: Sequence[int | None] = [None] * len(self)
        if generator is not None:
            order = torch.randperm(len(self), generator=generator).tolist()
            if self.varied:
                seeds = torch.randint(2**62, (len(self),), generator=generator).tolist()
        chosen = _Chosen([(*self.paths[index], seed) for index, seed in zip(order, seeds)], self.size)
        try:
            for x, y in DataLoader(chosen, size, num_workers=self.workers):
                yield x.to(self.device, self.dtype), y.to(self.device)
        except ValueError as error:  # a worker's comes with the lines of its traceback before it
            reason = str(error).splitlines()[-1].removeprefix("ValueError: ")
            raise ValueError(reason) from None


@dataclass(frozen=True)
class _Chosen(Dataset):
    """The pictures of one epoch: path, class, and the seed of what is random in it."""

    examples: list[tuple[Path, int, int | None]]
    size: int

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, number, seed = self.examples[index]
        return read_picture(path, self.size, seed), number


def read_picture(path: Path, size: int, seed: int | None) -> Tensor:
    """A picture as (3, size, size), scaled as for networks trained on ImageNet.

    Args:
        path: the file.
        size: pixels.
        seed: of a random cut of 8 % or more of it, half of them mirrored; None: the middle, 7/8 of the shorter side.

    Raises:
        ValueError: the file is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, OSError):
        raise ValueError(f"{path}: expected a picture") from None
    box, mirrored = _middle(*picture.size), False
    if seed is not None:
        random = np.random.default_rng(seed)
        width, height = picture.size
        box, mirrored = _random_cut(width, height, random), random.random() < 0.5
    cut = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box), np.float32) / 255
    x = (cut - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_DEVIATION, np.float32)
    return torch.from_numpy((x[:, ::-1] if mirrored else x).transpose(2, 0, 1).copy())


def _middle(width: int, height: int) -> tuple[float, float, float, float]:
    side = min(width, height) * 7 / 8
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _random_cut(width: int, height: int, random: np.random.Generator) -> tuple[float, float, float, float]:
    """A part of 8 to 100 % of the area, 3:4 to 4:3, as usual on ImageNet."""
    for _ in range(10):
        area = random.uniform(0.08, 1) * width * height
        ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
        across, down = np.sqrt(area * ratio), np.sqrt(area / ratio)
        if across <= width and down <= height:
            left, top = random.uniform(0, width - across), random.uniform(0, height - down)
            return left, top, left + across, top + down
    return _middle(width, height)
