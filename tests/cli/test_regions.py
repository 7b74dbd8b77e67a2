"""`triangle regions` as a user types it; what is wrong with a file is tried in one process, to save its start."""

import doctest
import json
import re
import shutil
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from conftest import TINY
from onnx import TensorProto, helper, numpy_helper
from regions.line_networks import sawtooth
from torch.nn import Linear, ReLU, Sequential

from triangle_cli.cli import main
from triangle_cli.inspection import report
from triangle_cli.inspection.pictures import neighbours, region_colours
from triangle_cli.regions import (
    bounds,
    count_regions,
    count_some,
    counting,
    polygons,
    random_slices,
    restrict,
    sizes,
    slices,
)
from triangle_cli.regions.counting import count_rows
from triangle_cli.regions.slices import SEGMENT


def as_json(weights, biases, box=None):
    layers = [{"weight": w.tolist(), "bias": b.tolist()} for w, b in zip(weights, biases, strict=True)]
    return {"layers": layers} | ({} if box is None else {"box": box})


def write(path, tree):
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path.name


def trained(*sizes, seed=0):
    """A Sequential of Linear and ReLU, PyTorch's default weights."""
    torch.manual_seed(seed)
    layers = [layer for a, b in pairwise(sizes) for layer in (Linear(a, b), ReLU())]
    return Sequential(*layers[:-1])


def layers_of(model):
    linear = [layer for layer in model if isinstance(layer, Linear)]
    return [layer.weight.detach() for layer in linear], [layer.bias.detach() for layer in linear]


