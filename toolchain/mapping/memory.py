"""How many memory words a program's parts take on a core.

*Words of a neuron*: its stored registers in declared order, one field each (one a mode for registers that are per
mode), each as wide as the register; then the coefficients whose values differ between the neurons of its population,
each as wide as its values need. Fields fill a word one after another; one that doesn't fit what is left begins the
next. A LIF neuron with a current, a voltage and a bias of its own (24 + 24 + at most 16 bits) takes one 64-bit word.
What all neurons share lies in the neuron group: a single number there is free, a row of modes or a table takes its
words once a slice. A target may know a neuron type's words from measurement.

*Synapse words*: each axon (a source neuron, in one projection, as one core sees it) has a list of its synapses on
that core, in whole words; the target's packing says how many. Where the target shares kernels, a convolution instead
stores its kernel once a slice: for each input channel of a group and each tap, a row of the weights into the slice's
output channels, in whole words; a pooling counts as the convolution of every channel by itself that it is. Weights are
as wide as the stored values of their projection need. Elsewhere kernels are listed synapse by synapse.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import numpy as np

from toolchain.ir.connections import Connection, Convolution, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.base import Coefficient
from toolchain.ir.program import Population, Projection
from toolchain.ir.timestep import WAIT, stored_registers
from toolchain.mapping.kernels import group_channels, in_per_group, taps
from toolchain.mapping.target import BlockPacking, ListPacking, Target


def packed_words(fields_bits: Iterable[int], word_bits: int) -> int:
    """Number of words that fields take when laid down in order, none across a boundary (each at most a word wide)."""
    words, left_bits = 0, 0
    for field_bits in fields_bits:
        if field_bits > left_bits:
            words, left_bits = words + 1, word_bits
        left_bits -= field_bits
    return words


def value_bits(values: IntArray) -> int:
    """Width that holds every value: two's complement where signs differ, else the magnitude; at least 1."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0 < high:
        return 1 + max(high.bit_length(), (-low - 1).bit_length())
    return max(1, high.bit_length(), (-low).bit_length())


_WIDTHS: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()


def weight_bits(connection: Connection) -> int:
    """`value_bits` of a connection's weights, looked at once."""
    if (bits := _WIDTHS.get(connection)) is None:
        bits = _WIDTHS[connection] = value_bits(connection.values)
    return bits


def state_words(population: Population, word_bits: int) -> int:
    """Words that hold one neuron's stored registers."""
    return packed_words(_state_fields(population), word_bits)


def neuron_words(population: Population, target: Target) -> tuple[int, int]:
    """Words of state and coefficients: (of each neuron, once a slice)."""
    known = target.measured_neuron_words.get(population.neuron)
    if known is not None:
        return known.whole, 0
    own: list[int] = []
    shared: list[int] = []
    for coefficient in population.type.coefficients:
        values = population.coefficients.get(coefficient.name)
        if values is None or not values.size:
            continue
        bits = min(population.width(coefficient.bits), value_bits(values))
        fields = [bits] * _fields(coefficient, values)
        if not _is_shared(coefficient, values):
            own += fields
        elif len(fields) > 1:
            shared += fields
    word_bits = target.word_bits.whole
    return packed_words(_state_fields(population) + own, word_bits), packed_words(shared, word_bits)


def _state_fields(population: Population) -> list[int]:
    """Widths of what a neuron stores; `wait` is the same in all neurons and lies in the group."""
    fields: list[int] = []
    for register in stored_registers(population):
        if register is not WAIT:
            fields += [population.width(register.bits)] * (population.modes if register.per == "mode" else 1)
    return fields


def _fields(coefficient: Coefficient, values: IntArray) -> int:
    """Fields that a coefficient has where it is stored: entries of a table, modes of a neuron, or one."""
    if coefficient.per == "population":
        return int(values.size)
    return int(values.shape[1]) if coefficient.per == "mode" else 1


def _is_shared(coefficient: Coefficient, values: IntArray) -> bool:
    """Whether all neurons have the same."""
    return coefficient.per == "population" or bool((values == values[:1]).all())


def shares_kernel(connection: Connection, target: Target) -> bool:
    """Whether the target stores this connection as a kernel."""
    packing = target.packing
    return isinstance(connection, Convolution | SumPooling) and isinstance(packing, ListPacking) and packing.kernels


def kernel_words(kernel: Convolution | SumPooling, channels: tuple[int, int], target: Target) -> int:
    """Words of the kernel rows that serve a range of output channels."""
    widths = group_channels(kernel, channels)
    return in_per_group(kernel) * taps(kernel) * int(kernel_row_words(kernel, widths, target).sum())


def kernel_row_words(kernel: Convolution | SumPooling, targets: IntArray, target: Target) -> IntArray:
    """Words of a row of weights of one input channel and tap into so many output channels."""
    packing = target.packing
    assert isinstance(packing, ListPacking)
    bits = targets * weight_bits(kernel) + packing.header_bits.whole
    return _ceil_divide(bits, target.word_bits.whole)


def list_words(projection: Projection, sizes: IntArray, target: Target) -> IntArray:
    """Words of a list of so many synapses of one axon; none takes none."""
    packing = target.packing
    if isinstance(packing, BlockPacking):
        return _words_in_blocks(projection, sizes, packing, target.word_bits.whole)
    synapse_bits = weight_bits(projection.connection) + packing.index_bits.whole
    words = _ceil_divide(sizes * synapse_bits + packing.header_bits.whole, target.word_bits.whole)
    return np.where(sizes > 0, words, 0)


def _words_in_blocks(projection: Projection, sizes: IntArray, packing: BlockPacking, word_bits: int) -> IntArray:
    index_bits = 0 if projection.connection.kind == "dense" else packing.index_bits.whole
    delay_bits = packing.delay_bits.whole if projection.delay_steps > 1 else 0
    synapse_bits = packing.weight_bits.whole + index_bits + delay_bits
    block, header_bits = packing.synapses_per_block.whole, packing.header_bits.whole
    full_words = -(-(block * synapse_bits + header_bits) // word_bits)
    rest = sizes % block
    rest_words = _ceil_divide(rest * synapse_bits + header_bits, word_bits)
    return sizes // block * full_words + np.where(rest > 0, rest_words, 0)


def _ceil_divide(values: IntArray, divisor: int) -> IntArray:
    return -(-values // divisor)
