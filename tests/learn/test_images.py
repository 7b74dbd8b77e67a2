"""Pictures are read from the files that are handed out, and from nothing else."""

import pickle
import re

import numpy as np
import pytest
import torch
from learn.data_files import (
    NAMES,
    cifar_arrays,
    write_cifar_binary,
    write_cifar_python,
    write_image_folder,
)
from settings.composed import settings_of

from triangle_cli.learn import images


def test_the_two_formats_of_cifar10_hold_the_same(tmp_path):
    both = []
    for write, name in ((write_cifar_python, "py"), (write_cifar_binary, "bin")):
        words = ["data=cifar10", f"data.path={write(tmp_path / name)}", "dtype=float64"]
        split, classes = images.read_cifar10(settings_of(*words).data, torch.float64, "cpu")
        assert classes == 10
        both.append(split)
    first, second = both
    assert len(first.train) == 100
    assert len(first.test) == 20
    for part in ("train", "test"):
        assert torch.equal(getattr(first, part).x, getattr(second, part).x)
        assert torch.equal(getattr(first, part).y, getattr(second, part).y)
    x, y = cifar_arrays(5)
    assert first.test.y.tolist() == y.tolist()
    pixels = np.concatenate([cifar_arrays(k)[0] for k in range(5)]).reshape(-1, 3, 1024)
    red = (x[3, :1024].reshape(32, 32) - pixels[:, 0].mean()) / pixels[:, 0].std()
    assert first.test.x[3, 0].numpy() == pytest.approx(red, abs=1e-12)


class _Harm:
    def __reduce__(self):
        return (eval, ("1/0",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({b"data": 3}),
        pickle.dumps(_Harm()),
        pickle.dumps({b"data": [[1]], b"labels": [1]}),
    ],
)
def test_what_is_no_batch_of_cifar10_is_refused_and_runs_no_code(tmp_path, content):
    folder = write_cifar_python(tmp_path) / "cifar-10-batches-py"
    (folder / NAMES[2]).write_bytes(content)
    settings = settings_of("data=cifar10", f"data.path={tmp_path}")
    with pytest.raises(ValueError, match=f"{folder / NAMES[2]}: "):
        images.read_cifar10(settings.data, torch.float32, "cpu")


def test_a_folder_of_pictures_is_read_alike_by_any_number_of_workers(tmp_path):
    words = ["data=imagenet", f"data.path={write_image_folder(tmp_path)}", "data.image_size=24"]
    found = []
    for workers in (0, 2):
        data = settings_of(*words, f"data.workers={workers}").data
        split, classes = images.read_image_folder(data, torch.float32, "cpu")
        assert classes == 2
        generator = torch.Generator().manual_seed(3)
        found.append([torch.cat(parts) for parts in zip(*split.train.batches(5, generator))])
    assert found[0][0].shape == (12, 3, 24, 24)
    assert all(torch.equal(a, b) for a, b in zip(*found))
    x, y = (torch.cat(parts) for parts in zip(*split.test.batches(5, None)))
    assert y.tolist() == [0] * 6 + [1] * 6
    assert x[:6].max() < x[6:].min()  # the classes are dark and bright


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_is_no_picture_is_named_in_one_line_by_any_number_of_workers(tmp_path, workers):
    broken = write_image_folder(tmp_path) / "val" / "n01443537" / "n01443537_2.JPEG"
    broken.write_bytes(b"no picture")
    words = ["data=imagenet", f"data.path={tmp_path}", "data.image_size=24", f"data.workers={workers}"]
    split, _ = images.read_image_folder(settings_of(*words).data, torch.float32, "cpu")
    with pytest.raises(ValueError, match=f"^{re.escape(str(broken))}: expected a picture$"):
        list(split.test.batches(5, None))
