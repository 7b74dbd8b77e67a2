"""Tables and figures of experiments, from the runs on disk."""
