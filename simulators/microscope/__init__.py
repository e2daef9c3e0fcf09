"""The first divergence of two runs under a microscope: where, why, and the smallest case."""
