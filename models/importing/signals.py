"""Where a tensor of a running module came from: nodes of the graph to be, at steps of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

Shape = tuple[int, ...]

INPUT, OUTPUT = "input", "output"
VOLTAGE = ":v"
"""What is added to a neuron's name where its voltage is meant and not what it sends."""
BEFORE = -(1 << 30)
"""The step of what a layer makes of zeros that stand for spikes before the first step."""


@dataclass(frozen=True)
class Term:
    """What one node sent.

    Attributes:
        node: its name; with `VOLTAGE` at the end, its voltage.
        step: at which step; None where the tensor holds all steps, or is the same at all.
    """

    node: str
    step: int | None


@dataclass(frozen=True)
class Extent:
    """How many samples and steps the module is run on."""

    samples: int
    steps: int

    def sizes(self, lead: tuple[str, ...]) -> Shape:
        """The leading axes of a tensor: N samples, T steps, both merged (TN, NT), or one in place of steps (1)."""
        known = {
            "1": 1,
            "N": self.samples,
            "T": self.steps,
            "TN": self.steps * self.samples,
            "NT": self.steps * self.samples,
        }
        return tuple(known[axis] for axis in lead)


LEADS = {
    ("N",): (("N",), ("1", "N"), ("N", "1")),
    ("1", "N"): (("1", "N"), ("N",)),
    ("N", "1"): (("N", "1"), ("N",)),
    ("T", "N"): (("T", "N"), ("TN",)),
    ("TN",): (("TN",), ("T", "N")),
    ("N", "T"): (("N", "T"), ("NT",)),
    ("NT",): (("NT",), ("N", "T")),
}
"""What the leading axes may become in a reshape, which keeps the order of elements."""


@dataclass(frozen=True)
class Signal:
    """A tensor that is a sum of what nodes sent.

    Attributes:
        terms: the nodes.
        lead: the axes before those of a sample, see `Extent.sizes`.
        shape: of one sample at one step.
        reduced: "sum", "mean", "max" or "last" where time has been reduced so; "" elsewhere.
    """

    terms: frozenset[Term]
    lead: tuple[str, ...]
    shape: Shape
    reduced: str = ""

    @property
    def step(self) -> int | None:
        """The latest step of its terms; None where it holds all steps or is the same at all."""
        known = [term.step for term in self.terms if term.step is not None]
        return max(known) if known else None

    @property
    def whole(self) -> bool:
        """Whether time is one of its axes."""
        return self.lead != ("N",)

    def at(self, step: int) -> Signal:
        """One step of a whole sequence."""
        return replace(self, terms=frozenset(Term(term.node, step) for term in self.terms), lead=("N",))


@dataclass(frozen=True)
class Opaque:
    """A tensor that depends on the network in a way that a graph cannot say.

    Attributes:
        where: the module.
        what: the operation.
        remedy: what to do about it.
    """

    where: str
    what: str
    remedy: str


def reshaped(signal: Signal, shape: Shape, extent: Extent) -> Signal | None:
    """The signal in a tensor of another shape and the same order of elements; None where samples or steps mix."""
    for lead in LEADS[signal.lead]:
        sizes = extent.sizes(lead)
        own = shape[len(sizes) :]
        if shape[: len(sizes)] == sizes and prod(own) == prod(signal.shape):
            return replace(signal, lead=lead, shape=own)
    return None


def axis_of(signal: Signal, axis: int, axes: int) -> str:
    """The name of a tensor's leading axis; "" for one of the sample's own."""
    axis = axis + axes if axis < 0 else axis
    return signal.lead[axis] if axis < len(signal.lead) else ""
