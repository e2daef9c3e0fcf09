"""Exported ONNX files in other people's runtimes."""
