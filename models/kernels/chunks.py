"""The state space's convolution as products of matrices, for a GPU: a chunk of steps at a time.

Within a chunk of `span` steps the impulse response acts as a Toeplitz matrix. What a chunk leaves behind is the modes'
state at its end, which decays over the later chunks and is read out in each of their steps:

    y[t] = sum_{s <= t} k[t - s] u[s]  +  2 Re(sum_n C'_n Abar_n^(t+1) x_n),   s, t counted within the chunk,
    x = sum over the chunks before of Abar^(span (chunks between)) sum_s Abar^(span - 1 - s) u[s]

That is exact, and reads each value a few times where Fourier transforms of twice the length read it some thirty times.
"""

from __future__ import annotations

from typing import NamedTuple

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


class Filter(NamedTuple):
    """What the convolution of sequences of some length needs of state spaces; made by `filter_of`.

    Attributes:
        near: (channels, span, span), kernel[t - s] in row s, column t, and 0 where t < s.
        rising: (channels, span, 2 modes), what an input leaves in the modes at its chunk's end; None for one chunk.
        between: (channels, modes, chunks, chunks) complex, decay from the end of one chunk to the beginning of another.
        readout: (channels, 2 modes, span), what the modes at a chunk's beginning add to its steps.
    """

    near: Tensor
    rising: Tensor | None = None
    between: Tensor | None = None
    readout: Tensor | None = None


def filter_of(near: Tensor, exponent: Tensor, c: Tensor, steps: int) -> Filter:
    """The tensors of `Filter` for sequences of so many steps.

    Args:
        near: the first `span` values of the impulse response with D, (channels, span); `span_of` gives the span.
        exponent: dt A, (channels, modes) complex.
        c: C', (channels, modes) complex.
        steps: of a sequence.
    """
    span = near.shape[1]
    count = -(-steps // span)
    if count == 1:
        return Filter(_toeplitz(near))
    time = torch.arange(span, device=near.device)
    rising = torch.exp(exponent[:, None] * (span - 1 - time)[:, None])
    falling = 2 * c[..., None] * torch.exp(exponent[..., None] * (time + 1))
    # Re(a x) = Re(a) Re(x) - Im(a) Im(x), with pairs lying side by side.
    readout = torch.stack([falling.real, -falling.imag], dim=2).flatten(1, 2)
    return Filter(_toeplitz(near), torch.view_as_real(rising).flatten(2), _between(exponent * span, count), readout)


def split(whole: Filter, layers: int) -> list[Filter]:
    """The filters of several layers of equally many channels, one after the other in `whole`."""
    parts = [[None] * layers if tensor is None else tensor.chunk(layers) for tensor in whole]
    return [Filter(*each) for each in zip(*parts, strict=True)]


def convolve_chunks(u: Tensor, made: Filter) -> Tensor:
    """Causal convolution of u (batch, channels, steps) with a state space's impulse response, in the same shape.

    The products are as precise as the caller has set: TF32 while training, float32 where figures are measured. In
    memory the result lies channel by channel, and an input that does is read where it is.

    Args:
        u: input.
        made: of the state space, for sequences of so many steps.
    """
    batch, channels, steps = u.shape
    span = made.near.shape[1]
    count = -(-steps // span)
    padded = torch.nn.functional.pad(u, (0, count * span - steps)) if steps % span else u
    chunks = padded.transpose(0, 1).reshape(channels, batch * count, span)
    y = torch.bmm(chunks, made.near)
    if made.rising is not None and made.between is not None and made.readout is not None:
        y = torch.baddbmm(y, _entering(chunks, made.rising, made.between, batch), made.readout)
    return y.view(channels, batch, count * span)[..., :steps].transpose(0, 1)


def _toeplitz(kernel: Tensor) -> Tensor:
    """(channels, span, span) with kernel[t - s] in row s, column t, and 0 where t < s."""
    span = kernel.shape[1]
    windows = torch.nn.functional.pad(kernel, (span - 1, 0)).unfold(1, span, 1)
    return windows.flip(1)


def _entering(chunks: Tensor, rising: Tensor, between: Tensor, batch: int) -> Tensor:
    """What the modes hold at the beginning of each chunk, (channels, batch * count, 2 modes)."""
    channels, rows, _ = chunks.shape
    modes, count = between.shape[1:3]
    left = torch.bmm(chunks, rising)
    # (channels, modes, batch, chunks): what each chunk leaves behind.
    behind = torch.view_as_complex(left.view(channels, batch, count, modes, 2)).permute(0, 3, 1, 2)
    entering = torch.matmul(behind, between)
    return torch.view_as_real(entering.permute(0, 2, 3, 1).contiguous()).reshape(channels, rows, 2 * modes)


def _between(exponent: Tensor, count: int) -> Tensor:
    """Decay (channels, modes, count, count) from the end of chunk p (row) to the beginning of chunk q (column)."""
    place = torch.arange(count, device=exponent.device)
    apart = place - place[:, None] - 1
    decay = torch.exp(exponent[..., None, None] * apart.clamp(min=0))
    return decay * (apart >= 0)
