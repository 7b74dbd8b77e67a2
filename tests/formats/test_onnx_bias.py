"""Shapes of a bias that ONNX would spread over more values than a layer has."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from triangle_cli.formats import network_files


def written(path, bias):
    arrays = {"w": np.ones((2, 6), "f4"), "b": bias, "v": np.ones((6, 1), "f4")}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["h"], "bias"),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["y"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
        for name, size in (("x", 2), ("y", 1))
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)), path)
    return path


@pytest.mark.parametrize("shape", [(6,), (1, 6), (), (1, 1)])
def test_what_spreads_over_one_row_is_read(tmp_path, shape):
    network = network_files.load(written(tmp_path / "net.onnx", np.full(shape, 0.5, "f4")))
    assert network.biases[0].tolist() == [0.5] * 6
    assert network.assumed == ()


def test_a_column_is_refused_by_its_shape(tmp_path):
    path = written(tmp_path / "net.onnx", np.full((6, 1), 0.5, "f4"))
    with pytest.raises(
        ValueError, match=r"'bias' \(Add\) has a bias of shape \(6, 1\), which is spread over \(6, 6\)"
    ):
        network_files.load(path)
