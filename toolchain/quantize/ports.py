"""The finest drive at which rounded weights, too, cannot overflow a port.

`scales.port_limit` looks at the real weights. Rounding to few bits can lengthen a row of them by more than it leaves
over, and what is verified of a program (`bounds.verify`, rule "port-ranges") is the sum of each projection's longest
row.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.ir.integer import limits
from toolchain.quantize.scheme import REGISTER_BITS, Payload, key, link_scale, port_limit
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import greatest_weight


def drive_limit(
    incoming: tuple[Link, ...],
    gain: FloatArray,
    weights: Mapping[tuple[str, str, int], int],
    payload: Mapping[str, Payload],
    settings: Settings,
) -> int:
    """The greatest drive exponent at which no possible sum overflows a 24-bit port, before and after rounding.

    Args:
        incoming: the links into one port, as they are sent.
        gain: factor of each target's drive, (target,).
        weights: exponent of each link's weights, by `key`.
        payload: of each source.
        settings: widths of the weights.
    """
    limit, (_, high) = port_limit(incoming, gain, payload), limits(REGISTER_BITS)
    while sum(_worst(k, gain, weights[key(k)], limit, payload[k.source], settings) for k in incoming) > high:
        limit -= 1
    return limit


def _worst(link: Link, gain: FloatArray, exponent: int, drive: int, payload: Payload, settings: Settings) -> float:
    """The most that a link can deliver to one neuron, in integers, at a drive exponent."""
    scale, top = link_scale(exponent, drive, payload), greatest_weight(link, settings)
    scaled = abs(scipy.sparse.csr_array(link.weights.multiply(gain[:, None])))
    scaled.data = np.minimum(np.rint(scaled.data * 2.0**scale.weight_exponent), top)
    longest = float(scaled.sum(axis=1).max()) if scaled.nnz else 0.0
    return float(np.ceil(longest * payload.peak * 2.0 ** (payload.exponent + scale.shift)))
