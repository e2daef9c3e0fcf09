"""The hardware that a program is placed on: limits of a core as public sources know them, read from a data file.

A target is one TOML file; every number in it is a `Quantity` with source and grade. ``load_target("loihi2")`` reads a
shipped one, ``load_target("path/to/mine.toml")`` an edited copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolchain.errors import InputError
from toolchain.mapping.quantity import Quantity
from toolchain.mapping.system import AT, load_system
from toolchain.reading import toml_of

TARGETS = Path(__file__).parent / "targets"
LEAVING_WORDS = 256
"""Of a core, kept for a neuron's leaving axons where its sources are limited: one a projection and destination core."""

RESOURCES: dict[str, str] = {
    "axon_in": "entries for arriving axons: one a projection and source neuron with a synapse on the core; "
    "a kernel has one a group of input channels",
    "axon_map": "entries for leaving axons: one a projection and neuron on the core, and destination core where the "
    "target counts those; towards a kernel one a position",
    "axon_memory": "entries that name the tiles which a position reaches",
    "synapse_words": "words that hold synapses",
    "neurons": "neurons",
    "neuron_groups": "neuron groups: one a slice of a population",
    "neuron_words": "words that hold neurons' states and coefficients",
    "core_words": "words of the shared memory: all of axon_in, axon_map, axon_memory, neuron_words and synapse_words",
}
"""The limited resources of a core, in the order in which ties are broken."""


class Limits(BaseModel):
    """What one core offers of each of `RESOURCES`; None where no such limit is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    axon_in: Quantity
    axon_map: Quantity
    synapse_words: Quantity
    neurons: Quantity
    neuron_groups: Quantity
    axon_memory: Quantity | None = None
    neuron_words: Quantity | None = None
    core_words: Quantity | None = None

    def of(self, resource: str) -> int | None:
        """The limit of a resource, or None."""
        quantity: Quantity | None = getattr(self, resource)
        return None if quantity is None else quantity.whole


class ListPacking(BaseModel):
    """Synapses as lists: an axon is a header and its non-zero synapses, each a weight and an index, in whole words.

    Attributes:
        header_bits: of each list, and of each row of a kernel.
        index_bits: of the target neuron of a listed synapse; a kernel's weights have none.
        kernels: whether a convolution's kernel is stored once a core; else its synapses are listed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lists"]
    header_bits: Quantity
    index_bits: Quantity
    kernels: bool


class BlockPacking(BaseModel):
    """Synapse words from a format: blocks of synapses, each a header and its synapses, rounded up to whole words.

    Attributes:
        synapses_per_block, header_bits: of a block.
        weight_bits: of each synapse; a listed synapse adds `index_bits`, a delay beyond one step adds `delay_bits`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["blocks"]
    synapses_per_block: Quantity
    header_bits: Quantity
    weight_bits: Quantity
    index_bits: Quantity
    delay_bits: Quantity


class Mesh(BaseModel):
    """Where cores sit: routers in `columns` and `rows`, `cores_per_router` cores each, numbered row by row or column
    by column; cores are filled in that order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Quantity
    rows: Quantity
    cores_per_router: Quantity
    numbered: Literal["along rows", "down columns"]


