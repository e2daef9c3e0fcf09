"""Time constants that are not positive and finite: learned decays at or beyond 1, as snnTorch and spyx write them.

A decay beta becomes tau = dt / (1 - beta): infinite for a beta of 1, negative beyond. Both tools clamp beta to 0 .. 1
whenever they run, so that such a neuron integrates. Their gains tell these files from damaged ones: r = tau/dt at a dt
of 0.0001 s (snnTorch), or r = beta (spyx).
"""

from __future__ import annotations

import numpy as np

from toolchain.frontend.draft import Draft, DraftNode
from toolchain.frontend.graph import FloatArray

TIME_CONSTANTS = {"tau": "r", "tau_mem": "r", "tau_syn": "w_in"}
"""Fields that hold time constants, and the gain that goes with each."""
MAY_BE_INFINITE = (*TIME_CONSTANTS, "r", "w_in")

_SNNTORCH_DT = 1e-4
_ENDLESS = 2.0**60
"""Seconds in place of infinity: any dt of up to a second divided by it leaves a decay of exactly 1."""


def check_time_constants(node: DraftNode, draft: Draft) -> None:
    """Keep what a tool meant by tau <= 0 or infinite, with a finding; the rest are faults."""
    for field, gain in TIME_CONSTANTS.items():
        if field in node.params and gain in node.params:
            _check_endless(node, field, gain, draft)
            _check_sign(node, field, gain, draft)
    for gain in ("r", "w_in"):
        infinite = int(np.isinf(node.params.get(gain, np.zeros(1))).sum())
        if infinite:
            what = f"{infinite} of {node.params[gain].size} values are infinite"
            draft.fault(f"{node.name}.{gain}", what, "store finite values")


def _check_endless(node: DraftNode, field: str, gain: str, draft: Draft) -> None:
    """Infinite tau: a decay of 1. An infinite gain beside it is tau/dt."""
    tau, factor = node.params[field], node.params[gain]
    endless = np.isposinf(tau)
    if not np.any(endless) or factor.shape != tau.shape:
        return
    node.params[field] = np.where(endless, _ENDLESS, tau)
    node.params[gain] = np.where(endless & np.isposinf(factor), _ENDLESS / _SNNTORCH_DT, factor)
    what = f"{int(endless.sum())} of {tau.size} values are infinite: these neurons forget nothing"
    draft.repair(f"{node.name}.{field}", what, f"took {_ENDLESS:.3g} s")


def _check_sign(node: DraftNode, field: str, gain: str, draft: Draft) -> None:
    tau = node.params[field]
    bad = (tau <= 0) | np.isinf(tau)
    if not np.any(bad):
        return
    where, what = (
        f"{node.name}.{field}",
        f"{int(bad.sum())} of {tau.size} values are not positive (smallest {tau.min():g})",
    )
    if not np.any((tau == 0) | np.isinf(tau)) and _is_decay_above_one(node, tau, node.params[gain], gain):
        draft.note(where, f"{what}: decays above 1", "kept; snntorch and spyx presets clamp them to 1, others refuse")
    else:
        draft.fault(where, what, "store seconds; check the exporter's units and signs")


def _is_decay_above_one(node: DraftNode, tau: FloatArray, factor: FloatArray, gain: str) -> bool:
    """Whether the gain is snnTorch's tau/dt or spyx' 1 - dt/tau."""
    if factor.shape == tau.shape and np.allclose(factor * _SNNTORCH_DT, tau, rtol=1e-5, atol=0):
        return True
    mem, r = node.params.get("tau", node.params.get("tau_mem")), node.params["r"]
    if mem is None or mem.shape != r.shape or (gain == "w_in" and np.any(factor != 1)):
        return False
    step = (1.0 - r) * mem
    return bool(np.all(step > 0) and np.ptp(step) <= 1e-4 * step.max())
