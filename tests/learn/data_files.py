"""Small data in the formats in which the real ones are handed out, and words that learn from them for a moment."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from triangle_cli.learn.images import TEST_BATCH, TRAIN_BATCHES

SHORT = [
    "restarts=2",
    "depth=2",
    "method=layers_released",
    "schedule.phases.0.epochs=2",
    "schedule.phases.1.epochs=1",
]
TINY_VGG = ["data.image_size=32", "model.hidden=[8]", "data.batch=4", "data.workers=0"]
NAMES = (*TRAIN_BATCHES, TEST_BATCH)


def cifar_arrays(number: int, examples: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Bytes (n, 3072), red then green then blue, and classes: a class is a shade, with noise."""
    draw = np.random.default_rng(number)
    classes = np.arange(examples) % 10
    noise = draw.integers(0, 20, (examples, 3072))
    return (noise + 23 * classes[:, None]).astype(np.uint8), classes


class _Python2Pickler(pickle._Pickler):
    """Writes bytes and text alike as Python 2 wrote its strings, by protocol 2."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012

    def save_string(self, text: bytes | str) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value: object) -> bytes:
    """What cPickle of Python 2 and the numpy of its time would have written."""
    content = io.BytesIO()
    _Python2Pickler(content, protocol=2).dump(value)
    return content.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def write_cifar_python(folder: Path) -> Path:
    """As cifar-10-python.tar.gz unpacks: dictionaries, pickled by Python 2."""
    inside = folder / "cifar-10-batches-py"
    inside.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        x, y = cifar_arrays(number)
        batch = {"batch_label": name, "labels": y.tolist(), "data": x, "filenames": ["a.png"] * len(y)}
        (inside / name).write_bytes(python2_pickle(batch))
    return folder


def write_cifar_binary(folder: Path) -> Path:
    """As cifar-10-binary.tar.gz unpacks: a byte for the class and 3072 for the picture, record after record."""
    inside = folder / "cifar-10-batches-bin"
    inside.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        x, y = cifar_arrays(number)
        (inside / f"{name}.bin").write_bytes(np.column_stack([y.astype(np.uint8), x]).tobytes())
    return folder


def write_image_folder(folder: Path, examples: int = 6) -> Path:
    """As ImageNet is kept: a folder for each class under train and val; pictures of various shapes and modes."""
    for part in ("train", "val"):
        for number, name in enumerate(("n01440764", "n01443537")):
            inside = folder / part / name
            inside.mkdir(parents=True)
            for index in range(examples):
                draw = np.random.default_rng([number, index, part == "val"])
                shape = (40 + 7 * index, 60 - 5 * index, 3)
                pixels = (draw.integers(0, 40, shape) + 200 * number).clip(0, 255).astype(np.uint8)
                picture = Image.fromarray(pixels)
                if index == 1:
                    picture = picture.convert("L")
                picture.save(inside / f"{name}_{index}.JPEG", quality=95)
    return folder


CSV = """rooms,area,kind,built,price
3,71.5,flat,1999,210
4,88.0,house,1987,305
2,50.0,flat,2011,180
5,120.0,house,1975,390
3,69.0,flat,2003,205
1,30.0,flat,1960,99
4,95.5,house,1990,311
6,150.0,house,2001,500
2,48.5,flat,1984,150
3,77.0,house,2009,260
"""


def write_all(folder: Path) -> None:
    """Data in every format, where the experiments look for them, and houses.csv."""
    write_cifar_python(folder / "data" / "cifar10")
    write_image_folder(folder / "data" / "imagenet")
    (folder / "houses.csv").write_text(CSV)