class LayerRule(BaseModel):
    """How compilers that put one layer on a core cut it: evenly, until no part breaks this budget.

    Attributes:
        list_words: most words of arriving axons and their lists on a core.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    list_words: Quantity


class Target(BaseModel):
    """One kind of hardware.

    Attributes:
        name: short name, e.g. ``"loihi2"``.
        title: name for people.
        notes: what a reader must know about these numbers.
        programmable: whether neurons are microcoded; else `neuron_types` lists what the fixed circuit can be.
        cost_tables: names of the energy tables to report, the leading one first.
        word_bits: width of a memory word.
        words_per_neuron: most state and coefficient words that one neuron may have; None if not limited.
        cores_per_chip, chips_per_system: extent.
        system: name of the machine that `chips_per_system` is of; "" for the greatest known.
        limits: of one core.
        axon_map_by: "projection" where one entry serves all destination cores, "core" where each takes one.
        strided_entries: entries of a kernel with a stride, arriving and a position leaving; None for one.
        packing: how synapses fill words.
        layers: the budget of one layer a core; None where nothing is known of one.
        measured_neuron_words: by neuron type, words of a neuron as measured, in place of its fields' sum.
        mesh: positions, for counting hops.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    name: str = Field(min_length=1)
    title: str
    notes: tuple[str, ...] = ()
    programmable: bool
    neuron_types: tuple[str, ...] = ()
    cost_tables: tuple[str, ...] = Field(min_length=1)
    word_bits: Quantity
    words_per_neuron: Quantity | None = None
    cores_per_chip: Quantity
    chips_per_system: Quantity
    system: str = ""
    limits: Limits
    axon_map_by: Literal["projection", "core"]
    strided_entries: Quantity | None = None
    packing: ListPacking | BlockPacking = Field(discriminator="kind")
    layers: LayerRule | None = None
    measured_neuron_words: dict[str, Quantity] = {}
    mesh: Mesh

    @model_validator(mode="after")
    def _whole_numbers(self) -> Target:
        for name, quantity in self.quantities():
            if not quantity.value.is_integer() or quantity.value < 1:
                raise ValueError(f"{name}: {quantity.value:g} is not a whole number of at least 1")
        return self

    def quantities(self) -> list[tuple[str, Quantity]]:
        """Every number with its dotted name, in order."""
        return list(_quantities("", self))

    @property
    def sources_per_neuron(self) -> int:
        """Most sources of one neuron with which it surely fits a core: each may take an axon and a word of synapses."""
        limits = self.limits
        most = min(limits.axon_in.whole, limits.synapse_words.whole)
        if limits.core_words is not None:
            own = LEAVING_WORDS + (0 if self.words_per_neuron is None else self.words_per_neuron.whole)
            most = min(most, (limits.core_words.whole - own) // 2)
        return max(2, most)

    def supports(self, neuron: str) -> bool:
        """Whether neurons of that type can run here."""
        return self.programmable or neuron in self.neuron_types


def _quantities(prefix: str, model: BaseModel) -> list[tuple[str, Quantity]]:
    found: list[tuple[str, Quantity]] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Quantity):
            found.append((prefix + name, value))
        elif isinstance(value, BaseModel):
            found += _quantities(f"{prefix}{name}.", value)
        elif isinstance(value, dict):
            found += [(f"{prefix}{name}.{key}", quantity) for key, quantity in value.items()]
    return found


def shipped_targets() -> tuple[str, ...]:
    """Names of the targets that come with Seamount."""
    return tuple(sorted(path.stem for path in TARGETS.glob("*.toml")))


def load_target(name_or_path: str | Path) -> Target:
    """Read a target by the name of a shipped one or by the path of a file; ``NAME@SYSTEM`` has that system's chips.

    Raises:
        InputError: there is no such target or system, or the file breaks a rule; the message names the entry.
    """
    chip, at, system = str(name_or_path).partition(AT)
    if at and chip in shipped_targets():
        found = load_system(system, chip)
        return load_target(chip).model_copy(update={"chips_per_system": found.chips, "system": found.name})
    shipped = TARGETS / f"{name_or_path}.toml"
    path = shipped if str(name_or_path) in shipped_targets() else Path(name_or_path)
    if not path.is_file():
        raise InputError(str(name_or_path), "no such target", f"use one of {', '.join(shipped_targets())}, or a file")
    try:
        return Target.model_validate(toml_of(path))
    except ValidationError as error:
        raise InputError(str(path), first_fault(error), "compare with toolchain/mapping/targets") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"is not TOML ({error})", "compare with toolchain/mapping/targets") from error


def first_fault(error: ValidationError) -> str:
    """Where a data file breaks its rules first, and how many more faults there are."""
    faults = error.errors(include_url=False, include_context=False)
    where = ".".join(str(part) for part in faults[0]["loc"]) or "file"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where}: {faults[0]['msg']}{more}"
