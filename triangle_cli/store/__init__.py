"""Runs on disk: their files, locks, an index of them, and filters over its columns."""
