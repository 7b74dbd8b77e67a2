"""Networks out: files for other programs, equal to the bit where their runtime allows it, and values at points."""
