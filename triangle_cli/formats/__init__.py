"""Networks in files: read from run folders, state_dicts, JSON and ONNX."""