KINK = {  # outputs relu(x - 1/4) and relu(x - 1/2): a kink in either is a kink
    "layers": [
        {"weight": [[1], [1], [1]], "bias": [-0.25, -0.5, -2]},
        {"weight": [[1, 0, 0], [0, 1, 0]], "bias": [0, 1]},
    ],
    "box": [[0, 1]],
}


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def answer_here(words, capsys):
    """The JSON that the command prints, without a process of its own."""
    assert main.main(["regions", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_sawtooth_in_json_and_with_exact(triangle, capsys):
    name = write(triangle.folder / "saw.json", as_json(*sawtooth(9), box=[[0, 1]]))
    found = answer(triangle("regions", name, "--json"))
    assert found["linear_regions"] == found["activation_regions"] == 2**9
    assert found["wide_linear_regions"] == found["wide_activation_regions"] == 2**9
    assert found["dead_neurons"] == 0
    assert found["ceiling"] == 3**9
    assert found["expected_random"] == 18
    assert found["hidden_widths"] == [2] * 9
    assert (found["inputs"], found["outputs"], found["box"]) == (1, 1, [[0, 1]])
    assert found["narrowest"]["width"] == found["widest"]["width"] == 2**-9
    assert found["exact"].startswith("exact:")
    assert 0 < found["seconds"] < 60
    exact = answer_here([triangle.folder / name, "--exact"], capsys)
    different = {key for key in found if found[key] != exact[key]}
    assert different == {"file", "seconds", "loading_seconds", "exact"}


def test_two_outputs_a_dead_neuron_and_a_table_of_pieces(triangle):
    write(triangle.folder / "kink.json", KINK)
    done = triangle("regions", "kink.json", "--breakpoints", "out/pieces.csv", "--picture", "out/kink.png")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "1 input, 2 outputs, 1 hidden layer of width 3, float64 in [0, 1] linear regions 3 " in text
    assert "dead neurons 1 of 3" in text
    table = pd.read_csv(triangle.folder / "out" / "pieces.csv")
    assert table["left"].tolist() == [0, 0.25, 0.5]
    assert table["right"].tolist() == [0.25, 0.5, 1]
    assert table[["slope_0", "slope_1"]].to_numpy().tolist() == [[0, 0], [1, 0], [1, 1]]
    assert table[["intercept_0", "intercept_1"]].to_numpy().tolist() == [[0, 1], [-0.25, 1], [-0.25, 0.5]]
    assert table["y_right_1"].tolist() == [1, 1, 1.5]
    assert (triangle.folder / "out" / "kink.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (triangle.folder / "out").iterdir()} == {"pieces.csv", "kink.png"}


def test_a_run_folder_and_its_network(shared_triangle, tmp_path, capsys):
    done = shared_triangle("run", *TINY, "schedule=peaks_only", "hydra.run.dir=mine")
    assert done.returncode == 0, done.stderr
    folder = shared_triangle.folder / "mine"
    record = json.loads((folder / "run.json").read_text())
    found = answer(shared_triangle("regions", "mine", "--json"))
    assert found["linear_regions"] == 8
    assert found["restart"] == record["best_restart"]
    assert found["box"] == [record["interval"]]
    other = answer(
        shared_triangle("regions", "mine/network.pt", "--restart", "1", "--json", "--box", "0", "1")
    )
    assert (other["linear_regions"], other["restart"]) == (8, 1)
    network = folder / "network.pt"
    assert "--restart 2: expected one of 0, 1" in refused([folder, "--restart", "2"], capsys)
    (tmp_path / "alone.pt").write_bytes(network.read_bytes())
    alone = refused([tmp_path / "alone.pt", "--box", "0", "1"], capsys)
    assert "holds 2 networks, expected --restart K, 0 to 1" in alone
    stages = [stage | {"best_restart": None} for stage in record["stages"]]
    (folder / "run.json").write_text(
        json.dumps(record | {"best_restart": None, "stages": stages, "best": {}})
    )
    assert "all restarts diverged, expected --restart K" in refused([folder], capsys)
    (folder / "fit.png").unlink()
    assert "fit.png: No such file" in refused([network], capsys)


def test_a_state_dict_in_the_plane(triangle):
    model = trained(2, 12, 12, 1)
    torch.save(model.state_dict(), triangle.folder / "net.pt")
    done = triangle("regions", "net.pt", "--box", "-1", "1", "-2", "2e0", "--json", "--picture", "net.png")
    found = answer(done)
    counts = count_regions(*layers_of(model), [[-1, 1], [-2, 2]])
    assert found["linear_regions"] == counts.linear_regions.item() > 10
    assert found["activation_regions"] == counts.activation_regions.item()
    assert found["ceiling"] == (1 + 12 + 66) ** 2
    assert found["dtype"] == "float32"
    assert 0 < found["narrowest"]["area"] < 8 / found["linear_regions"] < found["widest"]["area"]
    assert (triangle.folder / "net.png").read_bytes().startswith(b"\x89PNG")


def test_a_long_count_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    def slow(*network, tell=None, **options):
        if tell is not None:
            tell(12345)
            time.sleep(0.5)
        return count_rows(*network, **options)

    monkeypatch.setattr(report, "FIRST", 0.01)
    monkeypatch.setattr(report, "count_rows", slow)
    path = tmp_path / "net.json"
    path.write_text('{"layers": [{"weight": [[1, 1]], "bias": [0]}, {"weight": [[1]], "bias": [0]}]}')
    main.main(["regions", str(path), "--box", "-1", "1"])
    assert "12,345 activation regions so far, 0 s\n" in capsys.readouterr().err


def test_sizes_say_how_far_they_are_as_soon_as_they_begin_and_are_waited_for(tmp_path, monkeypatch, capsys):
    def slow(*network, tell=None, **options):
        if tell is not None:
            tell(5)
            time.sleep(0.5)
            tell(6)
        return sizes(*network, **options)

    monkeypatch.setattr(report, "FIRST", 0.01)
    monkeypatch.setattr(report, "sizes", slow)
    path = tmp_path / "net.json"
    write(path, as_json(*layers_of(trained(3, 4, 1).double()), box=[[-1, 1]] * 3))
    main.main(["regions", str(path), "--json"])
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert f"sizes of {found['activation_regions']} activation regions, " in said.err
    assert found["seconds"] > 0.5


def test_loading_is_told_apart_from_a_count_with_a_limit(tmp_path, monkeypatch, capsys):
    def slow(weights, biases, box, limit, **options):
        if not any(weights[0][:, 1:].ravel()):  # the network by which the compiled code is loaded
            time.sleep(0.5)
        return count_some(weights, biases, box, limit, **options)

    monkeypatch.setattr(report, "count_some", slow)
    path = tmp_path / "net.json"
    write(path, as_json(*layers_of(trained(3, 4, 1).double()), box=[[-1, 1]] * 3))
    found = answer_here([path, "--limit", 5], capsys)
    assert found["seconds"] < 0.5 < found["loading_seconds"]


@pytest.mark.parametrize("words", [["--exact"], ["--limit", "3"]])
def test_threads_that_are_not_used_are_said_not_to_be(tmp_path, capsys, words):
    path = tmp_path / "net.json"
    write(path, as_json(*layers_of(trained(3, 2, 1).double()), box=[[-1, 1]] * 3))
    main.main(["regions", str(path), "--threads", "2", *words])
    assert capsys.readouterr().err == f"--threads 2: unused by {words[0]}, which has one thread\n"
    main.main(["regions", str(path), *words])
    assert capsys.readouterr().err == ""


def test_shares_of_an_interval_longer_than_the_largest_float_are_numbers(tmp_path, capsys):
    path = tmp_path / "net.json"
    write(path, as_json([np.array([[1.0]]), np.array([[1.0]])], [np.zeros(1)] * 2, box=[[-1.5e308, 1.5e308]]))
    assert [answer_here([path], capsys)[name]["share"] for name in ("narrowest", "widest")] == [0.5, 0.5]


@pytest.mark.parametrize(("size", "text"), [(1e300, "beyond float64"), (1e-300, "under 1e-15")])
@pytest.mark.parametrize("widths", [(2, 3, 1), (2, 50, 1)])  # by the mesh, by the walk
def test_areas_that_no_float_holds_are_not_resolved(tmp_path, capsys, size, text, widths):
    path = tmp_path / "net.json"
    weights, biases = layers_of(trained(*widths).double())
    write(path, as_json(weights, [bias * size for bias in biases], box=[[-size, size]] * 2))
    found = answer_here([path], capsys)["widest"]
    assert not found["area"]
    assert found["is_resolved"] is False
    assert 0 < found["share"] < 1
    main.main(["regions", str(path)])
    assert f"widest linear region {text} in area" in " ".join(capsys.readouterr().out.split())


def test_a_line_and_lines_through_many_inputs(triangle, capsys):
    model = trained(5, 8, 8, 3)
    torch.save(model.state_dict(), triangle.folder / "net.pt")
    start, end = [-1.0, 0.5, 2, 0, 0.1], [1.0, 1, -2, 0.3, -4]
    (triangle.folder / "end.json").write_text(json.dumps(end))
    found = answer(triangle("regions", "net.pt", "--line", "-1,0.5,2,0,0.1", "@end.json", "--json"))
    wanted = count_regions(*restrict(*layers_of(model), [start, end]), SEGMENT)
    assert found["linear_regions"] == wanted.linear_regions.item() > 3
    assert found["line"] == [start, end]
    assert found["ceiling"] == 9**2
    assert found["hidden_widths"] == [8, 8]

    mean = answer_here([triangle.folder / "net.pt", "--lines", 7, "--seed", 3, "--box", "-1", "1"], capsys)
    lines = random_slices([[-1, 1]] * 5, 2, 7, seed=3)
    counts = [
        count_regions(*restrict(*layers_of(model), ends.tolist()), SEGMENT).linear_regions.item()
        for ends in lines
    ]
    assert mean["linear_regions"]["mean"] == pytest.approx(np.mean(counts))
    assert mean["linear_regions"]["standard_error"] == pytest.approx(np.std(counts, ddof=1) / 7**0.5)
    assert mean["exact"].startswith("an average over random lines, not a count")


def gemm(name, model_layer, x, y):
    """A Gemm node and its initializers."""
    arrays = {f"{name}.w": model_layer.weight, f"{name}.b": model_layer.bias}
    tensors = [numpy_helper.from_array(value.detach().numpy(), key) for key, value in arrays.items()]
    return helper.make_node("Gemm", [x, f"{name}.w", f"{name}.b"], [y], name, transB=1), tensors


def save_onnx(path, nodes, tensors, inputs, outputs, result="y"):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", inputs])],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", outputs])],
        tensors,
    )
    onnx.save(helper.make_model(graph), path)


