"""Exact counts of linear and activation regions of ReLU networks, from plain tensors: see docs/regions.md."""

from triangle_cli.regions.bounds import ceiling, expected_random
from triangle_cli.regions.counting import count_regions
from triangle_cli.regions.line.counting import Pieces, RegionCounts, pieces
from triangle_cli.regions.plane.counting import Polygons, polygons
from triangle_cli.regions.slices import random_slices, restrict

__all__ = [
    "Pieces",
    "Polygons",
    "RegionCounts",
    "ceiling",
    "count_regions",
    "expected_random",
    "pieces",
    "polygons",
    "random_slices",
    "restrict",
]
