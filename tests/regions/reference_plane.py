"""Brute-force region counter in the plane, in rational arithmetic and by other means than the package.

Polygons are split one neuron at a time with `fractions.Fraction`, without a shared mesh; neighbours are found
afterwards as overlaps of positive length between sides on the same line. Slow, short, and with no tolerance.
"""

from collections import defaultdict
from fractions import Fraction


def rational(tensor):
    """Nested lists of Fractions of a tensor's floats."""
    return [rational(row) for row in tensor] if tensor.ndim else Fraction(tensor.item())


def clip(polygon, a, b, c):
    """The part of a convex polygon where a x + b y + c >= 0; empty if it has no area."""
    value = [a * x + b * y + c for x, y in polygon]
    if max(value) <= 0:
        return []
    kept = []
    for i, (x, y) in enumerate(polygon):
        last_x, last_y = polygon[i - 1]
        u, v = value[i - 1], value[i]
        if u * v < 0:
            t = u / (u - v)
            kept.append((last_x + t * (x - last_x), last_y + t * (y - last_y)))
        if v >= 0:
            kept.append((x, y))
    return kept


def area(polygon):
    """Area of a polygon, any orientation."""
    return abs(sum(p[0] * q[1] - p[1] * q[0] for p, q in zip(polygon, polygon[1:] + polygon[:1]))) / 2


def activation_regions(weights, biases, polygon):
    """List of (polygon, on/off pattern, affine map of the outputs) of one network of nested Fractions."""
    pieces = [(polygon, (), [(1, 0, 0), (0, 1, 0)])]
    for weight, bias in zip(weights[:-1], biases[:-1]):
        pieces = [piece for old in pieces for piece in _layer(weight, bias, *old)]
    return [(p, pattern, _affine(weights[-1], biases[-1], h)) for p, pattern, h in pieces]


def _affine(weight, bias, inputs):
    return [
        tuple(sum(w * h[i] for w, h in zip(row, inputs)) + (b if i == 2 else 0) for i in range(3))
        for row, b in zip(weight, bias)
    ]


def _layer(weight, bias, polygon, pattern, inputs):
    pieces = [(polygon, pattern, [])]
    for a, b, c in _affine(weight, bias, inputs):
        split = []
        for part, signs, outputs in pieces:
            positive, negative = clip(part, a, b, c), clip(part, -a, -b, -c)
            if positive:
                split.append((positive, (*signs, True), [*outputs, (a, b, c)]))
            if negative or not positive:  # a neuron that is 0 all over is off
                split.append((negative or part, (*signs, False), [*outputs, (0, 0, 0)]))
        pieces = split
    return pieces


def _sides(polygon):
    """(normalised line, interval along it) of each side."""
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1]):
        a, b = y1 - y0, x0 - x1
        if a == 0 == b:
            continue
        c = -(a * x0 + b * y0)
        scale = a if a != 0 else b
        ends = (y0, y1) if a != 0 else (x0, x1)
        yield (a / scale, b / scale, c / scale), min(ends), max(ends)


def linear_regions(pieces):
    """Label of each piece: equal for pieces joined through sides that overlap, with one affine map."""
    label = list(range(len(pieces)))

    def find(i):
        while label[i] != i:
            i = label[i]
        return i

    on_line = defaultdict(list)
    for i, (polygon, _, _) in enumerate(pieces):
        for line, low, high in _sides(polygon):
            on_line[line].append((i, low, high))
    for sides in on_line.values():
        for n, (i, low, high) in enumerate(sides):
            for j, other_low, other_high in sides[:n]:
                if max(low, other_low) < min(high, other_high) and pieces[i][2] == pieces[j][2]:
                    label[find(i)] = find(j)
    return [find(i) for i in range(len(pieces))]


def counts(weights, biases, box, share=Fraction(1, 10**9)):
    """Counts of one network of tensors, by the names of `RegionCounts`."""
    box = rational(box)
    if len(box) == 2:
        (x0, x1), (y0, y1) = box
        box = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    pieces = activation_regions(rational_layers(weights), rational_layers(biases), [tuple(p) for p in box])
    label = linear_regions(pieces)
    sizes = defaultdict(Fraction)
    for i, (polygon, _, _) in zip(label, pieces):
        sizes[i] += area(polygon)
    least = share * area(box)
    return {
        "linear_regions": len(set(label)),
        "activation_regions": len({pattern for _, pattern, _ in pieces}),
        "wide_linear_regions": sum(size > least for size in sizes.values()),
        "wide_activation_regions": sum(area(polygon) > least for polygon, _, _ in pieces),
        "dead_neurons": sum(not any(column) for column in zip(*(pattern for _, pattern, _ in pieces))),
    }


def rational_layers(tensors):
    """`rational` of every layer."""
    return [rational(tensor) for tensor in tensors]