def test_onnx_with_gemm_matmul_add_and_a_last_relu(triangle, capsys):
    model = trained(2, 6, 6, 1)
    first, tensors = gemm("first", model[0], "x", "h")
    arrays = {"w": model[2].weight.T, "b": model[2].bias, "v": model[4].weight.T}
    tensors += [numpy_helper.from_array(v.detach().contiguous().numpy(), k) for k, v in arrays.items()]
    nodes = [
        first,
        helper.make_node("Relu", ["h"], ["i"]),
        helper.make_node("MatMul", ["i", "w"], ["j"]),
        helper.make_node("Add", ["b", "j"], ["k"]),
        helper.make_node("Relu", ["k"], ["l"]),
        helper.make_node("MatMul", ["l", "v"], ["m"]),
    ]
    save_onnx(triangle.folder / "net.onnx", nodes, tensors, 2, 1, result="m")
    found = answer(triangle("regions", "net.onnx", "--box", "-3", "3", "--json"))
    weights, biases = layers_of(model)
    counts = count_regions(weights, [*biases[:2], torch.zeros(1)], [[-3, 3], [-3, 3]])
    assert found["linear_regions"] == counts.linear_regions.item() > 5

    save_onnx(triangle.folder / "relu.onnx", [*nodes, helper.make_node("Relu", ["m"], ["y"])], tensors, 2, 1)
    last = answer_here([triangle.folder / "relu.onnx", "--box", "-3", "3"], capsys)
    rectified = [*weights, torch.ones(1, 1)], [*biases[:2], torch.zeros(1), torch.zeros(1)]
    assert last["linear_regions"] == count_regions(*rectified, [[-3, 3], [-3, 3]]).linear_regions.item()
    assert last["hidden_widths"] == [6, 6, 1]


