"""Spaces of free numbers, optimizers that move in them, and schedules of phases."""
