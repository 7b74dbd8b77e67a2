"""Okabe and Ito's palette: told apart by the colour-blind, and in grey."""

from __future__ import annotations

BLACK, VERMILLION, BLUE, GREY = "#000000", "#D55E00", "#0072B2", "#999999"
SKY_BLUE, GREEN, ORANGE, PURPLE = "#56B4E9", "#009E73", "#E69F00", "#CC79A7"
BY_NAME = {
    "black": BLACK,
    "vermillion": VERMILLION,
    "blue": BLUE,
    "grey": GREY,
    "sky blue": SKY_BLUE,
    "green": GREEN,
    "orange": ORANGE,
    "purple": PURPLE,
}
