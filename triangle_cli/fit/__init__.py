"""Fitting a function: targets, points, starts, what is measured, and pictures of the fit."""
