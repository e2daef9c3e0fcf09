"""How many memory words a program's parts take on a core.

*State words* of a neuron: its stored registers, in declared order, one field each (one a mode for registers that are
per mode), each as wide as the register. Fields fill a word one after another; a field that doesn't fit what is left
of a word begins the next. A CUBA LIF neuron (24 + 24 bits) takes one 64-bit word, an SSM neuron with M modes of
24-bit parts and a 24-bit voltage takes M + 1.

*Coefficient words* of a neuron: the same, over the coefficients whose values differ between the neurons of its
population. What all neurons share lies in the neuron group: a single number there is free, a row of modes or a table
takes its words once a slice.

*Synapse words*: each axon (a source neuron, in one projection, as one core sees it) has a list of its synapses on
that core, in whole words; the target's packing says how many. Where the target shares kernels, a convolution instead
stores its kernel once a slice: for each input channel of a group and each tap, a row of the weights into the slice's
output channels, in whole words; a pooling counts as the convolution of every channel by itself that it is. Elsewhere
both are listed synapse by synapse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from toolchain.ir.connections import Connection, Convolution, Dense, Listed, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons.base import Coefficient
from toolchain.ir.program import Population, Projection
from toolchain.ir.timestep import stored_registers
from toolchain.mapping.target import BlockPacking, DensityPacking, Target


def packed_words(fields_bits: Iterable[int], word_bits: int) -> int:
    """Number of words that fields take when laid down in order, none across a boundary (each at most a word wide)."""
    words, left_bits = 0, 0
    for field_bits in fields_bits:
        if field_bits > left_bits:
            words, left_bits = words + 1, word_bits
        left_bits -= field_bits
    return words


def state_words(population: Population, word_bits: int) -> int:
    """Words that hold one neuron's stored registers."""
    fields: list[int] = []
    for register in stored_registers(population):
        fields += [population.width(register.bits)] * (population.modes if register.per == "mode" else 1)
    return packed_words(fields, word_bits)


def coefficient_words(population: Population, word_bits: int) -> tuple[int, int]:
    """Words of coefficients: (in each neuron, once a slice)."""
    own: list[int] = []
    shared: list[int] = []
    for coefficient in population.type.coefficients:
        values = population.coefficients.get(coefficient.name)
        if values is None or not values.size:
            continue
        fields = [population.width(coefficient.bits)] * _fields(coefficient, values)
        if not _is_shared(coefficient, values):
            own += fields
        elif len(fields) > 1:
            shared += fields
    return packed_words(own, word_bits), packed_words(shared, word_bits)


def _fields(coefficient: Coefficient, values: IntArray) -> int:
    """Fields that a coefficient has where it is stored: entries of a table, modes of a neuron, or one."""
    if coefficient.per == "population":
        return int(values.size)
    return int(values.shape[1]) if coefficient.per == "mode" else 1


def _is_shared(coefficient: Coefficient, values: IntArray) -> bool:
    """Whether all neurons have the same."""
    return coefficient.per == "population" or bool((values == values[:1]).all())


def axon_sizes(connection: Connection, start: int, stop: int) -> IntArray:
    """Synapses that each source stores for the targets start .. stop - 1, (source,); zeros are stored in Dense."""
    if isinstance(connection, Dense):
        return np.full(connection.source_size, stop - start, dtype=np.int64)
    return np.bincount(listed(connection, start, stop)[0], minlength=connection.source_size)


def listed(connection: Listed, start: int, stop: int) -> tuple[IntArray, IntArray]:
    """Source and weight of every synapse into the targets start .. stop - 1."""
    matrix = connection.matrix()
    inside = slice(matrix.indptr[start], matrix.indptr[stop])
    return matrix.indices[inside], matrix.data[inside]


def synapse_words(projection: Projection, sizes: IntArray, part: range, target: Target) -> int:
    """Words that the synapses into a range of targets take; `sizes` are its axons' (`axon_sizes`)."""
    connection, per_word = projection.connection, _shared_per_word(projection.connection, target)
    if per_word is None or not len(part):
        return int(axon_words(projection, sizes, target).sum())
    assert isinstance(connection, Convolution | SumPooling)
    return kernel_words(connection, part, per_word)


def kernel_words(connection: Convolution | SumPooling, part: range, per_word: int) -> int:
    """Words of the kernel rows that serve a range of targets."""
    places = math.prod(connection.windows.places)
    channels = np.arange(part.start // places, (part.stop - 1) // places + 1)
    if isinstance(connection, SumPooling):
        return math.prod(connection.kernel) * len(channels)
    rows = math.prod(connection.weights.shape[1:])
    in_group = np.bincount(channels // (connection.weights.shape[0] // connection.groups))
    return rows * int(_ceil_divide(in_group, per_word).sum())


def _shared_per_word(connection: Connection, target: Target) -> int | None:
    """Kernel weights in a word where the target shares kernels and this connection has one."""
    packing = target.packing
    if not isinstance(connection, Convolution | SumPooling) or not isinstance(packing, DensityPacking):
        return None
    return None if packing.kernel_weights_per_word is None else packing.kernel_weights_per_word.whole


def axon_words(projection: Projection, sizes: IntArray, target: Target) -> IntArray:
    """Words that each axon's synapses fill, from their number, (source,); an axon without synapses takes none."""
    packing = target.packing
    if (per_word := _shared_per_word(projection.connection, target)) is not None:
        return _ceil_divide(sizes, per_word)
    if isinstance(packing, BlockPacking):
        return _words_in_blocks(projection, sizes, packing, target.word_bits.whole)
    return _words_by_density(projection, sizes, packing)


def _words_by_density(projection: Projection, sizes: IntArray, packing: DensityPacking) -> IntArray:
    if projection.connection.kind == "dense":
        return _ceil_divide(sizes, packing.dense_synapses_per_word.whole)
    return _ceil_divide(sizes * packing.sparse_words_per_512_synapses.whole, 512)


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
