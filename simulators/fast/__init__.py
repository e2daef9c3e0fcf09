"""The simulator "fast": code generated from the traced primitives, bit-equal to the reference.

What runs is LLVM code in vectors, compiled by llvmlite (numba's compiler) and kept on disk. Nothing here knows a neuron
type: a new one needs no work.
"""

from simulators.fast.session import Session, open_session
from simulators.fast.simulate import NAME, simulate

__all__ = ["NAME", "Session", "open_session", "simulate"]
