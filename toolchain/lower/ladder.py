"""Which rounding costs what: the float network with one rounded tensor at a time, then with all of them.

What remains between the last rung and the integer program is the rounding of its arithmetic as it runs: floors of
products, and registers that saturate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import float_step_outputs
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Output
from toolchain.lower.floating import FloatNetwork, Signals, run_units
from toolchain.lower.program import Lowered
from toolchain.quantize.rounding import TensorRow

ALL = "all tensors"


@dataclass(frozen=True)
class Rung:
    """One form of the network, measured.

    Attributes:
        name: what alone is rounded (a tensor, or those that are rounded jointly), or what else the form is.
        samples, correct: how many there were and were classified right; `correct` is None without labels.
        agreement: share of samples with the float network's decision.
        output_error: rms difference of what the host reads, as a share of the float outputs' rms.
        spike_overlap: by population, spikes that the float network has too, over spikes of either; 1 without any.
    """

    name: str
    samples: int
    correct: int | None
    agreement: float
    output_error: float
    spike_overlap: dict[str, float]


class Ladder:
    """Runs forms of one float network on the same data.

    Args:
        floats: the float network.
        data: (sample, step, channel).
        labels: (sample,) classes, where known.
        output: the program's, by whose reading the float network is read too; by default spikes are counted, and of
            anything else the last value is taken.
    """

    def __init__(
        self, floats: FloatNetwork, data: FloatArray, labels: IntArray | None, output: Output | None = None
    ) -> None:
        self.floats, self.data, self.labels = floats, data, labels
        self.output = output or _plain_output(floats)
        self.messages = run_units(floats, data)
        self.outputs = self.read(self.messages)

    def read(self, messages: Signals) -> FloatArray:
        """What the host reads of the output at the end, (sample, neuron)."""
        return float_step_outputs(self.output, messages[self.output.population])[:, -1]

    def top(self) -> Rung:
        """The float network itself."""
        return self.measured("float", self.outputs, self.messages)

    def alone(self, name: str, tensors: Sequence[TensorRow]) -> Rung:
        """With some tensors of one unit or link rounded; units that they cannot reach are not run again."""
        changed = with_tensors(self.floats, tensors)
        reached = _reached(self.floats, tensors[0])
        known = {unit: sent for unit, sent in self.messages.items() if unit not in reached}
        messages = run_units(changed, self.data, known=known)
        return self.measured(name, self.read(messages), messages)

    def together(self, tensors: Iterable[TensorRow], data: FloatArray | None = None) -> Rung:
        """With all of them rounded, and the inputs if given in their rounded form."""
        messages = run_units(with_tensors(self.floats, tensors), self.data if data is None else data)
        return self.measured(ALL, self.read(messages), messages)

    def measured(self, name: str, outputs: FloatArray, messages: Signals) -> Rung:
        """Hold outputs and messages to the float network's."""
        chosen = outputs.argmax(axis=1)
        correct = None if self.labels is None else int(np.count_nonzero(chosen == self.labels))
        same = float(np.mean(chosen == self.outputs.argmax(axis=1)))
        power = float(np.sqrt(np.mean(np.square(self.outputs)))) or 1.0
        error = float(np.sqrt(np.mean(np.square(outputs - self.outputs)))) / power
        return Rung(name, len(chosen), correct, same, error, self._spikes(messages))

    def _spikes(self, messages: Signals) -> dict[str, float]:
        spiking = [unit.name for unit in self.floats.network.units if unit.spikes]
        return {name: _overlap(messages[name], self.messages[name]) for name in spiking if name in messages}


def _overlap(one: FloatArray, other: FloatArray) -> float:
    either = np.count_nonzero((one != 0) | (other != 0))
    return float(np.count_nonzero((one != 0) & (other != 0)) / either) if either else 1.0


def _plain_output(floats: FloatNetwork) -> Output:
    unit = floats.network.unit(floats.network.outputs[0])
    return Output("output", unit.name, unit.output_register, "last" if unit.graded else "")


JOINT = {"a_re": "a", "a_im": "a", "c_re": "c, d", "c_im": "c, d", "d": "c, d"}
"""Tensors that are rounded together, so that the error of one makes up for another's, and count as one."""


def climb(ladder: Ladder, lowered: Lowered) -> list[Rung]:
    """The float network, each rounded tensor alone, and all of them."""
    groups: dict[str, list[TensorRow]] = {}
    for tensor in lowered.tensors:
        where, _, name = tensor.name.rpartition(".")
        groups.setdefault(f"{where}.{JOINT.get(name, name)}", []).append(tensor)
    lossy = {name: group for name, group in groups.items() if any(tensor.sqnr_db is not None for tensor in group)}
    return [
        ladder.top(),
        *(ladder.alone(name, group) for name, group in lossy.items()),
        ladder.together(lowered.tensors),
    ]


def with_tensors(floats: FloatNetwork, tensors: Iterable[TensorRow]) -> FloatNetwork:
    """The network with some tensors in their rounded form."""
    units, weights = dict(floats.units), dict(floats.weights)
    by_name = {unit.name: unit for unit in floats.network.units}
    for tensor in tensors:
        where, _, name = tensor.name.rpartition(".")
        if name == "weights":
            weights[where] = weights[where].copy()
            weights[where].data = tensor.rounded
        else:
            units[where] = by_name[where].replaced(units[where], name, tensor.rounded)
    return replace(floats, units=units, weights=weights)


def _reached(floats: FloatNetwork, tensor: TensorRow) -> set[str]:
    """Units whose messages a tensor can change."""
    where, _, name = tensor.name.rpartition(".")
    reached = {where}
    if name == "weights":
        reached = {link.target for link in floats.network.links if link.name == where}
    before = -1
    while before < len(reached):
        before = len(reached)
        reached |= {link.target for link in floats.network.links if link.source in reached}
    return reached
