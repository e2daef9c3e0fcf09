"""What a form of a program costs, before it is placed: synapse words, operations and messages a step.

Words rank forms of one program: an all-to-all matrix at four 8-bit weights a word, a list at 153 words for 512
synapses, a kernel at eight weights a word. They are no placement, which comes after the passes, may not be asked, and
counts lists and kernels by the bits of their values (`mapping.memory`). Rates are assumptions and are printed with
every decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program

DENSE_SYNAPSES_PER_WORD = 4
SPARSE_WORDS_PER_512 = 153
KERNEL_WEIGHTS_PER_WORD = 8


def connection_words(connection: Connection) -> int:
    """Synapse words where all targets are on one core; a kernel's are those of its weights, to the next word."""
    if isinstance(connection, Convolution | SumPooling):
        return _to_words(connection.values.size, KERNEL_WEIGHTS_PER_WORD)
    sizes = connection.stored_fan_out()
    if isinstance(connection, Dense):
        return connection.source_size * _to_words(connection.target_size, DENSE_SYNAPSES_PER_WORD)
    return sum(_to_words(SPARSE_WORDS_PER_512 * int(size), 512) for size in sizes)


def _to_words(count: int, per_word: int) -> int:
    return -(-count // per_word)


def cheapest(matrix: IntArray | scipy.sparse.sparray) -> Connection:
    """The way to store a (target, source) map that takes the fewest words; the plainer one at a tie."""
    weights = dense(matrix)
    forms: list[Connection] = [Dense(weights), Sparse.from_dense(weights)]
    if weights.shape[0] == weights.shape[1] and np.all(np.diag(weights) != 0):
        diagonal = np.diag(weights)
        if np.count_nonzero(weights) == diagonal.size:
            forms = [OneToOne(diagonal)]
    return min(forms, key=connection_words)


def dense(matrix: IntArray | scipy.sparse.sparray) -> IntArray:
    """A (target, source) map with all its zeros."""
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), dtype=np.int64)


@dataclass(frozen=True)
class Cost:
    """Synapse words, and a step's expected synaptic operations (non-zero weights) and messages."""

    synapse_words: int
    synops: float
    messages: float

    @property
    def work(self) -> float:
        """Operations a step; a message counts as one more."""
        return self.synops + self.messages

    def __str__(self) -> str:
        return f"{self.synapse_words} synapse words, {self.synops:.0f} SynOps and {self.messages:.0f} messages a step"


def cost(program: Program, spike_rate: float, payload_rate: float = 1.0) -> Cost:
    """Cost of a program at assumed rates.

    Args:
        program: which.
        spike_rate: spikes a neuron and step.
        payload_rate: graded messages a neuron or input channel and step.
    """
    rates = {name: _rate(program, name, spike_rate, payload_rate) for name in program.sizes()}
    read = {projection.source for projection in program.projections}
    return Cost(
        synapse_words=sum(connection_words(p.connection) for p in program.projections),
        synops=sum(rates[p.source] * float(p.connection.nonzero_fan_out().sum()) for p in program.projections),
        messages=sum(rates[name] * size for name, size in program.sizes().items() if name in read),
    )


def _rate(program: Program, name: str, spike_rate: float, payload_rate: float) -> float:
    low, high = program.source_range(name)
    if (low, high) == (0, 0):
        return 0.0
    return spike_rate if (low, high) == (0, 1) else payload_rate
