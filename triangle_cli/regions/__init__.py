"""Exact counts of linear and activation regions of ReLU networks."""

from triangle_cli.regions.line import RegionCounts, count_regions

__all__ = ["RegionCounts", "count_regions"]
