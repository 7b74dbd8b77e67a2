"""What the units of a layer compute: one of three formulas, by number, as compiled code takes it."""

PEAKS = 0  # a triangle network by its peaks and scales
WEIGHTS = 1  # a triangle network by its weights
LIMIT = 2  # the limit of infinitely many tents

MOST_SKEW = 4.0  # the skew k of a limit counts as 4 tanh(k / 4): without a bound training can make it explode
