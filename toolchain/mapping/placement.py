"""Where a program's neurons are: cores, what each holds of every limited resource, and chips."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from toolchain.errors import InputError
from toolchain.ir.integer import IntArray
from toolchain.mapping.slices import Slice
from toolchain.mapping.target import RESOURCES, Target
from toolchain.reading import parse_json

FORMAT = 2


@dataclass(frozen=True)
class Usage:
    """What something takes of each resource of a core; counts, words of the target's width.

    `core_words` is a sum of the fields: see `target.RESOURCES`.
    """

    axon_in: int = 0
    axon_map: int = 0
    synapse_words: int = 0
    neurons: int = 0
    neuron_groups: int = 0
    neuron_words: int = 0
    axon_memory: int = 0

    @property
    def core_words(self) -> int:
        """Words of the shared memory."""
        return self.axon_in + self.axon_map + self.axon_memory + self.neuron_words + self.synapse_words

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def of(self, resource: str) -> int:
        """How much it takes of one of `RESOURCES`."""
        return int(getattr(self, resource))


@dataclass(frozen=True)
class Fill:
    """How full a core is of one resource."""

    core: int
    resource: str
    used: int
    limit: int

    @property
    def fraction(self) -> float:
        """Used over limit."""
        return self.used / self.limit


@dataclass(frozen=True)
class Core:
    """One core: its slices and what they take."""

    index: int
    chip: int
    slices: tuple[Slice, ...]
    usage: Usage


@dataclass(frozen=True)
class Placement:
    """A program on the cores of a target.

    Attributes:
        target: name of the target.
        program: sha256 of the program's text.
        limits: of one core, by resource; without those that the target does not know.
        cores: in order.
        rule: how the populations were laid out, one of `place.RULES`.
    """

    target: str
    program: str
    limits: tuple[tuple[str, int], ...]
    cores: tuple[Core, ...]
    rule: str = "packed"

    @property
    def chips(self) -> int:
        """Number of chips in use."""
        return 1 + max((core.chip for core in self.cores), default=-1)

    def fills(self, core: Core) -> tuple[Fill, ...]:
        """How full a core is of each limited resource, in the order of `RESOURCES`."""
        return tuple(Fill(core.index, name, core.usage.of(name), limit) for name, limit in self.limits)

    @property
    def fullest(self) -> Fill:
        """The greatest fill of all cores and resources; the first one at a tie."""
        return max((fill for core in self.cores for fill in self.fills(core)), key=lambda fill: fill.fraction)

    @property
    def fullest_core(self) -> int:
        """Index of the core that is closest to a limit."""
        return self.fullest.core

    @property
    def limiting_resource(self) -> str:
        """The resource that the fullest core has least left of."""
        return self.fullest.resource

    def core_of(self, population: str, size: int) -> IntArray:
        """Core of each neuron of a population, (size,); -1 for a neuron that is on none (an input's channels)."""
        where = np.full(size, -1, dtype=np.int64)
        for core in self.cores:
            for part in core.slices:
                if part.population == population:
                    where.reshape(part.shape)[tuple(slice(*pair) for pair in part.ranges)] = core.index
        return where


def limits_of(target: Target) -> tuple[tuple[str, int], ...]:
    """The limits of one core that a target knows, in the order of `RESOURCES`."""
    known = ((name, target.limits.of(name)) for name in RESOURCES)
    return tuple((name, limit) for name, limit in known if limit is not None)


def write_placement(placement: Placement) -> str:
    """Return the placement as JSON; equal placements give equal text."""
    fields: dict[str, Any] = {"format": FORMAT, **asdict(placement)}
    fields["limits"] = dict(placement.limits)
    fields["chips"] = placement.chips
    fields["fullest"] = asdict(placement.fullest)
    return json.dumps(fields, indent=1) + "\n"


def read_placement(text: str, name: str = "placement.json") -> Placement:
    """Read a placement from its JSON.

    Raises:
        InputError: the text is no placement, or of another format.
    """
    try:
        fields = parse_json(text)
        if fields["format"] != FORMAT:
            raise InputError(name, f"has format {fields['format']}, this is {FORMAT}", "place the program again")
        limits = tuple((str(resource), int(limit)) for resource, limit in fields["limits"].items())
        cores = tuple(_core(core) for core in fields["cores"])
        return Placement(fields["target"], fields["program"], limits, cores, fields["rule"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(name, f"is not a placement ({error!r})", "place the program again") from error


def _core(fields: dict[str, Any]) -> Core:
    slices = tuple(_slice(part) for part in fields["slices"])
    return Core(int(fields["index"]), int(fields["chip"]), slices, Usage(**fields["usage"]))


def _slice(fields: dict[str, Any]) -> Slice:
    ranges = tuple((int(start), int(stop)) for start, stop in fields["ranges"])
    return Slice(str(fields["population"]), tuple(map(int, fields["shape"])), ranges, int(fields["room"]))
