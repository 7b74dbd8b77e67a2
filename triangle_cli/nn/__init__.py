"""Layers for PyTorch models, in the place of ReLUs: see docs/layers.md."""

from triangle_cli.nn.convert import convert
from triangle_cli.nn.export import plain_layers
from triangle_cli.nn.layer import TriangleActivation, TriangleLayer, outer_slopes, release
from triangle_cli.nn.limit import LimitActivation, LimitLayer
from triangle_cli.nn.unroll import unroll, unrolled_bound

__all__ = [
    "LimitActivation",
    "LimitLayer",
    "TriangleActivation",
    "TriangleLayer",
    "convert",
    "outer_slopes",
    "plain_layers",
    "release",
    "unroll",
    "unrolled_bound",
]
