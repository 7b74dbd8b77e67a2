"""Networks of one input: exact pieces of a line."""
