"""The power of two that a projection's weights are rounded at, and the rows' own gains where a target leaves them free.

A state space is linear, and its readout has a scale of each neuron's own: what enters neuron i may be multiplied by any
positive g_i if its C and D are divided by it. So every row of weights can use the whole width. Nothing else leaves such
a freedom without cost: spikes are 0 or 1 whatever drove them, the sums that the host compares must keep one scale, and
relays could trade powers of two only, which the projections' exponents do already.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.linear import POOLINGS
from toolchain.frontend.links import Link
from toolchain.quantize.settings import Settings

MAX_ROW_GAIN = 16.0
"""Most that a row is stretched: the state of a neuron then needs 4 bits more than its layer's at most."""
FINER = 3
"""Powers of two beyond the one that holds every weight, that an error-minimising choice looks at."""
PERCENTILE = 99.9


def weight_exponent(link: Link, gain: FloatArray, settings: Settings) -> int:
    """The power of two of a link's weights, by the rule of `settings.weight_scale`.

    `max`: the finest at which every weight fits its width. `mse`: the one of least squared error, where a finer step
    may cut off the greatest weights. `percentile`: the finest at which 99.9 % fit. A shared kernel is always held
    whole; a pooling's weights become 1.
    """
    values = np.abs(scipy.sparse.csr_array(link.weights.multiply(gain[:, None])).data)
    if link.kernel is not None and (whole := _pooling_exponent(link.kernel, values)) is not None:
        return whole
    top = greatest_weight(link, settings)
    largest = fitting(float(values.max(initial=0.0)), top)
    if settings.weight_scale == "max" or link.kernel is not None:
        return largest
    if settings.weight_scale == "percentile":
        return fitting(float(np.percentile(values, PERCENTILE)), top) if values.size else 0
    errors = [_squared_error(values, largest + more, top) for more in range(FINER + 1)]
    return largest + int(np.argmin(errors))


def greatest_weight(link: Link, settings: Settings) -> int:
    """The greatest integer that a weight of the link may be; the least is its negative."""
    return (1 << (settings.for_projection(link.name).weight_bits - 1)) - 1


def fitting(peak: float, top: int) -> int:
    """The greatest power of two at which `peak`, rounded, is at most `top`."""
    if peak == 0.0:
        return 0
    exponent = math.floor(math.log2((top + 0.5) / peak))
    return exponent if np.rint(peak * 2.0**exponent) <= top else exponent - 1


def _squared_error(values: FloatArray, exponent: int, top: int) -> float:
    factor = 2.0**exponent
    return float(np.sum(np.square(np.minimum(np.rint(values * factor), top) / factor - values)))


def _pooling_exponent(kernel: Node, values: FloatArray) -> int | None:
    """The power of two that turns a pooling's weights into ones, where there is one."""
    if kernel.kind not in POOLINGS or not values.size or values.min() <= 0:
        return None
    exponents = np.log2(values)
    whole = int(np.rint(exponents[0]))
    return -whole if np.all(np.abs(exponents - whole) < 2.0**-30) else None


def row_gains(size: int, incoming: tuple[Link, ...], settings: Settings) -> FloatArray:
    """The factor of each of `size` neurons' drives: 1 where rounding loses nothing anyway.

    A power of two where one link is exact as it is (the stream's identity on a gate's messages), so that it stays so.
    """
    ones = np.ones(size)
    lossy = [_is_lossy(link, ones, settings) for link in incoming]
    if not any(lossy):
        return ones
    gains = np.full(size, np.inf)
    for link in incoming:
        top = greatest_weight(link, settings)
        peaks = np.asarray(abs(link.weights).max(axis=1).todense()).ravel() * 2.0 ** weight_exponent(
            link, ones, settings
        )
        gains = np.minimum(gains, np.divide(top, peaks, out=np.full(size, np.inf), where=peaks > 0))
    clipped: FloatArray = np.clip(np.where(np.isfinite(gains), gains, 1.0), 1.0, MAX_ROW_GAIN)
    return clipped if all(lossy) else np.exp2(np.floor(np.log2(clipped)))


def _is_lossy(link: Link, gain: FloatArray, settings: Settings) -> bool:
    scaled = link.weights.data * 2.0 ** weight_exponent(link, gain, settings)
    return bool(np.any(np.rint(scaled) != scaled))
