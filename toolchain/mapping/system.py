"""Machines made of chips: how many, and how the host reaches them, read from data files.

A target named with its system, ``"loihi2@kapoho_point"``, has that system's number of chips.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from toolchain.errors import InputError
from toolchain.mapping.quantity import Quantity

SYSTEMS = Path(__file__).parent / "systems"
AT = "@"


class System(BaseModel):
    """One machine.

    Attributes:
        name, title: short name, and name for people.
        chip: name of the target that its chips are.
        host: what is known of the way to the host.
        chips: their number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str = Field(min_length=1)
    title: str
    chip: str
    host: str
    chips: Quantity


def shipped_systems() -> tuple[str, ...]:
    """Names of the systems that come with Seamount."""
    return tuple(sorted(path.stem for path in SYSTEMS.glob("*.toml")))


def load_system(name: str, chip: str) -> System:
    """Read a shipped system.

    Raises:
        InputError: there is no such system, or its chips are others.
    """
    known = systems_of(chip)
    for system in known:
        if system.name == name:
            return system
    remedy = f"use one of {', '.join(system.name for system in known)}" if known else "name the chip alone"
    raise InputError(name, f"is not a system of {chip} chips", remedy)


def systems_of(chip: str) -> list[System]:
    """Systems of a chip, the smallest first."""
    found = [_read(name) for name in shipped_systems()]
    return sorted((system for system in found if system.chip == chip), key=lambda system: system.chips.value)


def _read(name: str) -> System:
    return System.model_validate(tomllib.loads((SYSTEMS / f"{name}.toml").read_text(encoding="utf-8")))
