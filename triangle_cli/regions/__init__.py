"""Exact counts of linear and activation regions of ReLU networks."""

from triangle_cli.regions.line import Pieces, RegionCounts, count_regions, pieces

__all__ = ["Pieces", "RegionCounts", "count_regions", "pieces"]