def test_without_the_package_onnx_one_line_says_what_to_install(triangle):
    (triangle.folder / "onnx.py").write_text("raise ImportError('not here')\n")
    (triangle.folder / "net.onnx").write_bytes(b"")
    done = triangle("regions", "net.onnx", "--box", "0", "1", PYTHONPATH=str(triangle.folder))
    assert done.returncode == 1
    assert "pip install '.[onnx]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_teaches_and_words_not_understood_get_two(triangle):
    done = triangle("regions", "--help")
    assert "triangle regions model.onnx --box 0 1 -2 2 --json" in done.stdout
    assert "activation" in done.stdout
    assert triangle("regions", "net.pt", "--lines", "2", "--planes", "2").returncode == 2


LAYER = {"weight": [[1.0], [2.0]], "bias": [0, 1]}
LAST = {"weight": [[1.0, 1.0]], "bias": [0]}
JSON_ERRORS = {
    "no layers": ({"box": [[0, 1]]}, "no list of layers"),
    "not json": ("layers: 3", "not JSON of finite numbers"),
    "NaN": ('{"layers": [{"weight": [[NaN]], "bias": [0]}]}', "NaN is not a finite number"),
    "overflow": ('{"layers": [{"weight": [[1e999]], "bias": [0]}]}', "layers[0]: weight holds inf"),
    "huge integer": (
        f'{{"layers": [{{"weight": [[1{"0" * 400}]], "bias": [0]}}]}}',
        "beyond float64's range",
    ),
    "ragged": (
        {"layers": [{"weight": [[1], [1, 2]], "bias": [0, 0]}]},
        "layers[0].weight: rows of 1, 2 numbers",
    ),
    "text": ({"layers": [{"weight": [["1"]], "bias": [0]}]}, "weight: expected a list of lists of numbers"),
    "no bias": ({"layers": [{"weight": [[1]]}]}, "layers[0] has 'weight', expected 'weight' and 'bias'"),
    "activation": ({"layers": [LAYER | {"activation": "tanh"}]}, "layers[0] has 'activation', 'bias'"),
    "unknown entry": ({"layers": [LAYER], "activation": "tanh"}, "unknown entry 'activation'"),
    "layers": ({"layers": [LAYER, LAYER]}, "layers[1]: weight of shape (2, 1), expected (out, 2)"),
    "bias": ({"layers": [LAYER | {"bias": [1]}]}, "layers[0]: bias of shape (1,), expected (2,)"),
    "no box": ({"layers": [LAYER, LAST]}, "has no box of its own, expected --box LO HI"),
    "box of no size": ({"layers": [LAYER, LAST], "box": [[1, 1]]}, "box [1, 1]: expected two finite numbers"),
    "two boxes": ({"layers": [LAYER, LAST], "box": [[0, 1], [0, 1]]}, "expected one [lo, hi] per input"),
    "flat box": ({"layers": [LAYER, LAST], "box": [0, 1]}, "box: expected a list of lists of numbers"),
    "no neurons": ({"layers": [{"weight": [], "bias": []}]}, "weight of shape (0,), expected (out, in)"),
}


