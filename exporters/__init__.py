"""A program written down for somebody else: NIR, Lava, ONNX."""
