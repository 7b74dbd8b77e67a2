"""Where networks that fit a function start."""
