"""Brute-force region counter in n dimensions, in rational arithmetic and by other means than the package.

A cell is a list of half-spaces; its vertices are all points where n of them meet that lie in the others. It is
split by every neuron that is positive at one vertex and negative at another. Two cells with one map are joined if the
vertices of their intersection span n - 1 dimensions. Slow, short, and with no tolerance.
"""

from fractions import Fraction
from itertools import combinations


def rational(tensor):
    """Nested lists of Fractions of a tensor's floats."""
    return [rational(row) for row in tensor] if tensor.ndim else Fraction(tensor.item())


def rank(rows):
    """Rank of a matrix of Fractions."""
    rows, found = [list(row) for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / rows[found][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[found])]
        found += 1
    return found


def meeting_point(planes, n):
    """Where n hyperplanes (a_1, .., a_n, c), a . x + c = 0, meet in one point, or None."""
    rows = [list(plane) for plane in planes]
    for i in range(n):
        pivot = next((r for r in range(i, n) if rows[r][i] != 0), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(n):
            if r != i and rows[r][i] != 0:
                factor = rows[r][i]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i])]
    return tuple(-row[n] for row in rows)


def value(plane, point):
    """a . x + c."""
    return sum(a * x for a, x in zip(plane, point)) + plane[-1]


def vertices(planes, n):
    """All vertices of {x: value >= 0 for every plane}."""
    found = set()
    for some in combinations(planes, n):
        point = meeting_point(some, n)
        if point is not None and point not in found and all(value(plane, point) >= 0 for plane in planes):
            found.add(point)
    return list(found)


def dimension(points):
    """Of the affine hull of points; -1 for none."""
    return rank([[x - y for x, y in zip(point, points[0])] for point in points[1:]]) if points else -1


def trimmed(planes, points, n):
    """Only the half-spaces that are facets, each once."""
    kept = []
    for plane in planes:
        on = [point for point in points if value(plane, point) == 0]
        if dimension(on) == n - 1 and not any(set(on) == set(other) for _, other in kept):
            kept.append((plane, on))
    return [plane for plane, _ in kept]


def activation_regions(weights, biases, box, linear=None):
    """List of (half-spaces, on/off pattern, affine map of the outputs) of one network of nested Fractions.

    linear: of each hidden layer, which neurons have no ReLU.
    """
    n = len(box)
    linear = linear or [[False] * len(bias) for bias in biases[:-1]]
    planes = []
    for j, (low, high) in enumerate(box):
        for end, sign in ((low, 1), (high, -1)):
            planes.append((*(Fraction(sign * (i == j)) for i in range(n)), -sign * end))
    identity = [tuple(Fraction(i == j) for j in range(n + 1)) for i in range(n)]
    cells = [(planes, vertices(planes, n), (), identity)]
    for weight, bias, kept in zip(weights[:-1], biases[:-1], linear):
        cells = [cell for old in cells for cell in _layer(weight, bias, kept, *old, n)]
    return [(planes, on, _affine(weights[-1], biases[-1], h, n)) for planes, _, on, h in cells]


def _affine(weight, bias, inputs, n):
    return [
        tuple(sum(w * h[i] for w, h in zip(row, inputs)) + (b if i == n else 0) for i in range(n + 1))
        for row, b in zip(weight, bias)
    ]


def _layer(weight, bias, linear, planes, points, on, inputs, n):
    cells = [(planes, points, on, [])]
    nothing = (Fraction(0),) * (n + 1)
    for form, is_linear in zip(_affine(weight, bias, inputs, n), linear):
        split = []
        for planes, points, on, outputs in cells:  # noqa: PLR1704 - the reference reads as the recursion
            values = [value(form, point) for point in points]
            if min(values) < 0 < max(values) and not is_linear:
                for sign in (1, -1):
                    more = [*planes, tuple(sign * a for a in form)]
                    corners = vertices(more, n)
                    part = trimmed(more, corners, n), corners, (*on, sign == 1)
                    split.append((*part, [*outputs, form if sign == 1 else nothing]))
            else:
                is_on = max(values) > 0 or is_linear
                split.append((planes, points, (*on, is_on), [*outputs, form if is_on else nothing]))
        cells = split
    return cells


def linear_regions(cells, n):
    """Their number: cells joined through a common facet, with one affine map."""
    label = list(range(len(cells)))

    def find(i):
        while label[i] != i:
            i = label[i]
        return i

    for i, (planes, _, maps) in enumerate(cells):
        for j, (others, _, other_maps) in enumerate(cells[:i]):
            if maps == other_maps and find(i) != find(j) and dimension(vertices(planes + others, n)) == n - 1:
                label[find(i)] = find(j)
    return len({find(i) for i in range(len(cells))})


def counts(weights, biases, box, linear=None):
    """(linear regions, activation regions, dead neurons) of one network of tensors; box: (n, 2) tensor."""
    box = rational(box)
    cells = activation_regions([rational(w) for w in weights], [rational(b) for b in biases], box, linear)
    assert len({on for _, on, _ in cells}) == len(cells)
    dead = sum(not any(column) for column in zip(*(on for _, on, _ in cells)))
    return linear_regions(cells, len(box)), len(cells), dead
