"""Layers for PyTorch models, in the place of ReLUs: see docs/layers.md."""

from triangle_cli.nn.export import plain_layers
from triangle_cli.nn.layer import TriangleActivation, TriangleLayer, convert, outer_slopes, release

__all__ = ["TriangleActivation", "TriangleLayer", "convert", "outer_slopes", "plain_layers", "release"]
