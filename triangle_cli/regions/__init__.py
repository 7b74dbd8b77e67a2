"""Exact counts of linear and activation regions of ReLU networks."""
