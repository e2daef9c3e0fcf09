"""The integer recurrence of `ssm_lif` over whole sequences.

Per neuron and step, with drive u, every shift rounding down and every register saturating symmetrically:

    re' = (a_re re >> f) - (a_im im >> f) + (u << input_shift)      im' = (a_re im >> f) + (a_im re >> f)
    readout = sum over modes of (c_re re' >> c_shift) - (c_im im' >> c_shift), + (d u >> d_shift)
    v' = (leak v >> 12) + readout, then v' = 0 where v' >= threshold

The meaning is `toolchain/ir/neurons/ssm_lif.py`'s; the tests hold these loops to it.
Coefficients and settings have their names there; coefficients are int64, (channels, modes) or (channels,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from models.kernels.choice import Form, form_of
from models.kernels.soma import PARALLEL_ELEMENTS

LEAK_FRACTION_BITS = 12
"""Of the leak of `ssm_lif` at its usual width."""
REGISTER_TOP = (1 << 23) - 1
"""The greatest magnitude of the drive, the readout and the voltage."""

Integers = NDArray[np.int64]
Words = NDArray[np.int32]
Coefficients = Mapping[str, Tensor]
Settings = Mapping[str, int]


def voltages(drive: Tensor, own: Coefficients, settings: Settings) -> Tensor:
    """Voltages before reset, (batch, channels, steps) int32, for integer drives of that shape and type."""
    form = form_of(drive)
    if form is Form.TORCH:
        return voltages_loop(drive, own, settings)
    packed = (*packed_coefficients(own), shifts_of(settings))
    if form is Form.TRITON:
        from models.kernels import voltages_triton

        return voltages_triton.voltages(drive, *packed)
    return _voltages_compiled(drive, *packed)


def _voltages_compiled(drive: Tensor, poles: Tensor, neuron: Tensor, shifts: tuple[int, ...]) -> Tensor:
    found = torch.empty_like(drive, memory_format=torch.contiguous_format)
    flat = drive.contiguous().view(-1, drive.shape[-1])
    run = _PARALLEL if drive.numel() >= PARALLEL_ELEMENTS else _SERIAL
    run(flat.numpy(), poles.numpy(), neuron.numpy(), np.array(shifts), found.view(flat.shape).numpy())
    return found


def voltages_loop(drive: Tensor, own: Coefficients, settings: Settings) -> Tensor:
    """`voltages` in torch operations on int64, step by step."""
    fraction, input_shift, c_shift, state_top = shifts_of(settings)
    re = drive.new_zeros((*drive.shape[:2], own["a_re"].shape[1]), dtype=torch.int64)
    im, after = torch.zeros_like(re), torch.zeros_like(drive[..., 0], dtype=torch.int64)
    found = []
    for u in drive.to(torch.int64).unbind(-1):
        new_re = (own["a_re"] * re >> fraction) - (own["a_im"] * im >> fraction) + (u << input_shift)[..., None]
        new_im = (own["a_re"] * im >> fraction) + (own["a_im"] * re >> fraction)
        re, im = new_re.clamp(-state_top, state_top), new_im.clamp(-state_top, state_top)
        seen = (own["c_re"] * re >> c_shift) - (own["c_im"] * im >> c_shift)
        readout = (seen.sum(-1) + (own["d"] * u >> own["d_shift"])).clamp(-REGISTER_TOP, REGISTER_TOP)
        v = ((own["leak"] * after >> LEAK_FRACTION_BITS) + readout).clamp(-REGISTER_TOP, REGISTER_TOP)
        after = torch.where(v >= own["threshold"], 0, v)
        found.append(v.to(torch.int32))
    return torch.stack(found, dim=-1)


def shifts_of(settings: Settings) -> tuple[int, int, int, int]:
    """Fraction bits of A-bar, shift of the input, shift of the readout, and the greatest state."""
    top = (1 << (settings["state_bits"] - 1)) - 1
    return settings["a_bits"] - 1, settings["input_shift"], settings["c_shift"], top


def packed_coefficients(own: Coefficients) -> tuple[Tensor, Tensor]:
    """Coefficients of a mode as (channels, modes, 4), of a neuron as (channels, 4), int64."""
    poles = torch.stack([own[name] for name in ("a_re", "a_im", "c_re", "c_im")], dim=-1)
    return poles, torch.stack([own[name] for name in ("d", "d_shift", "leak", "threshold")], dim=-1)


def _rows(drive: Words, poles: Integers, neuron: Integers, shifts: Integers, found: Words) -> None:
    """Each row of drive (rows, steps) is one neuron; coefficients repeat along the rows."""
    rows, steps = drive.shape
    channels, modes, _ = poles.shape
    fraction, input_shift, c_shift, top = shifts[0], shifts[1], shifts[2], shifts[3]
    for row in prange(rows):
        channel = row % channels
        d, d_shift, leak, threshold = neuron[channel]
        state = np.zeros((modes, 2), np.int64)
        after = np.int64(0)
        for t in range(steps):
            u = np.int64(drive[row, t])
            readout = (d * u) >> d_shift
            for n in range(modes):
                a_re, a_im, c_re, c_im = poles[channel, n]
                re, im = state[n]
                new_re = ((a_re * re) >> fraction) - ((a_im * im) >> fraction) + (u << input_shift)
                new_im = ((a_re * im) >> fraction) + ((a_im * re) >> fraction)
                re, im = min(max(new_re, -top), top), min(max(new_im, -top), top)
                state[n, 0], state[n, 1] = re, im
                readout += ((c_re * re) >> c_shift) - ((c_im * im) >> c_shift)
            readout = min(max(readout, -REGISTER_TOP), REGISTER_TOP)
            v = ((leak * after) >> LEAK_FRACTION_BITS) + readout
            v = min(max(v, -REGISTER_TOP), REGISTER_TOP)
            found[row, t] = v
            after = np.int64(0) if v >= threshold else v


_SERIAL: Callable[..., None] = njit(cache=True)(_rows)
_PARALLEL: Callable[..., None] = njit(parallel=True, cache=True)(_rows)
