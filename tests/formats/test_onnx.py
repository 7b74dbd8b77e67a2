"""ONNX, node by node: the values are onnxruntime's, and what is not read is refused by name and remedy."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import triangle_cli
from triangle_cli.cli import main
from triangle_cli.formats import load

RNG = np.random.default_rng(0)
onnxruntime.set_default_logger_severity(4)


def normal(*shape, dtype="f4"):
    return RNG.normal(size=shape).astype(dtype)


def saved(path, shape, nodes, constants, opset=17, kind=TensorProto.FLOAT):
    """A graph from (type, inputs, outputs, attributes); inputs and outputs are words, x goes in and y comes out."""
    made = [
        helper.make_node(op, ins.split(), outs.split(), name=f"n{i}", **given)
        for i, (op, ins, outs, given) in enumerate(nodes)
    ]
    ends = [helper.make_tensor_value_info("x", kind, shape), helper.make_tensor_value_info("y", kind, None)]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(made, "g", ends[:1], ends[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def agrees(path, tolerance=2e-5):
    """Whether onnxruntime says the same at random points; returns our reading."""
    network = load(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    x = np.random.default_rng(1).uniform(-2, 2, (20, network.inputs))
    x = x.astype("f8" if given.type == "tensor(double)" else "f4")
    theirs = np.stack(
        [session.run(None, {given.name: row.reshape(network.shape)})[0].reshape(-1) for row in x]
    )
    ours = network.layers.values_at(x.astype(float))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=tolerance * max(1, np.abs(theirs).max()))
    assert len(theirs) > 1
    assert np.ptp(theirs, axis=0).max() > 0  # so that this test can fail
    return network


I64 = np.int64
CASES = {  # shape, nodes, constants, opset
    "gemm": (
        (1, 3),
        [("Gemm", "x w b", "y", {"alpha": 0.5, "beta": 2.0, "transB": 1})],
        {"w": normal(4, 3), "b": normal(4)},
    ),
    "gemm, turned": ((3, 1), [("Gemm", "x w", "y", {"transA": 1})], {"w": normal(3, 4)}),
    "w @ x": (
        (3, 1),
        [("MatMul", "w x", "h", {}), ("Add", "h b", "a", {}), ("Relu", "a", "y", {})],
        {"w": normal(4, 3), "b": normal(4, 1)},
    ),
    "vectors": ((3,), [("MatMul", "x w", "y", {})], {"w": normal(3)}),
    "constants": (
        (1, 3),
        [("Sub", "x a", "h", {}), ("Mul", "b h", "i", {}), ("Div", "i c", "j", {}), ("Sub", "a j", "y", {})],
        {"a": normal(3), "b": normal(1, 3), "c": np.array([2, 3, -0.5], "f4")},
    ),
    "activations": (
        (1, 4),
        [
            ("LeakyRelu", "x", "a", {"alpha": 0.1}),
            ("PRelu", "a s", "b", {}),
            ("Abs", "b", "c", {}),
            ("Neg", "c", "d", {}),
            ("HardSigmoid", "d", "y", {}),
        ],
        {"s": normal(4)},
    ),
    "clip": (
        (1, 4),
        [
            ("Clip", "x lo hi", "a", {}),
            ("Clip", "x lo", "b", {}),
            ("Clip", "x none hi", "c", {}),
            ("Concat", "a b c", "y", {"axis": 1}),
        ],
        {"lo": np.float32(-0.5), "hi": np.float32(0.75), "none": np.float32(-np.inf)},
    ),
    "clip, opset 6": ((1, 4), [("Clip", "x", "y", {"min": -0.5, "max": 6.0})], {}, 9),
    "extremes": (
        (1, 4),
        [("Max", "x w b", "a", {}), ("Min", "a x w", "y", {})],
        {"w": normal(4), "b": normal(1)},
    ),
    "folded": (
        (1, 3),
        [
            ("Transpose", "w", "v", {}),
            ("Cast", "v", "u", {"to": 1}),
            ("Constant", "", "c", {"value_floats": [1.0, 2.0, 3.0, 4.0]}),
            ("Identity", "c", "d", {}),
            ("MatMul", "x u", "h", {}),
            ("Add", "h d", "y", {}),
        ],
        {"w": normal(4, 3, dtype="f8")},
    ),
    "conv": (
        (1, 4, 6, 5),
        [
            (
                "Conv",
                "x w b",
                "h",
                {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2], "group": 2},
            ),
            ("Relu", "h", "y", {}),
        ],
        {"w": normal(6, 2, 3, 2), "b": normal(6)},
    ),
    "conv, same": (
        (1, 2, 7),
        [("Conv", "x w", "y", {"auto_pad": "SAME_LOWER", "strides": [2], "kernel_shape": [4]})],
        {"w": normal(3, 2, 4)},
    ),
    "pools": (
        (1, 2, 7, 7),
        [
            ("MaxPool", "x", "a", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
            ("AveragePool", "a", "b", {"kernel_shape": [2, 3], "pads": [1, 0, 0, 1]}),
            ("GlobalAveragePool", "b", "y", {}),
        ],
        {},
    ),
    "average, padded": (
        (1, 1, 5, 5),
        [
            (
                "AveragePool",
                "x",
                "y",
                {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], "count_include_pad": 1},
            )
        ],
        {},
    ),
    "normalized": (
        (1, 3, 2),
        [("BatchNormalization", "x g b m v", "y", {})],
        {"g": normal(3), "b": normal(3), "m": normal(3), "v": np.abs(normal(3)) + 0.1},
    ),
    "skip": (
        (1, 4),
        [
            ("Gemm", "x w", "h", {}),
            ("Relu", "h", "r", {}),
            ("Add", "r x", "s", {}),
            ("Concat", "s h", "c", {"axis": -1}),
            ("Relu", "c", "y", {}),
        ],
        {"w": normal(4, 4)},
    ),
    "moves": (
        (1, 2, 6),
        [
            ("Flatten", "x", "a", {}),
            ("Reshape", "a s", "b", {}),
            ("Transpose", "b", "c", {"perm": [0, 2, 1]}),
            ("Unsqueeze", "c ax", "d", {}),
            ("Squeeze", "d ax", "e", {}),
            ("Slice", "e st en ax st", "f", {}),
            ("Split", "f", "g h", {"axis": 1, "num_outputs": 2}),
            ("Sub", "g h", "y", {}),
        ],
        {
            "s": np.array([0, 3, -1], I64),
            "ax": np.array([1], I64),
            "st": np.array([1], I64),
            "en": np.array([5], I64),
        },
        18,
    ),
    "view": (
        (1, 2, 3),
        [
            ("Shape", "x", "s", {}),
            ("Gather", "s zero", "n", {"axis": 0}),
            ("Unsqueeze", "n ax", "m", {}),
            ("Concat", "m rest", "to", {"axis": 0}),
            ("Reshape", "x to", "h", {}),
            ("Gather", "h some", "y", {"axis": 1}),
        ],
        {
            "zero": np.array(0, I64),
            "ax": np.array([0], I64),
            "rest": np.array([-1], I64),
            "some": np.array([5, 0, 2], I64),
        },
    ),
    "pad": (
        (1, 1, 3),
        [("Pad", "x p", "h", {}), ("ReduceMean", "h", "y", {"axes": [2], "keepdims": 0})],
        {"p": np.array([0, 0, 1, 0, 0, 2], I64)},
        17,
    ),
    "reduced": (
        (1, 4, 2),
        [
            ("ReduceMax", "x", "a", {"axes": [1]}),
            ("ReduceMin", "x", "b", {"axes": [1]}),
            ("ReduceSum", "x ax", "c", {}),
            ("Sum", "a b c", "y", {}),
        ],
        {"ax": np.array([1], I64)},
        17,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_onnxruntime(name, tmp_path):
    shape, nodes, constants, *opset = CASES[name]
    agrees(saved(tmp_path / "net.onnx", shape, nodes, constants, *opset))


def test_exact_arithmetic_is_told_from_rounding(tmp_path):
    def assumed(divisor):
        nodes = [("Div", "x d", "h", {}), ("Relu", "h", "y", {})]
        return load(saved(tmp_path / "net.onnx", (1, 2), nodes, {"d": np.full(2, divisor, "f4")})).assumed

    assert assumed(4.0) == ()
    assert "rounded" in assumed(3.0)[0]


def test_counts_follow_from_the_graph(tmp_path, capsys):
    nodes = [("LeakyRelu", "x", "a", {"alpha": 0.5}), ("ReduceMax", "a", "y", {"axes": [1]})]
    path = saved(tmp_path / "net.onnx", (1, 2), nodes, {})
    # max(f(x), f(y)) with f increasing: x > y or not, then the sign of the larger
    assert triangle_cli.count_regions(path, [[-1, 1]] * 2).linear_regions == 4
    assert main.main(["regions", str(path), "--info", "--check", "--json"]) == 0
    said = capsys.readouterr().out
    assert '"agrees": true' in said
    # x itself is carried, no neurons are made
    assert '"lowered": "2 ReLUs and 2 neurons without ReLU"' not in said


def test_a_check_that_fails_has_exit_code_1(tmp_path, capsys, monkeypatch):
    path = saved(tmp_path / "net.onnx", (1, 2), [("Relu", "x", "y", {})], {})
    network = load(path)
    network.layers.biases[-1][:] = 1.0
    monkeypatch.setattr("triangle_cli.formats.network_files.load", lambda *_: network)
    assert main.main(["regions", str(path), "--check"]) == 1
    assert "DIFFERS from this reading: largest difference 1 at 100" in capsys.readouterr().out


REFUSED = {
    "softmax": (
        [("Softmax", "x", "y", {})],
        {},
        "is Softmax, which is not piecewise linear, expected the network up to 'x'",
    ),
    "argmax": (
        [("ArgMax", "x", "y", {})],
        {},
        "is ArgMax, which is not continuous, expected the network up to 'x'",
    ),
    "product": ([("Mul", "x x", "y", {})], {}, "multiplies two values, which is not piecewise linear"),
    "halves": ([("Cast", "x", "y", {"to": 10})], {}, "casts values to float16, which rounds them"),
    "nan": ([("Add", "x b", "y", {})], {"b": np.array([np.nan, 0], "f4")}, "'n0' (Add) holds nan"),
    "column": (
        [("Add", "x b", "y", {})],
        {"b": normal(2, 1)},
        "bias of shape (2, 1), which is spread over (2, 2)",
    ),
    "shapes": ([("MatMul", "x w", "y", {})], {"w": normal(3, 2)}, "a matrix of shape (3, 2) after 2 values"),
    "huge": ([("Expand", "x s", "y", {})], {"s": np.array([2**20, 2**20, 2], I64)}, "GB of memory"),
    "wide": ([("Pad", "x p", "y", {})], {"p": np.array([0, 0, 0, 2**50], I64)}, "GB of memory"),
    "constant": ([("Identity", "b", "y", {})], {"b": normal(2)}, "the output y does not depend on the input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_one_line(name, tmp_path, capsys):
    nodes, constants, said = REFUSED[name]
    path = saved(tmp_path / "net.onnx", (1, 2), nodes, constants)
    assert main.main(["regions", str(path), "--box", "0", "1"]) == 1
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


class Small(nn.Module):
    """Convolutions, normalization, a skip, pooling, a view."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.norm, self.out = nn.BatchNorm2d(2), nn.Linear(8, 3)

    def forward(self, x):
        h = nn.functional.leaky_relu(self.norm(self.a(x)), 0.1)
        h = nn.functional.max_pool2d(h + self.b(h).relu(), 2)
        return self.out(h.view(x.size(0), -1))


