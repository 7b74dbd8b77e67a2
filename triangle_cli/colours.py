"""Okabe and Ito's palette: told apart by the colour-blind, and in grey."""

from __future__ import annotations

BLACK, ORANGE, BLUE, GREY = "#000000", "#D55E00", "#0072B2", "#999999"
