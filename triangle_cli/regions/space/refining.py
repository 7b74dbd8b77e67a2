# mypy: allow-untyped-defs, no-check-untyped-defs
"""A vertex computed afresh from the hyperplanes it is on, with a bound that does not remember its history.

Vertices are interpolated between earlier ones, and the bound on where they truly are grows with every step. Here n
of its facets are solved for: with an approximate inverse B of their unit rows M, |M B - 1| <= q < 1/2, the true
vertex is within |B| (|residual| + error of the forms) / (1 - q) of x.
"""

# ruff: noqa: ANN001, ANN201
from numba import int64

from triangle_cli.regions.space.arena import (
    COLUMNS,
    COUNT,
    CROSSING,
    LAYER,
    ROW,
    SMALL,
    SPLITTER,
    VALUE,
)
from triangle_cli.regions.space.bits import compiled
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import stage


@compiled
def gather_planes(s, frame, v, n):
    """Unit rows (a, c, error, error of a) of the facets of vertex v into s.planes; how many, at most 64."""
    mask = s.facets[s.frame[ROW, frame] + v]
    rows = 0
    for b in range(65):
        if b < 64:
            if not mask >> b & 1:
                continue
            label = s.label[b]
        else:
            if v < s.frame[COUNT, frame]:
                continue
            label = s.frame[SPLITTER, frame]
        if rows == s.planes.shape[0]:
            return rows
        row = s.planes[rows]
        if label < 0:
            side = -1 - label
            for j in range(n):
                row[j] = 0.0
            row[side // 2] = 1.0
            row[n] = -s.ends[side // 2, side % 2]
            row[n + 1] = 4.0 * UNIT
            row[n + 2] = 0.0
        else:
            layer = 0
            while s.neuron_at[layer + 1] <= label:
                layer += 1
            width = s.widths[layer + 1]
            at = s.form_at[layer] + label - s.neuron_at[layer]
            scale = s.slope[label] - 2.0 * s.error[label]
            if not scale > 1e-150:
                continue
            for j in range(n + 1):
                row[j] = s.forms[at + j * width] / scale
            row[n + 1] = s.base[label] / scale * ROOM + 4.0 * UNIT * (1.0 + abs(row[n]))
            row[n + 2] = 2.0 * s.error[label] / scale * ROOM
        rows += 1
    return rows


@compiled
def choose(s, rows, n):
    """Put n rows of s.planes first that are far from dependent; False if there are none."""
    for step in range(n):
        for r in range(rows):
            for j in range(n):
                s.square[r, j] = s.planes[r, j]
        # eliminate what the rows chosen before span
        for done in range(step):
            best = 0
            for j in range(n):
                if abs(s.square[done, j]) > abs(s.square[done, best]):
                    best = j
            if s.square[done, best] == 0.0:
                return False
            for r in range(done + 1, rows):
                factor = s.square[r, best] / s.square[done, best]
                for j in range(n):
                    s.square[r, j] -= factor * s.square[done, j]
        largest, chosen = 0.0, -1
        for r in range(step, rows):
            for j in range(n):
                if abs(s.square[r, j]) > largest:
                    largest, chosen = abs(s.square[r, j]), r
        if chosen < 0:
            return False
        for j in range(s.planes.shape[1]):
            s.planes[step, j], s.planes[chosen, j] = s.planes[chosen, j], s.planes[step, j]
    return True


@compiled
def invert(s, n):
    """s.inverse of the first n rows of s.planes by Gauss and Jordan with row pivots; False if singular."""
    for i in range(n):
        for j in range(n):
            s.square[i, j] = s.planes[i, j]
            s.inverse[i, j] = 1.0 if i == j else 0.0
    for i in range(n):
        pivot = i
        for r in range(i + 1, n):
            if abs(s.square[r, i]) > abs(s.square[pivot, i]):
                pivot = r
        if not abs(s.square[pivot, i]) > 1e-100:
            return False
        if pivot != i:
            for j in range(n):
                s.square[i, j], s.square[pivot, j] = s.square[pivot, j], s.square[i, j]
                s.inverse[i, j], s.inverse[pivot, j] = s.inverse[pivot, j], s.inverse[i, j]
        scale = 1.0 / s.square[i, i]
        for j in range(n):
            s.square[i, j] *= scale
            s.inverse[i, j] *= scale
        for r in range(n):
            if r != i:
                factor = s.square[r, i]
                for j in range(n):
                    s.square[r, j] -= factor * s.square[i, j]
                    s.inverse[r, j] -= factor * s.inverse[i, j]
    return True


@compiled
def residuals(s, place, n):
    """s.column[0][:n] of the planes at a place; the largest of |residual| + error of the plane."""
    worst = 0.0
    for i in range(n):
        total = s.planes[i, n]
        for j in range(n):
            total += s.planes[i, j] * place[j]
        s.residual[i] = total
        worst = max(worst, abs(total) + s.planes[i, n + 1])
    return worst


@compiled
def quality_of(s, n):
    """A bound on |M B - 1| and the norm of B, for the first n rows M of s.planes and s.inverse B."""
    norm, most, slack = 0.0, 0.0, 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += abs(s.inverse[i, j])
            most = max(most, abs(s.inverse[i, j]))
        norm = max(norm, total)
        slack = max(slack, s.planes[i, n + 2])
    quality = 0.0
    for i in range(n):
        total = 0.0
        for k in range(n):
            entry = -1.0 if i == k else 0.0
            for j in range(n):
                entry += s.planes[i, j] * s.inverse[j, k]
            total += abs(entry)
        quality = max(quality, total)
    quality = (quality + n * most * (slack + (n + 4) * 4.0 * UNIT)) * ROOM
    return quality, norm


@stage(int64, int64, int64)
def refine(s, frame, v, n):
    """Solve for vertex v of the frame and evaluate its columns anew, if that lowers its doubt."""
    at_row = s.frame[ROW, frame] + v
    s.fine[at_row] = 1
    rows = gather_planes(s, frame, v, n)
    if rows < n or (rows > n and not choose(s, rows, n)) or not invert(s, n):
        return
    quality, norm = quality_of(s, n)
    if not quality < 0.5:
        return
    place = s.place[at_row]
    residuals(s, place, n)
    for j in range(n):
        x = place[j]
        for i in range(n):
            x -= s.inverse[j, i] * s.residual[i]
        s.moved[j] = x
    doubt = norm * (residuals(s, s.moved, n) + (n + 4) * UNIT) / (1.0 - quality) * ROOM + SMALL
    if not doubt < s.doubt[at_row]:
        return
    s.doubt[at_row] = doubt
    for j in range(n):
        place[j] = s.moved[j]
    columns, start = s.frame[COLUMNS, frame], s.frame[CROSSING, frame]
    layer = s.frame[LAYER, frame]
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    form, at = s.form_at[layer], s.frame[VALUE, frame] + v * columns
    for c in range(columns):
        i = s.crossing[start + c] - first
        total = s.forms[form + n * width + i]
        for j in range(n):
            total += place[j] * s.forms[form + j * width + i]
        s.values[at + c] = total
