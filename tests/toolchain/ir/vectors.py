"""Boundary vectors as text: one case a line, `settings; own; state; port => kept; after; message`.

The expected values come from the restated equations, so that the files stand apart from the implementation; a
backend that isn't written in Python can be held to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.toolchain.ir.restated import RESTATED, Outcome
from tests.toolchain.ir.stepping import cases, setting_choices, single
from toolchain.ir.neurons import NeuronType

CASES = 12


def vector_text(neuron: NeuronType) -> str:
    """Boundary cases under each choice of settings, with what the restated equations give."""
    lines = [f"# {neuron.name}: settings; own; state; port => kept; after; message"]
    for seed, settings in enumerate(setting_choices(neuron)):
        given = cases(neuron, settings, CASES, np.random.default_rng(seed))
        named = {s.name: given.population.setting(s.name) for s in neuron.settings}
        for i in range(CASES):
            own, state, port = single(given, i)
            after = RESTATED[neuron.name](own, state, port)
            constants = {name: value for name, value in own.items() if name not in named}
            lines.append(_line((named, constants, state, port), after))
    return "\n".join(lines) + "\n"


def _line(before: tuple[Mapping[str, Any], ...], after: Outcome) -> str:
    right = "; ".join([_pairs(after.kept), _pairs(after.after), str(after.message)])
    return "; ".join(map(_pairs, before)) + " => " + right


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_numbers(value)}" for name, value in values.items())


def _numbers(value: Any) -> str:
    return ",".join(map(str, value)) + "," if isinstance(value, list) else str(value)


def read_line(line: str) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any], int]:
    """[settings, own, state, port], kept, after, message."""
    before, _, right = line.partition(" => ")
    kept, after, message = right.split("; ")
    return [_values(group) for group in before.split("; ")], _values(kept), _values(after), int(message)


def _values(text: str) -> dict[str, Any]:
    pairs = (pair.split("=") for pair in text.split())
    return {name: _value(value) for name, value in pairs}


def _value(text: str) -> Any:
    return [int(number) for number in text.rstrip(",").split(",")] if "," in text else int(text)
