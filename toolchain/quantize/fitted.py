"""Weights rounded so that their errors cancel in the voltages that calibration saw, not each to the nearest integer.

A neuron sums w x over its sources x and keeps a share b of the sum a step, so that an error d of its weights moves its
voltage by d t, with t' = b t + x the trace of the sources. With C the mean of t t^T over calibration, rounding column
by column and laying each column's error on those to come keeps d C d^T small, the mean of the traces included (Frantar
et al., GPTQ, 2022; Hassibi and Stork, 1993). Weights that are integers already stay as they are.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from toolchain.frontend.graph import FloatArray

MOST_SOURCES = 1024
"""Sources from which on weights are rounded to the nearest: the work grows with their cube."""
MOST_ROWS = 2048
"""Traces that the mean is taken over, spread evenly over samples and steps."""
BLOCK = 32
"""Columns whose errors are laid on the columns behind them together."""
DAMPING = 0.01
"""Share of the mean square that stands for what calibration did not see."""


def trace_moments(messages: FloatArray, kept: float, steps: int) -> FloatArray:
    """The mean of t t^T, (source, source).

    Args:
        messages: (sample, step, source).
        kept: share of its voltage that the target keeps a step.
        steps: by how many steps the messages arrive late.
    """
    arrived = np.zeros_like(messages)
    arrived[:, steps:] = messages[:, : messages.shape[1] - steps]
    for t in range(1, arrived.shape[1]):
        arrived[:, t] += kept * arrived[:, t - 1]
    flat = arrived.reshape(-1, arrived.shape[2])
    flat = flat[:: -(-len(flat) // MOST_ROWS)]
    moments: FloatArray = flat.T @ flat / len(flat)
    return moments


def fitted_integers(weights: FloatArray, moments: FloatArray, top: int) -> FloatArray:
    """Round weights, (target, source), given in units of the last bit, to -top .. top.

    Args:
        weights: real.
        moments: of their sources' traces, (source, source).
        top: the greatest integer.
    """
    squares = np.diag(moments)
    seen = squares > 0
    if not seen.any():
        return np.clip(np.rint(weights), -top, top)
    order = np.argsort(-squares, kind="stable")
    damped = moments + np.diag(np.where(seen, 0.0, 1.0) + DAMPING * squares[seen].mean())
    factor = scipy.linalg.cholesky(scipy.linalg.inv(damped[np.ix_(order, order)]), lower=False)
    left, rounded = np.asfortranarray(weights[:, order]), np.empty_like(weights)
    for first in range(0, len(order), BLOCK):
        last = min(first + BLOCK, len(order))
        errors = np.empty((len(weights), last - first), order="F")
        for place in range(first, last):
            whole = np.clip(np.rint(left[:, place]), -top, top)
            errors[:, place - first] = (left[:, place] - whole) / factor[place, place]
            rounded[:, order[place]] = whole
            left[:, place + 1 : last] -= np.outer(errors[:, place - first], factor[place, place + 1 : last])
        left[:, last:] -= errors @ factor[first:last, last:]
    return rounded
