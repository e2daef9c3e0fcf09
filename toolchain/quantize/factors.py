"""One free positive factor a neuron, by which its incoming weights use their bits.

A LIF neuron compares its voltage with a threshold: weights into it, bias, leak, threshold and voltage may all be
multiplied by any f_i > 0, and no spike changes. Over a row of weights, those of every link into the neuron together,
f_i is the first of these that exists:

    1. the greatest power of two at which all weights are integers that fit: nothing is rounded, dyadic thresholds too
    2. a factor at which all weights are integers that fit (a row of ninths, a row times 300): nothing is rounded
    3. the greatest factor at which all weights fit

A convolution keeps one factor a channel, so that its kernel stays shared; a pooling's weights become ones. Multiplying
a row by a power of two divides its factor by the same and changes no integer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from toolchain.frontend.graph import FloatArray
from toolchain.frontend.linear import CONVOLUTIONS, POOLINGS
from toolchain.frontend.links import Link
from toolchain.ir.integer import IntArray
from toolchain.quantize.scheme import Payload
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import fitting, greatest_weight

WHOLE = 2.0**-14
"""How far from an integer a scaled weight may be that is taken for one: 127 times the rounding of a float32 twice."""


@dataclass(frozen=True, eq=False)
class _Row:
    """The weights of all links as they stand at power-of-two factors, entry by entry.

    Attributes:
        group: which factor each entry shares with others.
        share: magnitude, as a share of the greatest integer of its link's width.
        size: magnitude in integers.
    """

    group: IntArray
    share: FloatArray
    size: FloatArray

    def at(self, chosen: NDArray[np.bool_] | IntArray) -> _Row:
        """Some of the entries."""
        return _Row(self.group[chosen], self.share[chosen], self.size[chosen])


def neuron_factors(
    incoming: tuple[Link, ...], gain: FloatArray, payload: Mapping[str, Payload], settings: Settings
) -> FloatArray:
    """The factors of a population's neurons, (size,), as above; 1 / |gain| for a neuron without weights.

    Args:
        incoming: the links into them, columns as their sources send.
        gain: the neurons' own factor of what arrives, (size,), of any sign; what it is, the factor takes back.
        payload: of each source.
        settings: widths of the weights.
    """
    magnitude = np.where(gain != 0, np.abs(gain), 1.0)
    links = [(link, abs(link.weights)) for link in incoming]
    if len(links) == 1 and links[0][0].kernel is not None and links[0][0].kernel.kind in POOLINGS:
        peaks = _row_peaks(links[0][1], np.arange(len(gain)), len(gain))
        return np.divide(1.0, peaks, out=np.ones(len(gain)), where=peaks > 0) / magnitude
    group = channels(len(gain), incoming)
    groups = int(group.max(initial=-1)) + 1
    strength = np.zeros(groups)
    for link, weights in links:
        strength = np.maximum(strength, _row_peaks(weights, group, groups) * payload[link.source].peak)
    _, exponent = np.frexp(strength)
    first = np.where(strength > 0, np.exp2(-exponent), 1.0)
    row = _joined(links, group, first, settings)
    return (first * _stretch(row, groups))[group] / magnitude


def channels(size: int, incoming: tuple[Link, ...]) -> IntArray:
    """By neuron, the number of the factor that it shares: one a channel where a convolution enters, else its own."""
    for link in incoming:
        if link.kernel is not None and link.kernel.kind in CONVOLUTIONS:
            count = link.kernel.output_shape[0]
            return np.repeat(np.arange(count), size // count)
    return np.arange(size)


def group_peak(values: FloatArray, group: IntArray) -> FloatArray:
    """The greatest of each group's values, one a neuron."""
    peaks = np.full(int(group.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(peaks, group, values)
    return peaks[group]


def _row_peaks(weights: scipy.sparse.csr_array, group: IntArray, groups: int) -> FloatArray:
    peaks = np.zeros(groups)
    np.maximum.at(peaks, group, np.asarray(weights.max(axis=1).todense()).ravel() if weights.nnz else 0.0)
    return peaks


def _joined(
    links: list[tuple[Link, scipy.sparse.csr_array]], group: IntArray, first: FloatArray, settings: Settings
) -> _Row:
    """All entries, each link at the finest power of two at which its greatest fits."""
    groups, shares, sizes = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], [np.zeros(0)]
    for link, weights in links:
        rows = group[np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))]
        values, top = weights.data * first[rows], greatest_weight(link, settings)
        whole = values * 2.0 ** fitting(float(values.max(initial=0.0)), top)
        groups.append(rows)
        shares.append(whole / top)
        sizes.append(whole)
    return _Row(np.concatenate(groups), np.concatenate(shares), np.concatenate(sizes))


def _stretch(row: _Row, groups: int) -> FloatArray:
    """The factor of each group beyond its power of two."""
    share, size = np.zeros(groups), np.zeros(groups)
    np.maximum.at(share, row.group, row.share)
    np.maximum.at(size, row.group, row.size)
    # What is largest may round to the greatest integer from a little above it.
    most = np.divide(1.0, share, out=np.ones(groups), where=share > 0)
    power = np.exp2(np.floor(np.log2(most * (1 + WHOLE))))
    whole = _are_whole(row, power, groups)
    quantum = _quantum(row, most, size, np.flatnonzero(~whole), groups)
    stretched: FloatArray = np.where(whole, power, np.where(quantum > 0, quantum, most))
    return stretched


def _are_whole(row: _Row, factor: FloatArray, groups: int) -> NDArray[np.bool_]:
    """Whether all entries of each group are integers at a factor of the group's own."""
    scaled = row.size * factor[row.group]
    off = np.zeros(groups)
    np.maximum.at(off, row.group, np.abs(scaled - np.rint(scaled)))
    fine: NDArray[np.bool_] = off <= WHOLE
    return fine


def _quantum(row: _Row, most: FloatArray, size: FloatArray, candidates: IntArray, groups: int) -> FloatArray:
    """By group the greatest factor at which all entries are integers and fit; 0 where there is none."""
    found = np.zeros(groups)
    chosen = np.isin(row.group, candidates)
    left = row.at(chosen)
    sample = left.at(_first_of_each(left.group))
    open_ = np.zeros(groups, dtype=np.bool_)
    open_[candidates] = size[candidates] > 0
    for integer in range(1, int(np.floor((size * most).max(initial=0.0) * (1 + WHOLE))) + 1):
        factor = np.divide(integer, size, out=np.zeros(groups), where=size > 0)
        passing = open_ & (factor <= most * (1 + WHOLE)) & _are_whole(sample, factor, groups)
        if not passing.any():
            continue
        some = np.isin(left.group, np.flatnonzero(passing))
        passing &= _are_whole(left.at(some), factor, groups)
        times = np.floor(most * (1 + WHOLE) / np.where(factor > 0, factor, 1.0))
        found = np.where(passing, factor * times, found)
        open_ &= ~passing
    return found


_SAMPLED = 4


def _first_of_each(group: IntArray) -> IntArray:
    """Places of the first few entries of each group."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered)
    return order[np.arange(len(order)) - starts < _SAMPLED]
