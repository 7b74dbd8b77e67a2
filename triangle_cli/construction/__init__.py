"""The paper's mathematics: peaks and scales, the weights they set, several triangle networks in one."""
