"""Exact counts of linear and activation regions of ReLU networks, from plain tensors: see docs/regions.md."""

from triangle_cli.regions.bounds import ceiling, expected_random
from triangle_cli.regions.counting import cells, count_regions, count_some, pieces, polygons, sizes
from triangle_cli.regions.line.counting import Pieces, RegionCounts
from triangle_cli.regions.plane.counting import Polygons
from triangle_cli.regions.slices import random_slices, restrict
from triangle_cli.regions.space.sizes import Cells, Sizes

__all__ = [
    "Cells",
    "Pieces",
    "Polygons",
    "RegionCounts",
    "Sizes",
    "ceiling",
    "cells",
    "count_regions",
    "count_some",
    "expected_random",
    "pieces",
    "polygons",
    "random_slices",
    "restrict",
    "sizes",
]
