"""What an exported file says about itself, and how its tensors are called.

    in.<input>                            what enters in this step
    state.<population>.<register>         a stored register before the step, next.<...> after it
    state.<source>.message_<k>            what an input or population emitted k steps ago, next.<...> one step later
    out.<population>                      what the population emits in this step; 0 is no message
    probe.<population>.<register>         a register's value in this step, where asked for
    overflow.<population>.<register>      values of each sample that may not and did not fit, where asked for
    canary                                1 for each sample where the runtime computes exactly

Everything else is in the file's ``metadata_props`` under keys that begin with ``seamount.``, one JSON value each, and
under the same keys in a JSON file beside it, since JavaScript's sessions do not show metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from exporters.onnx.lanes import Lanes
from exporters.scalar.plan import ProgramPlan
from toolchain.bounds.counts import Count
from toolchain.errors import InputError
from toolchain.ir.neurons import Register
from toolchain.ir.program import SEMANTICS_VERSION, Input, Population, Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import WAIT, all_registers, initial_value, stored_registers

Form = Literal["step", "scan"]
FORMS: tuple[Form, ...] = get_args(Form)

PREFIX = "seamount."


@dataclass(frozen=True)
class StateTensor:
    """What lives from one step to the next. All of it is 0 before step 0.

    Attributes:
        name: ``state.<owner>.<word>``; the step graph's input.
        next: ``next.<owner>.<word>``; its value after the step.
        shape: without the sample axis.
        initial: what each word holds before step 0: always 0.
        start, slope: the register holds start + slope * (the tensor's value).
    """

    name: str
    next: str
    shape: tuple[int, ...]
    initial: int = 0
    start: int = 0
    slope: int = 1


@dataclass(frozen=True)
class Description:
    """What is needed to run an exported file: its ``metadata_props``, read.

    Attributes:
        form: one step, or a scan over a sequence.
        lanes: type of the arithmetic inside.
        tensors: type of the inputs and outputs.
        program: sha256 of the program's text.
        inputs: with their widths and exponents: a payload p stands for p * 2^-exponent.
        populations: name to facts: neuron, size, modes, start_step, origin, settings, registers with their widths,
            overflow rules and initial values.
        states: everything that the step reads and writes.
        probes: ``"population.register"`` of each probe.
        counted: whether values that do not fit are counted.
        overflows: ``"population.register"`` (or port) of each count, in the order of a step: of all others it is proven
            that every value fits. Empty if not counted.
        outputs: the program's outputs: name to the tensor that holds it.
        decoding: name of an output to what its integers stand for and how it is read: `reading`, `exponents`,
            `early_steps` (`ir.program.Output`).
    """

    form: Form
    lanes: Lanes
    tensors: Lanes
    semantics_version: int
    program: str
    name: str
    latency_steps: int
    inputs: tuple[Input, ...]
    populations: Mapping[str, Mapping[str, Any]]
    projections: tuple[Mapping[str, Any], ...]
    states: tuple[StateTensor, ...]
    probes: tuple[str, ...]
    counted: bool
    overflows: tuple[str, ...]
    outputs: Mapping[str, str]
    decoding: Mapping[str, Mapping[str, Any]]
    notes: Mapping[str, str]

    def properties(self) -> dict[str, str]:
        """The ``metadata_props``: one JSON value a key."""
        return {PREFIX + key: json.dumps(value, sort_keys=True) for key, value in asdict(self).items()}


def describe(
    plan: ProgramPlan,
    form: Form,
    lanes: Lanes,
    tensors: Lanes,
    probes: Sequence[Probe],
    counts: Mapping[str, Mapping[str, Count]] | None,
) -> Description:
    """Describe a program's export; `counts` says of each population what is counted.

    Raises:
        InputError: a probe is named twice.
    """
    program = plan.program
    if len(set(probes)) != len(probes):
        raise InputError("probes", "name a register twice", "give each probe once")
    return Description(
        form=form,
        lanes=lanes,
        tensors=tensors,
        semantics_version=program.semantics_version,
        program=program_hash(program),
        name=program.name,
        latency_steps=program.latency_steps,
        inputs=program.inputs,
        populations={population.name: _population_facts(population) for population in program.populations},
        projections=tuple(
            {name: value for name, value in vars(p).items() if name != "connection"} for p in program.projections
        ),
        states=state_tensors(program),
        probes=tuple(map(str, probes)),
        counted=counts is not None,
        overflows=tuple(_overflow_key(name, count) for name, of in (counts or {}).items() for count in of.values()),
        outputs={
            o.name: f"next.{o.population}.{o.register}" if o.register else f"out.{o.population}"
            for o in program.outputs
        },
        decoding={
            o.name: {"reading": o.reading, "exponents": list(o.exponents), "early_steps": o.early_steps}
            for o in program.outputs
        },
        notes=dict(program.notes),
    )


def _overflow_key(population: str, count: Count) -> str:
    return f"{population}.{count.register or count.value.removeprefix('port.')}"


def state_tensors(program: Program) -> tuple[StateTensor, ...]:
    """Stored registers of every population, then the messages that are still on their way."""
    states = [
        _register_state(population, r) for population in program.populations for r in stored_registers(population)
    ]
    states += [
        StateTensor(f"state.{name}.message_{ago}", f"next.{name}.message_{ago}", (size,))
        for name, size in program.sizes().items()
        for ago in range(1, longest_delay(program, name) + 1)
    ]
    return tuple(states)


def longest_delay(program: Program, source: str) -> int:
    """Steps for which a source's messages are kept; 0 where nothing listens to it."""
    return max((p.delay_steps for p in program.projections if p.source == source), default=0)


def _register_state(population: Population, register: Register) -> StateTensor:
    word = f"{population.name}.{register.name}"
    start, slope = initial_value(population, register), -1 if register is WAIT else 1
    return StateTensor(f"state.{word}", f"next.{word}", population.extent(register.per), 0, start, slope)


def _population_facts(population: Population) -> dict[str, Any]:
    return {
        "neuron": population.neuron,
        "size": population.size,
        "modes": population.modes,
        "start_step": population.start_step,
        "origin": population.origin,
        "settings": {setting.name: population.setting(setting.name) for setting in population.type.settings},
        "message_range": population.message_range,
        "registers": {r.name: _register_facts(population, r) for r in all_registers(population)},
    }


def _register_facts(population: Population, register: Register) -> dict[str, Any]:
    return {
        "bits": population.width(register.bits),
        "overflow": register.overflow.value,
        "per": register.per,
        "stored": register.stored,
        "initial": initial_value(population, register) if register.stored else 0,
        "meaning": register.meaning,
    }


def parse_description(properties: Mapping[str, str], where: str) -> Description:
    """Read a file's ``metadata_props``.

    Args:
        properties: as the runtime gives them.
        where: the file, for errors.

    Raises:
        InputError: it is not a file of ours, or was made under another meaning of programs.
    """
    try:
        found = {k.removeprefix(PREFIX): json.loads(v) for k, v in properties.items() if k.startswith(PREFIX)}
        found["inputs"] = tuple(Input(**source) for source in found["inputs"])
        found["states"] = tuple(StateTensor(**s | {"shape": tuple(s["shape"])}) for s in found["states"])
        found |= {key: tuple(found[key]) for key in ("projections", "probes", "overflows")}
        description = Description(**found)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(where, f"does not describe itself ({error!r})", "export it with seamount") from error
    if description.semantics_version != SEMANTICS_VERSION:
        version = description.semantics_version
        raise InputError(where, f"has semantics version {version}, this is {SEMANTICS_VERSION}", "export it again")
    return description