@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_both_exporters_of_torch(dynamo, tmp_path):
    torch.manual_seed(0)
    model, example = Small().eval(), torch.randn(1, 1, 4, 4)
    path = tmp_path / "small.onnx"
    axes = {} if dynamo else {"dynamic_axes": {"x": {0: "n"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter is deprecated
        torch.onnx.export(model, (example,), path, input_names=["x"], dynamo=dynamo, verbose=False, **axes)
    network = agrees(path)
    mine = triangle_cli.lower(model, (1, 4, 4))
    assert network.hidden_widths == mine.hidden_widths
    points = np.random.default_rng(2).normal(size=(9, 16))
    np.testing.assert_allclose(network.layers.values_at(points), mine.layers.values_at(points), atol=1e-5)


def test_a_network_of_scikit_learn(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.neural_network import MLPRegressor

    x = normal(60, 2)
    model = MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged
        model.fit(x, x[:, 0] ** 2)
        made = skl2onnx.to_onnx(model, x[:1])
    (tmp_path / "mlp.onnx").write_bytes(made.SerializeToString())
    network = agrees(tmp_path / "mlp.onnx")
    assert network.hidden_widths == [5, 4]
    np.testing.assert_allclose(network.layers.values_at(x)[:, 0], model.predict(x), atol=1e-5)
