"""Networks of which Intel's compiler printed what it put on every core (notebooks of lava-dl).

Shapes are public, stored weights are not: each layer here has random weights of a whole number of bits, the one that
gives the printed synapse words (test_memory has the arithmetic). Neurons, axons, maps and cores owe nothing to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolchain.ir.connections import Connection, Convolution, Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection


@dataclass(frozen=True)
class Row:
    """One layer of a compiler table: what one of its cores takes on average.

    Attributes:
        neurons: of the whole layer: (channels, rows, columns) or their number.
        bits: of its weights.
        kernel, stride, padding: of a convolution, (rows, columns); a dense layer has no kernel.
        cores: that the layer takes.
        axon_in, axon_map, axon_memory, room, synapse_words: words or entries a core, as printed.
    """

    neurons: tuple[int, ...]
    bits: int
    cores: int
    axon_in: float
    room: float
    synapse_words: float
    axon_map: float
    axon_memory: float = 0
    kernel: int = 0
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)

    @property
    def words(self) -> float:
        """All words of a core."""
        return self.axon_in + self.room + self.synapse_words + self.axon_map + self.axon_memory


def network(name: str, entering: tuple[int, ...], rows: tuple[Row, ...], neuron: str) -> Program:
    """Layers one after the other, first layer first."""
    populations, projections = [], []
    source, shape = "input", entering
    for number, row in enumerate(rows):
        own = f"layer{number}"
        population = _population(own, int(np.prod(row.neurons)), neuron)
        projections.append(Projection(f"into{number}", source, own, _connection(row, shape, number)))
        populations.append(population)
        source, shape = own, row.neurons
    host = Output("out", source)
    return Program(name, (Input("input", int(np.prod(entering))),), tuple(populations), tuple(projections), (host,))


def _population(name: str, size: int, neuron: str) -> Population:
    threshold = {"sigma_delta": "threshold", "cuba_lif": "vth"}[neuron]
    return Population(name, neuron, size, coefficients={threshold: np.full(size, 64)})


def _connection(row: Row, entering: tuple[int, ...], seed: int) -> Connection:
    if not row.kernel:
        return Dense(_weights((row.neurons[0], int(np.prod(entering))), row.bits, seed))
    weights = _weights((row.neurons[0], entering[0], row.kernel, row.kernel), row.bits, seed)
    padding = tuple((around, around) for around in row.padding)
    return Convolution(weights, entering, row.stride, padding, (1, 1))


def _weights(shape: tuple[int, ...], bits: int, seed: int) -> IntArray:
    """Of both signs, none of them 0, as wide as asked."""
    high = max(1, (1 << (bits - 1)) - 1)
    values = np.random.default_rng(seed).integers(1, high + 1, shape)
    values *= np.where(np.random.default_rng(seed + 1).random(shape) < 0.5, -1, 1)
    values.ravel()[0] = high
    return values


# 61 cores of one chip, 2022-10 to 2023-01 (lava-dl pilotnet_sdnn).
PILOTNET = (
    Row((24, 32, 99), 7, 25, 2, 3072, 81, 253, 93, 3, (2, 2), (0, 0)),
    Row((36, 15, 49), 6, 13, 2, 2160, 864, 113, 32, 3, (2, 2), (0, 0)),
    Row((48, 7, 24), 6, 3, 2, 2688, 1620, 112, 46, 3, (2, 2), (0, 0)),
    Row((64, 4, 22), 5, 3, 1, 2048, 2592, 29, 9, 3, (2, 1), (1, 0)),
    Row((64, 2, 20), 4, 2, 1, 2048, 2880, 1280, 0, 3, (1, 1), (0, 0)),
    Row((100,), 8, 12, 2560, 100 / 12, 7253, 100 / 12),
    Row((50,), 7, 1, 100, 50, 1500, 50),
    Row((10,), 6, 1, 50, 10, 150, 10),
    Row((1,), 8, 1, 10, 1, 10, 1),
)
PILOTNET_INPUT = (3, 66, 200)

# 574 cores of 13 chips, 2023-11 to 2024-07 (lava-dl yolo_kp).
YOLO = (
    Row((16, 224, 224), 7, 224, 1, 3584, 54, 224, 112, 3, (2, 2)),
    Row((32, 112, 112), 7, 112, 1, 3584, 576, 112, 56, 3, (2, 2)),
    Row((64, 56, 56), 5, 56, 1, 3584, 1728, 56, 28, 3, (2, 2)),
    Row((128, 28, 28), 5, 28, 1, 3584, 6336, 28, 56, 3, (2, 2)),
    Row((256, 28, 28), 5, 56, 1, 3584, 12672, 28, 28, 3),
    Row((256, 14, 14), 4, 16, 1, 3584, 11520, 56, 448, 3, (2, 2)),
    Row((512, 14, 14), 5, 32, 1, 3584, 13824, 56, 56, 3),
    Row((256, 14, 14), 5, 14, 1, 3584, 10752, 14, 56, 1, (1, 1), (0, 0)),
    Row((512, 14, 14), 5, 32, 1, 3584, 13824, 56, 28, 3),
    Row((48, 14, 14), 7, 4, 1, 2688, 3072, 2688, 0, 1, (1, 1), (0, 0)),
)
YOLO_INPUT = (3, 448, 448)

# 5 cores (lava-dl Oxford, 2022 and 2023-11).
OXFORD = (
    Row((256,), 8, 3, 200, 256 / 3, 5400, 256 / 3),
    Row((200,), 8, 2, 256, 100, 8064, 100),
)
OXFORD_INPUT = (200,)


# A validation run, 5 cores (lava-dl branch S4D_debug, 2024): input 3, 128, S4D 512 of two words, 128, 128, 10.
S4D = (
    Row((128,), 5, 1, 3, 128, 104, 128),
    Row((512,), 1, 1, 128, 1024, 128, 512, 0),
    Row((128,), 1, 1, 512, 128, 512, 128),
    Row((128,), 8, 1, 128, 128, 5248, 128),
    Row((10,), 8, 1, 128, 10, 512, 10),
)


def s4d() -> Program:
    """The S4D validation run: its second layer has four states a channel, its third sums them."""
    program = network("s4d", (3,), S4D, "cuba_lif")
    populations, projections = list(program.populations), list(program.projections)
    row = np.zeros((512, 1), dtype=np.int64)
    states = dict.fromkeys(("a_re", "a_im", "c_re", "c_im"), row)
    populations[1] = Population("layer1", "ssm_lif", 512, 1, coefficients=states)
    for number, wide in ((1, False), (2, True)):
        four = np.arange(512) // 4
        rows, columns = (np.arange(512), four) if not wide else (four, np.arange(512))
        shape = (128, 512) if wide else (512, 128)
        synapses = Sparse(shape, rows, columns, np.ones(512, dtype=np.int64))
        projections[number] = replace(projections[number], connection=synapses)
    return replace(program, populations=tuple(populations), projections=tuple(projections))


# Two small relations, 4 cores (lava-dnf 2022-10): each layer has one core of its own.
DNF = {
    225: Row((29,), 7, 1, 225, 29, 2025, 29),
    59: Row((225,), 3, 1, 59, 225, 3127, 225),
    15: Row((15,), 6, 1, 15, 15, 75, 15),
}
