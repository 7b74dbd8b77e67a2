"""State_dicts of other programs: which order, which entry, and what they do not say."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from triangle_cli.cli import main
from triangle_cli.formats import network_files
from triangle_cli.formats.layer_order import order_layers
from triangle_cli.nn import TriangleLayer
from triangle_cli.regions import count_regions, pieces, polygons, restrict


class Numbered(nn.Module):
    """Twelve numbered layers of width 4 and one called out: in the alphabet's order it is another network."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.ModuleList([nn.Linear(1 if i == 0 else 4, 4) for i in range(12)])
        self.out = nn.Linear(4, 1)
        with torch.no_grad():
            for layer in self.layers:
                layer.weight *= 2


@pytest.fixture
def numbered():
    return Numbered().state_dict()


def counts(path, capsys, *words):
    assert main.main(["regions", str(path), "--box", "-1", "1", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def refused(path, capsys, *words):
    assert main.main(["regions", str(path), "--box", "-1", "1", *words]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_numbered_layers_follow_their_numbers(numbered, tmp_path, capsys):
    save_file = pytest.importorskip("safetensors.torch").save_file
    torch.save(numbered, tmp_path / "made.pt")
    torch.save(dict(sorted(numbered.items())), tmp_path / "sorted.pt")
    save_file(numbered, tmp_path / "made.safetensors")
    weights = [numbered[f"layers.{i}.weight"] for i in range(12)] + [numbered["out.weight"]]
    biases = [numbered[f"layers.{i}.bias"] for i in range(12)] + [numbered["out.bias"]]
    right = count_regions(weights, biases, (-1, 1))
    order = [0, 1, 10, 11, *range(2, 10), 12]
    other = count_regions([weights[i] for i in order], [biases[i] for i in order], (-1, 1))
    assert right.activation_regions.item() != other.activation_regions.item()  # so that this test can fail
    for name in ("made.pt", "sorted.pt", "made.safetensors"):
        found = counts(tmp_path / name, capsys)
        assert found["linear_regions"] == right.linear_regions.item()
        assert found["activation_regions"] == right.activation_regions.item()
        assert found["assumed"].startswith("ReLU after every layer but the last")


@pytest.mark.parametrize(
    ("names", "sizes", "is_sorted", "order"),
    [
        (["h.0", "h.2", "h.10"], [(4, 4)] * 3, True, [0, 1, 2]),
        (["h.0", "h.10", "h.2"], [(4, 4)] * 3, True, [0, 2, 1]),
        (["fc1", "fc10", "fc2", "out"], [(1, 4), (4, 4), (4, 4), (4, 1)], True, [0, 2, 1, 3]),
        (["b", "a"], [(1, 4), (4, 1)], False, [0, 1]),  # as the model was made
        (["decode", "encode"], [(4, 2), (3, 4)], True, [1, 0]),  # by their shapes
        (["decode", "encode"], [(4, 4), (4, 4)], True, None),
        # numbers against the order in which the model was made
        (["fc2", "fc1"], [(4, 4), (4, 4)], False, None),
        (["fc2", "fc1"], [(2, 3), (3, 1)], False, [0, 1]),
        (["block.1.a", "block.1.b", "block.0.a"], [(4, 4)] * 3, False, None),
    ],
)
def test_the_order_of_layers(names, sizes, is_sorted, order):
    assert order_layers(names, sizes, is_sorted) == order


def test_a_search_through_orders_ends():
    names = [f"{chr(97 + i)}{chr(97 + i)}" for i in range(26)]
    assert order_layers(names, [(4, 4)] * 25 + [(5, 5)], True) is None


def test_a_doubt_is_asked_about(tmp_path, capsys):
    made = {"decode": nn.Linear(1, 1), "encode": nn.Linear(1, 1)}
    state = {
        f"{name}.{key}": t for name, layer in made.items() for key, t in sorted(layer.state_dict().items())
    }
    torch.save(state, tmp_path / "two.pt")
    assert "--layers decode,encode in the right order" in refused(tmp_path / "two.pt", capsys)
    network = network_files.load(tmp_path / "two.pt", layers=["encode", "decode"])
    assert network.weights[0].tolist() == made["encode"].weight.tolist()
    assert counts(tmp_path / "two.pt", capsys, "--layers", "encode,decode")["activation_regions"] >= 1
    assert "expected all of decode, encode, each once" in refused(
        tmp_path / "two.pt", capsys, "--layers", "encode"
    )


def test_a_file_that_says_what_stands_between_carries_no_assumption(tmp_path, capsys):
    tree = {"layers": [{"weight": [[1]], "bias": [0]}, {"weight": [[1]], "bias": [0]}]}
    (tmp_path / "net.json").write_text(json.dumps(tree))
    assert "assumed" not in counts(tmp_path / "net.json", capsys)
    torch.save(nn.Sequential(nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1)).state_dict(), tmp_path / "tanh.pt")
    assert main.main(["regions", str(tmp_path / "tanh.pt"), "--box", "-1", "1"]) == 0
    assert (
        "\nassumed: ReLU after every layer but the last: a state_dict does not say\n"
        in capsys.readouterr().out
    )


def test_a_convolution_without_bias_is_not_two_networks(tmp_path, capsys):
    model = nn.Sequential(nn.Conv1d(2, 4, 1, bias=False), nn.ReLU(), nn.Conv1d(4, 2, 1, bias=False))
    torch.save(model.state_dict(), tmp_path / "conv.pt")
    assert "'0.weight' of shape (4, 2, 1) is of a convolution" in refused(tmp_path / "conv.pt", capsys)


def test_checkpoints_and_layers_that_are_not_plain(tmp_path, capsys):
    model = nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 1))
    torch.save(model.state_dict(), tmp_path / "net.pt")
    plain = counts(tmp_path / "net.pt", capsys)
    for name, key in (("ckpt.pt", "model_state_dict"), ("lightning.ckpt", "state_dict")):
        torch.save({"epoch": 3, key: model.state_dict(), "loss": 0.1, "hyper": {"lr": 1}}, tmp_path / name)
        assert counts(tmp_path / name, capsys)["linear_regions"] == plain["linear_regions"]
    torch.save({"model": model.state_dict(), "ema": model.state_dict()}, tmp_path / "two.pt")
    assert "2 entries are state_dicts, model, ema: expected a file with one" in refused(
        tmp_path / "two.pt", capsys
    )
    layered = nn.Sequential(TriangleLayer(1, 3, depth=2), nn.Linear(3, 1))
    torch.save(layered.state_dict(), tmp_path / "layer.pt")
    assert "triangle_cli.nn.plain_layers(model) makes them" in refused(tmp_path / "layer.pt", capsys)


