"""Tables of what an operation costs: data files, every number with band, source and grade."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from toolchain.errors import InputError
from toolchain.mapping.quantity import Quantity
from toolchain.mapping.target import first_fault
from toolchain.reading import toml_of

CONSTANTS = Path(__file__).parent / "constants"

JOULES = {"pJ": 1e-12, "nJ": 1e-9, "J": 1.0}
SECONDS = {"ns": 1e-9, "us": 1e-6, "s": 1.0}

EnergyCount = Literal[
    "synops_dense",
    "synops_nonzero",
    "synops_ac",
    "synops_mac",
    "synops_matrix",
    "synops_list",
    "synops_kernel",
    "neuron_updates",
    "mode_updates",
    "word_updates",
    "multiplications",
    "messages",
    "core_messages",
    "hops_x",
    "hops_y",
]
"""Fields of `LayerCount` that an energy may be charged for."""

LatencyCount = Literal[
    "step",
    "synops_dense",
    "synops_nonzero",
    "synops_matrix",
    "synops_list",
    "synops_kernel",
    "synapse_words_read",
    "neuron_updates",
    "word_updates",
    "core_messages",
    "messages_out",
    "core_messages_out",
]
"""Fields of `CoreCount` that may bound a step, or ``"step"`` for what every step takes."""


class Cost(Quantity):
    """A quantity that is always banded.

    Attributes:
        date: year, or year and month, of the source.
    """

    date: str = Field(pattern=r"^(19|20)\d\d(-(0[1-9]|1[0-2]))?$")

    @model_validator(mode="after")
    def _banded(self) -> Cost:
        if not self.banded:
            raise ValueError("a cost needs low and high: no number is shown without its band")
        return self


class EnergyCost(Cost):
    """Energy of one of `count`."""

    name: str
    count: EnergyCount
    unit: Literal["pJ", "nJ", "J"]


class LatencyCost(Cost):
    """Time of one of `count` on one core.

    Attributes:
        chips: whether it holds for programs on one chip, on several, or on any number.
        tiles: (least, most) routers in use for which it holds; most 0 for no end.
    """

    name: str
    count: LatencyCount
    unit: Literal["ns", "us", "s"]
    chips: Literal["one", "several", "any"] = "any"
    tiles: tuple[int, int] = (0, 0)

    def applies(self, chips: int, tiles: int) -> bool:
        """Whether it holds for a program on that many chips and routers."""
        least, most = self.tiles
        inside = least <= tiles and (not most or tiles <= most)
        return inside and (self.chips == "any" or (self.chips == "one") == (chips == 1))


class PowerCost(Cost):
    """Power of one chip that runs."""

    unit: Literal["W"]


class CostTable(BaseModel):
    """One set of constants.

    Attributes:
        name, title: short name, and name for people.
        kind: ``"hardware"`` for a chip, ``"operations"`` for a convention that prices arithmetic alone.
        notes, not_modelled: what a reader must know, and what the table leaves out.
        energy, latency: the constants of operations.
        static: power of a chip whatever it does; None where it is not modelled.
        base: power of a chip that steps, whatever its network does: measured as dynamic; None where not modelled.
        core_time: "greatest" where a core's bounds overlap, "sum" where they follow each other on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str = Field(min_length=1)
    title: str
    kind: Literal["hardware", "operations"]
    notes: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = ()
    energy: tuple[EnergyCost, ...] = Field(min_length=1)
    latency: tuple[LatencyCost, ...] = ()
    static: PowerCost | None = None
    base: PowerCost | None = None
    core_time: Literal["greatest", "sum"] = "greatest"

    def costs(self) -> list[tuple[str, Cost]]:
        """Every constant with its name, in order."""
        found: list[tuple[str, Cost]] = [(f"energy: {cost.name}", cost) for cost in self.energy]
        if self.base is not None:
            found.append(("base power", self.base))
        if self.static is not None:
            found.append(("static power", self.static))
        return found + [(f"time: {cost.name}{_when(cost)}", cost) for cost in self.latency]


def _when(cost: LatencyCost) -> str:
    """For what programs a time holds, in brackets."""
    chips = {"one": " (one chip)", "several": " (several chips)", "any": ""}[cost.chips]
    least, most = cost.tiles
    if not least:
        return chips
    end = "or more tiles" if not most else f"to {most} tiles"
    return f"{chips} ({least} {end})"


def shipped_tables() -> tuple[str, ...]:
    """Names of the tables that come with Seamount."""
    return tuple(sorted(path.stem for path in CONSTANTS.glob("*.toml")))


def load_costs(name_or_path: str | Path) -> CostTable:
    """Read a table by the name of a shipped one or by the path of a file.

    Raises:
        InputError: there is no such table, or the file breaks a rule; the message names the entry.
    """
    shipped = str(name_or_path) in shipped_tables()
    path = CONSTANTS / f"{name_or_path}.toml" if shipped else Path(name_or_path)
    if not path.is_file():
        raise InputError(
            str(name_or_path), "no such cost table", f"use one of {', '.join(shipped_tables())}, or a file"
        )
    try:
        return CostTable.model_validate(toml_of(path))
    except ValidationError as error:
        raise InputError(str(path), first_fault(error), "compare with toolchain/report/constants") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"is not TOML ({error})", "compare with toolchain/report/constants") from error
