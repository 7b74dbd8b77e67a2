"""Region counts of networks with one input by brute force in rational arithmetic, in code of its own.

Every neuron is a piecewise linear function on one common list of knots; zeros of neurons become knots,
layer by layer. Patterns are then read off by evaluating the network at the middle of every interval.
"""

from fractions import Fraction
from itertools import pairwise


def evaluate(weights, biases, x):
    """Pre-activations of every layer at a rational x; weights[l][j][k] and biases[l][j] are Fractions."""
    values, layers = [x], []
    for index, (weight, bias) in enumerate(zip(weights, biases)):
        inputs = values if index == 0 else [max(value, Fraction(0)) for value in values]
        values = [sum((w * v for w, v in zip(row, inputs)), b) for row, b in zip(weight, bias)]
        layers.append(values)
    return layers


def knots(weights, biases, lo, hi):
    """The ends of the box and every point inside where some hidden neuron changes sign."""
    points = [lo, hi]
    for layer in range(len(weights) - 1):
        values = [evaluate(weights, biases, x)[layer] for x in points]
        found = set(points)
        for (x, at_x), (y, at_y) in pairwise(list(zip(points, values))):
            for u, v in zip(at_x, at_y):
                if u * v < 0:
                    found.add(x + (y - x) * u / (u - v))
        points = sorted(found)
    return points


def count(weights, biases, lo, hi):
    """(linear, activation, dead, wide linear, wide activation) of a network as nested lists of floats."""
    weights = [[[Fraction(w) for w in row] for row in weight] for weight in weights]
    biases = [[Fraction(b) for b in bias] for bias in biases]
    lo, hi = Fraction(lo), Fraction(hi)
    points = knots(weights, biases, lo, hi)
    outputs = [evaluate(weights, biases, x)[-1] for x in points]

    lengths, ever_on = {}, set()  # of each pattern, all intervals together
    slopes, linear_lengths = [], []
    for (x, at_x), (y, at_y) in pairwise(list(zip(points, outputs))):
        hidden = evaluate(weights, biases, (x + y) / 2)[:-1]
        pattern = tuple(value > 0 for layer in hidden for value in layer)
        lengths[pattern] = lengths.get(pattern, 0) + y - x
        ever_on |= {neuron for neuron, on in enumerate(pattern) if on}
        slope = [(v - u) / (y - x) for u, v in zip(at_x, at_y)]
        if not slopes or slope != slopes[-1]:
            slopes.append(slope)
            linear_lengths.append(Fraction(0))
        linear_lengths[-1] += y - x
    narrow = (hi - lo) / 10**9
    neurons = sum(len(bias) for bias in biases[:-1])
    wide = [sum(length > narrow for length in group) for group in (linear_lengths, lengths.values())]
    return len(slopes), len(lengths), neurons - len(ever_on), *wide
