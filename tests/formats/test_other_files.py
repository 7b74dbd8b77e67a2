""".nnet with its normalization, .npz under common names, and what is wrong with such files."""

import json
import sys

import numpy as np
import pytest

import triangle_cli
from triangle_cli.cli import main
from triangle_cli.formats import load

NNET = """// a comment
2,2,1,3,
2,3,1,
0
-1,0,
1,4,
0.5,1,10,
2,4,8,
1,-1,
0.5,2,
0,1,
0,
-0.5,
0.25,
1,1,-1,
0.5,
"""


def refused(path, capsys, *words):
    assert main.main(["regions", str(path), "--box", "0", "1", *words]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_nnet_is_read_with_its_normalization(tmp_path, capsys):
    path = tmp_path / "net.nnet"
    path.write_text(NNET)
    network = load(path)
    assert network.box == [(-1, 1), (0, 4)]
    x = np.array([0.25, 3.0])
    u = (x - [0.5, 1]) / [2, 4]
    hidden = np.maximum(np.array([[1, -1], [0.5, 2], [0, 1]]) @ u + [0, -0.5, 0.25], 0)
    assert network.layers.values_at(x[None])[0, 0] == pytest.approx((hidden @ [1, 1, -1] + 0.5) * 8 + 10)
    assert network.hidden_widths == [3]
    assert len(network.assumed) == 1  # ranges are powers of two: nothing is rounded
    path.write_text(NNET.replace("\n2,4,8,", "\n2,3,8,"))
    assert any("rounded" in line for line in load(path).assumed)
    assert main.main(["regions", str(path), "--check"]) == 0
    assert "the formula of .nnet in numpy agrees" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.25,\n1,1,-1,\n0.5,\n", "0.25,\n1,1,\n0.5,\n", "line 15 has 2 numbers, expected 3"),
        ("0.25,\n1,1,-1,\n0.5,\n", "", "ends before a bias of layer 0"),
        ("0.5,2,\n", "0.5,x,\n", "line 10 holds no finite numbers"),
        ("2,3,1,\n", "2,3,2,\n", "layers of [2, 3, 2], expected 2 first and 1 last"),
        ("1,4,\n", "1,0,\n", "input 1 from 0 to 0, expected a minimum below it"),
        ("2,4,8,\n", "2,0,8,\n", "a division by 0"),
        ("2,2,1,3,\n", "9999999999,2,1,3,\n", "9999999999 layers in 15 lines"),
        ("2,2,1,3,\n", "2,2,1e300,3,\n", "expected"),
    ],
)  # fmt: skip
def test_a_damaged_nnet_is_one_line(old, new, said, tmp_path, capsys):
    assert NNET.count(old) >= 1
    (tmp_path / "net.nnet").write_text(NNET.replace(old, new, 1))
    assert said in refused(tmp_path / "net.nnet", capsys)


W = [np.random.default_rng(0).normal(size=shape) for shape in ((4, 1), (4, 4), (1, 4))]
B = [np.random.default_rng(1).normal(size=size) for size in (4, 4, 1)]
NAMES = {
    "numbered": {f"{kind}{i}": a for i in (0, 1, 2) for kind, a in (("W", W[i]), ("b", B[i]))},
    "apart": {f"weights_{i}": w for i, w in enumerate(W)} | {f"biases_{i}": b for i, b in enumerate(B)},
    "torch": {f"{2 * i}.{kind}": a for i in (0, 1, 2) for kind, a in (("weight", W[i]), ("bias", B[i]))},
    "keras": {f"dense_{i}/{k}": a for i in (0, 1, 2) for k, a in (("kernel:0", W[i].T), ("bias:0", B[i]))},
}


@pytest.mark.parametrize("name", [*NAMES, "in turn"])
def test_npz_under_common_names(name, tmp_path):
    path = tmp_path / "net.npz"
    if name == "in turn":
        np.savez(path, *(array for pair in zip(W, B, strict=True) for array in pair))
    else:
        np.savez(path, **NAMES[name])
    network = load(path)
    assert all(np.array_equal(a, b) for a, b in zip(network.weights, W, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(network.biases, B, strict=True))
    assert network.assumed[0].startswith("ReLU after every layer but the last")


def test_a_damaged_npz_is_one_line(tmp_path, capsys):
    path = tmp_path / "net.npz"
    path.write_bytes(b"no archive")
    message = refused(path, capsys)
    assert "not a file of numpy's savez" in message
    assert "pickle" not in message  # numpy's advice would run whatever the file says
    np.savez(path, steps=np.zeros(3))
    assert "entry 'steps' of shape (3,) is no layer's, expected arrays such as W0" in refused(path, capsys)
    np.savez(path, W0=W[0], b0=np.array(["a"] * 4, object))
    assert "not a file of numpy's savez (Python objects" in refused(path, capsys)
    np.savez(path, W0=W[0], b0=B[1], W1=np.ones((1, 3)), b1=B[2])
    assert "weight of shape (1, 3), expected (out, 4)" in refused(path, capsys)


def test_json_and_npz_are_counted_without_torch(tmp_path, triangle):
    tree = {"layers": [{"weight": [[1], [1]], "bias": [0, -0.5]}, {"weight": [[2, -4]], "bias": [0]}]}
    (triangle.folder / "net.json").write_text(json.dumps(tree))
    np.savez(triangle.folder / "net.npz", W0=W[0], b0=B[0], W1=W[2], b1=B[2])
    (triangle.folder / "torch.py").write_text("raise ImportError('torch is not to be imported')\n")
    (triangle.folder / "numba.py").write_text("raise ImportError('numba is not to be imported')\n")
    for name in ("net.json", "net.npz"):
        done = triangle("regions", name, "--box", "-1", "1", PYTHONPATH=str(triangle.folder))
        assert done.returncode == 0, done.stderr
        assert "linear regions" in done.stdout
        done = triangle("regions", name, "--box", "-1", "1", "--json", PYTHONPATH=str(triangle.folder))
        assert json.loads(done.stdout)["linear_regions"] > 1


def test_the_path_of_a_file_is_counted(tmp_path):
    tree = {
        "layers": [{"weight": [[1], [1]], "bias": [0, -0.5]}, {"weight": [[2, -4]], "bias": [0]}],
        "box": [[0, 1]],
    }
    (tmp_path / "net.json").write_text(json.dumps(tree))
    assert triangle_cli.count_regions(tmp_path / "net.json").linear_regions == 2
    assert "torch" in sys.modules  # the counts are tensors