@pytest.mark.parametrize("name", ["net.onnx", "net.pt", "net.safetensors", "net.json"])
def test_a_git_lfs_pointer_is_called_one(tmp_path, capsys, name):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 55889\n")
    assert "a Git LFS pointer, not the file itself, expected `git lfs pull` first" in refused(
        tmp_path / name, capsys
    )


def test_arrays_of_numpy_are_counted_as_tensors_are():
    rng = np.random.default_rng(0)
    for inputs, box, parts in ((1, [[-1, 1]], pieces), (2, [[-1, 1], [-1, 1]], polygons)):
        weights = [rng.normal(size=(5, inputs)), rng.normal(size=(1, 5))]
        biases = [rng.normal(size=5), rng.normal(size=1)]
        tensors = [[torch.from_numpy(value) for value in values] for values in (weights, biases)]
        assert count_regions(weights, biases, np.array(box)) == count_regions(*tensors, box)
        assert (
            len(parts(weights, biases, box).gradient if inputs == 2 else parts(weights, biases, box).left) > 1
        )
    sliced = restrict(
        [rng.normal(size=(4, 3)), np.ones((1, 4))], [np.zeros(4), np.zeros(1)], [[0, 0, 0], [1, 1, 1]]
    )
    assert all(isinstance(value, torch.Tensor) for value in sliced[0])
