"""The integer recurrence on a GPU: one program a few neurons, their modes side by side, time in a loop.

The equations are those of `voltages.py`, operation by operation. Time is the first axis in memory, so that
neighbouring neurons are read and written together. States are held in 32 bits, which their registers have at most, so
that a product is one instruction of 32 by 32 bits.

Imported only where tensors are on a GPU: Triton comes with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LANES = 8
"""Neurons a program."""
TOP = tl.constexpr((1 << 23) - 1)
LEAK_BITS = tl.constexpr(12)


def _rows(  # type: ignore[no-untyped-def]
    drive_at, poles_at, neuron_at, found_at, rows, channels, modes, steps, fraction: tl.constexpr,
    input_shift: tl.constexpr, c_shift: tl.constexpr, top: tl.constexpr, lanes: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    """drive and found are (steps, rows); poles (channels, modes, 4) and neuron (channels, 4) int32."""
    row = tl.program_id(0) * lanes + tl.arange(0, lanes)
    inside = row < rows
    channel = row % channels
    mode = tl.arange(0, width)[None, :]
    at = poles_at + (channel[:, None] * modes + mode) * 4
    here = inside[:, None] & (mode < modes)
    a_re = tl.load(at, mask=here, other=0).to(tl.int64)
    a_im = tl.load(at + 1, mask=here, other=0).to(tl.int64)
    c_re = tl.load(at + 2, mask=here, other=0).to(tl.int64)
    c_im = tl.load(at + 3, mask=here, other=0).to(tl.int64)
    own = neuron_at + channel * 4
    d = tl.load(own, mask=inside, other=0).to(tl.int64)
    d_shift = tl.load(own + 1, mask=inside, other=0).to(tl.int64)
    leak = tl.load(own + 2, mask=inside, other=0).to(tl.int64)
    threshold = tl.load(own + 3, mask=inside, other=1).to(tl.int64)
    re = tl.zeros([lanes, width], tl.int32)
    im = tl.zeros([lanes, width], tl.int32)
    after = tl.zeros([lanes], tl.int64)
    place = row.to(tl.int64)
    coming = tl.load(drive_at + place, mask=inside, other=0)
    for t in range(steps):
        u = coming.to(tl.int64)
        coming = tl.load(drive_at + place + rows, mask=inside & (t + 1 < steps), other=0)
        wide_re, wide_im = re.to(tl.int64), im.to(tl.int64)
        new_re = ((a_re * wide_re) >> fraction) - ((a_im * wide_im) >> fraction) + (u << input_shift)[:, None]
        new_im = ((a_re * wide_im) >> fraction) + ((a_im * wide_re) >> fraction)
        re = tl.minimum(tl.maximum(new_re, -top), top).to(tl.int32)
        im = tl.minimum(tl.maximum(new_im, -top), top).to(tl.int32)
        seen = ((c_re * re.to(tl.int64)) >> c_shift) - ((c_im * im.to(tl.int64)) >> c_shift)
        readout = tl.sum(seen, axis=1) + ((d * u) >> d_shift)
        readout = tl.minimum(tl.maximum(readout, -TOP), TOP)
        v = ((leak * after) >> LEAK_BITS) + readout
        v = tl.minimum(tl.maximum(v, -TOP), TOP)
        after = tl.where(v >= threshold, 0, v)
        tl.store(found_at + place, v.to(tl.int32), mask=inside)
        place += rows


_ROWS = triton.jit(_rows)


def voltages(drive: Tensor, poles: Tensor, neuron: Tensor, shifts: tuple[int, ...]) -> Tensor:
    """Voltages before reset, (batch, channels, steps) int32, for integer drives of that shape and type.

    Args:
        drive: what enters.
        poles, neuron: see `voltages.packed_coefficients`.
        shifts: see `voltages.shifts_of`.
    """
    batch, channels, steps = drive.shape
    poles, neuron = poles.to(torch.int32), neuron.to(torch.int32)
    in_time = drive.permute(2, 0, 1).contiguous()
    found = torch.empty_like(in_time)
    count, rows = poles.shape[1], batch * channels
    width = triton.next_power_of_2(count)
    grid = (triton.cdiv(rows, LANES),)
    # fmt: off
    _ROWS[grid](
        in_time, poles, neuron, found, rows, channels, count, steps,
        *shifts, LANES, width, num_warps=1,
    )
    # fmt: on
    return found.permute(1, 2, 0).contiguous()
