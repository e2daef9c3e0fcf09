"""The simulator "accelerator": populations as Triton kernels or torch operations, projections as matrix products.

Both are written from the traced primitives, so nothing here knows a neuron type. PyTorch is imported when a run
begins, not before.
"""

from simulators.accelerator.engines import Engine, choose_engine, missing
from simulators.accelerator.simulate import NAME, simulate

__all__ = ["NAME", "Engine", "choose_engine", "missing", "simulate"]