def refused(words, capsys):
    """The one line that the command answers with."""
    assert main.main(["regions", *map(str, words)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("triangle regions: ")
    assert len(shown.err.splitlines()) == 1
    return shown.err


@pytest.mark.parametrize("name", JSON_ERRORS)
def test_json_that_is_no_network_is_refused_by_name(name, tmp_path, capsys):
    tree, message = JSON_ERRORS[name]
    write(tmp_path / "net.json", tree)
    found = refused([tmp_path / "net.json", "--picture", tmp_path / "never.png"], capsys)
    assert message in found
    assert [path.name for path in tmp_path.iterdir()] == ["net.json"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--box", "1", "0"], "box [1, 0]: expected two finite numbers"),
        (["--box", "0", "inf"], "box [0, inf]"),
        (["--box", "-1e0", "0", "1"], "--box: 3 numbers for 1 inputs, expected LO HI"),
        (["--restart", "0"], "--restart 0: "),
        (["--picture", "a.bmp"], "--picture a.bmp: expected a name in .png, .pdf, .svg, .html"),
        (["--line", "0", "0"], "expected two different points"),
        (["--line", "0,1", "0"], "0,1: 2 numbers, expected 1"),
        (["--line", "0", "one"], "one: expected 1 numbers"),
        (["--line", "0", "@missing.json"], "missing.json: No such file"),
        (["--line", "0", "1", "--box", "0", "1"], "--box: expected none"),
        (["--plane", "0", "1", "2"], "expected three points that are not on one line"),
        (["--planes", "2"], "--planes 2: 1 input, expected 2 or more"),
        (["--lines", "0"], "--lines 0: expected 1 or more"),
        (["--seed", "-1", "--lines", "3"], "--seed -1: expected 0 or more"),
        (
            ["--info", "--picture", "a.png"],
            "--picture: expected neither --info nor --check, which count nothing",
        ),
        (["--seed", "3"], "--seed 3: expected --lines N, --planes N or --check, which draw at random"),
        (["--lines", "3", "--breakpoints", "a.csv"], "--breakpoints: expected one network"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(words, message, tmp_path, capsys):
    write(tmp_path / "net.json", KINK)
    assert message in refused([tmp_path / "net.json", *words], capsys)


def test_files_that_are_no_networks_are_refused_by_name(tmp_path, capsys):
    model = trained(2, 3, 1)

    def saved(content):
        torch.save(content, tmp_path / "net.pt")
        return refused([tmp_path / "net.pt", "--box", "0", "1"], capsys)

    assert "expected a run folder" in refused([tmp_path / "none"], capsys)
    assert "not a finished run" in refused([tmp_path], capsys)
    assert "torch.save(model.state_dict(), ..)" in saved(model)
    assert "holds a list, expected a state_dict" in saved([1, 2])
    assert "entry 'epoch' is a int, expected a tensor" in saved(model.state_dict() | {"epoch": 3})
    conv = Sequential(torch.nn.Conv2d(1, 2, 3))
    assert "'0.weight' of shape (2, 1, 3, 3) belongs to no Linear layer" in saved(conv.state_dict())
    norm = Sequential(Linear(2, 3), torch.nn.BatchNorm1d(3), Linear(3, 1))
    assert "'1.weight' of shape (3,) belongs to no Linear layer" in saved(norm.state_dict())
    state = model.state_dict()
    assert "2.bias has no 2.weight" in saved({k: v for k, v in state.items() if k != "2.weight"})
    for other in (
        torch.Tensor.int,
        torch.Tensor.to_sparse,
        lambda v: v.to("meta"),
        lambda v: v.to(torch.float8_e5m2),
    ):
        changed = {name: other(tensor) for name, tensor in state.items()}
        assert re.search("expected (floating point of 16 to 64 bits|a plain tensor)", saved(changed))
    state["0.bias"][1] = float("nan")
    assert "net.pt: 0: bias holds nan, expected finite numbers" in saved(state)
    for junk in (b"", b"PK\x03\x04 not a zip", bytes(range(256))):
        (tmp_path / "net.pt").write_bytes(junk)
        assert "net.pt: not a " in refused([tmp_path / "net.pt"], capsys)
    found = {
        b"": "empty",
        "a text, \u00e9\n".encode(): "text",
        b"x": "text",
        b"PK\x03\x04": None,
        b"\x80": None,
    }
    for junk, kind in found.items():
        (tmp_path / "net.pt").write_bytes(junk)
        said = refused([tmp_path / "net.pt"], capsys)
        assert (
            f"net.pt: not a network ({kind or 'damaged, or another format'}), expected a run folder" in said
        ) or (kind is None and "net.pt: not a file of plain tensors, expected a run folder" in said)
    torch.save(model.state_dict(), tmp_path / "net.npz")
    assert "net.npz: not a file of numpy's savez (a zip with " in refused([tmp_path / "net.npz"], capsys)
    torch.save(trained(3, 4, 1).state_dict(), tmp_path / "deep.pt")
    assert "expected one or two, or --line" in refused(
        [tmp_path / "deep.pt", "--box", "0", "1", "--picture", str(tmp_path / "a.png")], capsys
    )


def test_onnx_that_is_not_read_is_refused_by_name(tmp_path, capsys):
    model = trained(2, 3, 3, 1)
    path = tmp_path / "net.onnx"
    (first, tensors), (second, more) = gemm("a", model[0], "x", "h"), gemm("b", model[2], "i", "y")

    def saved(nodes, tensors):
        save_onnx(path, nodes, tensors, 2, 3)
        return refused([path, "--box", "0", "1"], capsys)

    said = saved([first, helper.make_node("Tanh", ["h"], ["i"]), second], tensors + more)
    assert "is Tanh, which is not piecewise linear, expected the network up to 'h'" in said
    product = helper.make_node("Mul", ["h", "h"], ["y"], "square")
    assert "node 'square' (Mul) multiplies two values" in saved([first, product], tensors)
    assert "is Unheard, expected Gemm" in saved([helper.make_node("Unheard", ["x"], ["y"])], [])
    lost = helper.make_node("Relu", ["z"], ["y"], "late")
    assert "node 'late' (Relu) takes 'z', which nothing before it makes" in saved([lost], [])
    path.write_bytes(b"no protobuf at all")
    assert "not an ONNX network" in refused([path, "--box", "0", "1"], capsys)


def test_neighbouring_regions_have_different_colours_and_touching_ones_are_no_neighbours():
    cross = [torch.eye(2), torch.ones(1, 2)], [torch.zeros(2), torch.zeros(1)]  # relu(x) + relu(y)
    found = polygons(*cross, [[-1, 1], [-1, 1]])
    assert len(neighbours(found)) == 4
    assert sorted(region_colours(found)) == [0, 0, 1, 1]
    found = polygons(*layers_of(trained(2, 16, 16, 1)), [[-1, 1], [-1, 1]])
    pairs, colour = neighbours(found), region_colours(found)
    assert len(pairs) > len(colour) > 20
    assert (colour[pairs[:, 0]] != colour[pairs[:, 1]]).all()


PAGE = Path(__file__).parents[2] / "docs" / "regions.md"


@pytest.mark.slow  # compiles the counter for any number of inputs a second time, in another process
def test_the_examples_in_the_documentation_are_right(tmp_path, monkeypatch, capsys):
    text = doctest.testfile(str(PAGE), module_relative=False)
    for checked in (text, doctest.testmod(slices), doctest.testmod(bounds), doctest.testmod(counting)):
        assert checked.attempted > 1
        assert checked.failed == 0
    monkeypatch.chdir(shutil.copytree(PAGE.parent / "examples", tmp_path / "examples"))
    for block in re.findall(r"```console\n\$ triangle (.*?)```", PAGE.read_text(), re.DOTALL):
        words, _, shown = block.partition("\n")
        assert main.main(words.split()) == 0
        printed = capsys.readouterr().out
        for found, documented in zip(printed.splitlines(), shown.splitlines(), strict=True):
            if "seconds" not in found and "counted in" not in found:
                assert found == documented


def test_every_key_of_the_json_is_documented(capsys):
    examples = PAGE.parent / "examples"
    line = ["--line", "0,0,0,0,0", "1,0,0,0,0"]
    for words in (["plane.json"], ["five.json", "--lines", 2], ["five.json", *line]):
        for key in answer_here([examples / words[0], *words[1:]], capsys):
            assert f"`{key}`" in PAGE.read_text()


def test_a_picture_that_cannot_be_written_leaves_no_file_and_loses_no_count(tmp_path, capsys):
    write(tmp_path / "kink.json", KINK)
    (tmp_path / "taken").write_text("a file, not a folder")
    words = ["--picture", tmp_path / "taken" / "x.png", "--breakpoints", tmp_path / "taken" / "x.csv"]
    assert main.main(["regions", *map(str, [tmp_path / "kink.json", *words])]) == 1
    shown = capsys.readouterr()
    assert re.search(r"linear regions +3$", shown.out, re.MULTILINE)
    assert shown.err.startswith("triangle regions: ")
    assert len(shown.err.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"kink.json", "taken"}


def test_three_inputs_their_cells_a_limit_and_threads(triangle):
    model = trained(3, 8, 8, 1).double()
    write(triangle.folder / "deep.json", as_json(*layers_of(model), box=[[-1, 1]] * 3))
    found = answer(triangle("regions", "deep.json", "--json", "--threads", "2", "--cells", "out/cells.npz"))
    weights, biases = layers_of(model)
    counts = count_regions(weights, biases, [[-1, 1]] * 3)
    assert found["linear_regions"] == counts.linear_regions.item() > 50
    assert found["wide_activation_regions"] == counts.wide_activation_regions.item()
    assert found["ceiling"] == (1 + 8 + 28 + 56) ** 2
    assert 0 < found["narrowest"]["volume"] < found["widest"]["volume"] < 8
    cells = np.load(triangle.folder / "out" / "cells.npz")
    assert len(cells["volume"]) == found["activation_regions"]
    assert cells["volume"].sum() == pytest.approx(8)
    done = triangle("regions", "deep.json", "--cells", "cells.parquet")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(triangle.folder / "cells.parquet")
    assert table["volume"].tolist() == cells["volume"].tolist()
    assert len(table["normals"][0]) == len(table["constants"][0]) >= 4
    done = triangle("regions", "deep.json", "--limit", "20")
    assert done.returncode == 0, done.stderr
    assert "activation regions >= 20" in " ".join(done.stdout.split())
    assert "a lower bound" in done.stdout


def test_options_of_three_inputs_are_refused_by_name(tmp_path, capsys):
    model = trained(3, 4, 1).double()
    path = tmp_path / "deep.json"
    write(path, as_json(*layers_of(model), box=[[-1, 1]] * 3))
    for words, message in (
        (["--cells", "cells.csv"], "--cells cells.csv: expected a name in .npz, .parquet"),
        (["--limit", "0"], "--limit 0: expected 1 or more"),
        (["--threads", "0"], "--threads 0: expected 1 or more"),
        (["--limit", "5", "--exact"], "--limit: expected no --exact"),
        (["--breakpoints", "a.csv"], "--cells is for more"),
        (["--lines", "3", "--limit", "5"], "--limit: expected one network on one line or plane, not --lines"),
    ):
        assert message in refused([path, *words], capsys), words
