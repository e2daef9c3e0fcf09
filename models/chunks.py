"""The state space's convolution as products of matrices, for a GPU: a chunk of steps at a time.

Within a chunk of `span` steps the impulse response acts as a Toeplitz matrix. What a chunk leaves behind is the modes'
state at its end, which decays over the later chunks and is read out in each of their steps:

    y[t] = sum_{s <= t} k[t - s] u[s]  +  2 Re(sum_n C'_n Abar_n^(t+1) x_n),   s, t counted within the chunk,
    x = sum over the chunks before of Abar^(span (chunks between)) sum_s Abar^(span - 1 - s) u[s]

That is exact, and reads each value a few times where Fourier transforms of twice the length read it some thirty times.
"""

from __future__ import annotations

import torch
from torch import Tensor

LONGEST_SPAN, SHORTEST_SPAN = 128, 64
"""Long spans make more products within chunks, which cost little, and fewer states between them to move about."""

FEW_CHUNKS = 64
"""Beyond so many, spans are made longer: the decays between chunks are a matrix of their number squared."""


def span_of(steps: int) -> int:
    """Steps of a chunk: a divisor of `steps` where there is one of a good size."""
    if steps <= LONGEST_SPAN:
        return steps
    factor = max(1, 2 ** ((steps - 1) // (FEW_CHUNKS * LONGEST_SPAN)).bit_length())
    sizes = range(LONGEST_SPAN * factor, SHORTEST_SPAN * factor - 1, -1)
    return next((size for size in sizes if steps % size == 0), LONGEST_SPAN * factor)


def convolve_chunks(u: Tensor, near: Tensor, exponent: Tensor, c: Tensor) -> Tensor:
    """Causal convolution of u (batch, channels, steps) with a state space's impulse response, in the same shape.

    The products are as precise as the caller has set: TF32 while training, float32 where figures are measured.

    Args:
        u: input.
        near: the first `span` values of the impulse response with D, (channels, span); `span_of` gives the span.
        exponent: dt A, (channels, modes) complex.
        c: C', (channels, modes) complex.
    """
    batch, channels, steps = u.shape
    span = near.shape[1]
    count = -(-steps // span)
    padded = torch.nn.functional.pad(u, (0, count * span - steps)) if steps % span else u
    chunks = padded.transpose(0, 1).reshape(channels, batch * count, span)
    y = torch.bmm(chunks, _toeplitz(near))
    if count > 1:
        y = _add_far(y, chunks, count, exponent, c)
    return y.view(channels, batch, count * span)[..., :steps].transpose(0, 1)


def _toeplitz(kernel: Tensor) -> Tensor:
    """(channels, span, span) with kernel[t - s] in row s, column t, and 0 where t < s."""
    span = kernel.shape[1]
    windows = torch.nn.functional.pad(kernel, (span - 1, 0)).unfold(1, span, 1)
    return windows.flip(1)


def _add_far(y: Tensor, chunks: Tensor, count: int, exponent: Tensor, c: Tensor) -> Tensor:
    """What the chunks before add to y (channels, batch * count, span)."""
    channels, rows, span = chunks.shape
    modes = exponent.shape[1]
    time = torch.arange(span, device=y.device)
    rising = torch.exp(exponent[:, None] * (span - 1 - time)[:, None])
    left = torch.bmm(chunks, torch.view_as_real(rising).flatten(2))
    # (channels, modes, batch, chunks): what each chunk leaves behind.
    behind = torch.view_as_complex(left.view(channels, rows // count, count, modes, 2)).permute(0, 3, 1, 2)
    entering = torch.matmul(behind, _between(exponent * span, count))
    falling = 2 * c[..., None] * torch.exp(exponent[..., None] * (time + 1))
    # Re(a x) = Re(a) Re(x) - Im(a) Im(x), with pairs lying side by side.
    readout = torch.stack([falling.real, -falling.imag], dim=2).flatten(1, 2)
    states = torch.view_as_real(entering.permute(0, 2, 3, 1).contiguous()).reshape(channels, rows, 2 * modes)
    return torch.baddbmm(y, states, readout)


def _between(exponent: Tensor, count: int) -> Tensor:
    """Decay (channels, modes, count, count) from the end of chunk p (row) to the beginning of chunk q (column)."""
    place = torch.arange(count, device=exponent.device)
    apart = place - place[:, None] - 1
    decay = torch.exp(exponent[..., None, None] * apart.clamp(min=0))
    return decay * (apart >= 0)
