"""Networks with one input whose regions are known: as lists of weight and bias tensors."""

import torch


def network(*layers, dtype=torch.float64):
    """weights and biases from (weight, bias) pairs of nested lists."""
    weights, biases = zip(*layers)
    return [torch.tensor(w, dtype=dtype) for w in weights], [torch.tensor(b, dtype=dtype) for b in biases]


def sawtooth(depth):
    """2u - 4 relu(u - 1/2), `depth` times: 2^depth pieces on [0, 1]."""
    middle = ([[2, -4], [2, -4]], [0, -0.5])
    return network(([[1], [1]], [0, -0.5]), *[middle] * (depth - 1), ([[2, -4]], [0]))


def threefold_sawtooth(depth):
    """relu(3u) - relu(6u - 2) + relu(6u - 4), `depth` times: 3^depth pieces, no breakpoint a float."""
    middle = ([[3, -3, 3], [6, -6, 6], [6, -6, 6]], [0, -2, -4])
    return network(([[3], [6], [6]], [0, -2, -4]), *[middle] * (depth - 1), ([[1, -1, 1]], [0]))


def triangle_network(peaks, first_scale=0.25, inward=True, dtype=torch.float64):
    """x - F(x) of width 4 from depth + 1 peaks, with the scales that make its limit differentiable.

    The paper's Theorem 3.1; the table of layers is the project's own. For exact arithmetic it has exactly
    2^depth linear regions; `inward` shrinks both slopes of every triangle by two units in the last place,
    so that the rounded network has as many. peaks: depth + 1 floats in (0, 1); with 1/2 throughout it
    interpolates x^2.
    """
    depth = len(peaks) - 1
    shrink = 1 - 2 * torch.finfo(dtype).eps if inward else 1.0
    offset = 2.0  # keeps the first neuron, x - F + offset, on
    layers = [([[1], [1], [1], [0]], [offset, 0, -peaks[0], 1])]
    for i in range(depth):
        ratio = first_scale if i == 0 else (1 - peaks[i]) * peaks[i + 1]
        up = ratio / peaks[i] * shrink
        down = up / (1 - peaks[i]) * shrink
        if i == depth - 1:
            layers.append(([[1, -up, down, 0]], [-offset]))
        else:
            rows = [
                [1, -up, down, 0],
                [0, up, -down, 0],
                [0, up, -down, -ratio * peaks[i + 1]],
                [0, 0, 0, ratio],
            ]
            layers.append((rows, [0, 0, 0, 0]))
    return network(*layers, dtype=dtype)


def random_network(widths, seed, scale=1.0):
    """Normal weights of variance 2 / fan-in, normal biases; widths: neurons of each layer, outputs last."""
    generator = torch.Generator().manual_seed(seed)
    weights, biases, fan_in = [], [], 1
    for width in widths:
        weight = torch.randn(width, fan_in, generator=generator, dtype=torch.float64)
        weights.append(weight * (2 / fan_in) ** 0.5)
        biases.append(scale * torch.randn(width, generator=generator, dtype=torch.float64))
        fan_in = width
    return weights, biases


def forward(weights, biases, x):
    """Outputs (n, outputs) at x: (n,)."""
    values = x[:, None]
    for index, (weight, bias) in enumerate(zip(weights, biases)):
        values = (values if index == 0 else values.relu()) @ weight.T + bias
    return values
