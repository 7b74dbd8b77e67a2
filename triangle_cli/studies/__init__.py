"""Runs of one's own, looked at together: chosen, drawn, told on one page."""
