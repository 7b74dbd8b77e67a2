# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Areas of cells, and how many regions have more than a share of the domain: compiled."""

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.plane.kernels import SLACK, UNIT, integers
from triangle_cli.regions.plane.questions import ask_larger
from triangle_cli.regions.plane.records import FLOATS, HISTORY, INTEGERS, MESH

SHARE = 1e-9  # `exact.WIDE`


@inside()
def areas_of(mesh):
    """Areas of the cells and their bounds, each (c,)."""
    n = len(mesh.pointer) - 1
    area, bound = np.empty(n), np.empty(n)
    set_areas(mesh, area, bound)
    return area, bound


@inside(**UNCOUNTED)
def set_areas(mesh, area, bound):
    """`areas_of` into area and bound."""
    for c in range(area.size):
        start, end = mesh.pointer[c], mesh.pointer[c + 1]
        first = mesh.ends[mesh.sides[start] >> 1, mesh.sides[start] & 1]
        twice = reach = doubt = 0.0
        bx = by = 0.0
        for i in range(start, end):
            corner = mesh.ends[mesh.sides[i] >> 1, mesh.sides[i] & 1]
            ax, ay = bx, by
            bx, by = (
                mesh.points[corner, 0] - mesh.points[first, 0],
                mesh.points[corner, 1] - mesh.points[first, 1],
            )
            twice += ax * by - ay * bx
            reach = max(reach, abs(bx), abs(by))
            doubt = max(doubt, mesh.point_errors[corner, 0], mesh.point_errors[corner, 1])
        size = end - start
        area[c] = abs(twice) / 2
        reach = reach + 2 * doubt
        bound[c] = 4 * size * (2 * doubt * reach + (size + 4) * UNIT * reach * reach) + 1e-300


@inside(**UNCOUNTED)
def add_areas(label, area, bound, region, region_bound):
    """Areas and bounds of the regions that the cells are part of, added to what is 0."""
    for cell in range(label.size):
        region[label[cell]] += area[cell]
        region_bound[label[cell]] += bound[cell]


@inside(**UNCOUNTED)
def surely_wide(region, bound, cells, whole, whole_bound, exact, unsure):
    """How many regions surely have more than SHARE of `whole`, and how many are unsure, which are put into an array."""
    count = m = 0
    for i in range(region.size):
        doubt = (bound[i] + cells * UNIT * region[i]) * SLACK
        if not exact and 1e300 > region[i] > SHARE * (whole + whole_bound) * SLACK + doubt:
            count += 1
        elif exact or not region[i] + doubt < SHARE * (whole - whole_bound) / SLACK:
            unsure[m] = i
            m += 1
    return count, m


@apart(
    *(MESH, HISTORY, INTEGERS, types.int64, FLOATS, FLOATS, types.float64, types.float64, types.boolean),
    error_model="numpy",
)
def wide(mesh, history, label, regions, area, bound, whole, whole_bound, exact):
    """How many of so many regions `label` (per cell) have more than SHARE of the domain's area, `whole`."""
    region, region_bound, unsure = np.zeros(regions), np.zeros(regions), np.empty(regions, np.int64)
    add_areas(label, area, bound, region, region_bound)
    count, m = surely_wide(region, region_bound, label.size, whole, whole_bound, exact, unsure)
    if m:
        corners = integers(mesh.sides.size, 2)
        for i in range(mesh.sides.size):
            vertex = mesh.ends[mesh.sides[i] >> 1, mesh.sides[i] & 1]
            corners[i, 0], corners[i, 1] = mesh.vertex_lines[vertex, 0], mesh.vertex_lines[vertex, 1]
        count += ask_larger(history, corners, mesh.pointer, label, unsure[:m])
    return count
