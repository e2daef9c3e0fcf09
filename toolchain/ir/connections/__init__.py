"""How a projection's sources reach its targets: linear maps with integer weights.

Every connection can say its map as a (target, source) matrix of integers; that matrix is its meaning. Kinds differ
in what is stored, hence in core memory, in counting and in how a backend may run them. Each is frozen data: arrays,
numbers and tuples of numbers, from which text and storage write it down.
"""

from typing import TypeAlias

from toolchain.ir.connections.base import Listed, frozen_integers
from toolchain.ir.connections.convolution import Convolution
from toolchain.ir.connections.dense import Dense
from toolchain.ir.connections.one_to_one import OneToOne
from toolchain.ir.connections.pooling import AveragePooling, SumPooling
from toolchain.ir.connections.sparse import Sparse

Connection: TypeAlias = Dense | Sparse | OneToOne | Convolution | SumPooling | AveragePooling

CONNECTIONS: tuple[type[Connection], ...] = (Dense, Sparse, OneToOne, Convolution, SumPooling, AveragePooling)

CONNECTIONS_BY_KIND: dict[str, type[Connection]] = {connection.kind: connection for connection in CONNECTIONS}

__all__ = [
    "CONNECTIONS",
    "CONNECTIONS_BY_KIND",
    "AveragePooling",
    "Connection",
    "Convolution",
    "Dense",
    "Listed",
    "OneToOne",
    "Sparse",
    "SumPooling",
    "frozen_integers",
]
