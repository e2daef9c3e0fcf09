"""When a program is well formed: a table of named rules.

`verify` runs the rules in order (later ones rely on earlier ones) and raises one error for the first that is broken.
A rule looks at the whole program and yields problems, each *where: what, with numbers; what to do*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from toolchain.bounds.arrivals import at_port
from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.errors import VerificationError
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.interval import within
from toolchain.ir.neurons import NEURONS_BY_NAME, Coefficient
from toolchain.ir.program import (
    INPUT_OVERFLOWS,
    MAX_DELAY_STEPS,
    MAX_EXPONENT,
    PAYLOAD_BITS,
    READINGS,
    SEMANTICS_VERSION,
    WEIGHT_BITS,
    Output,
    Population,
    Program,
    Projection,
)

Problems = Iterator[str]
MOST_NEURONS, MOST_MODES = 1 << 24, 1 << 12
"""Of a population: more than a board of eight chips holds."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]*")


@dataclass(frozen=True)
class Rule:
    """One condition that every program meets.

    Attributes:
        name: how errors and documentation call it.
        meaning: the condition in words.
        problems: yields one text for each place where a program breaks it.
    """

    name: str
    meaning: str
    problems: Callable[[Program], Problems]


def verify(program: Program) -> None:
    """Check every rule.

    Raises:
        VerificationError: the first broken rule's first problem, and how many more it has.
    """
    for rule in RULES:
        found = list(rule.problems(program))
        if found:
            more = f" (and {len(found) - 1} more of rule {rule.name!r})" if len(found) > 1 else f" [{rule.name}]"
            where, _, what = found[0].partition(": ")
            raise VerificationError(where, what + more)


def _version(program: Program) -> Problems:
    if program.semantics_version != SEMANTICS_VERSION:
        yield (
            f"{program.name}: semantics version {program.semantics_version}, this is {SEMANTICS_VERSION}; deploy again"
        )


def _names(program: Program) -> Problems:
    nodes = [source.name for source in program.inputs] + [p.name for p in program.populations]
    groups = (nodes, [p.name for p in program.projections], [o.name for o in program.outputs])
    for names in groups:
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{name}: the name is used {names.count(name)} times; give each part its own"
    for name in nodes:
        if not NAME.fullmatch(name):
            yield f"{name}: not a name; use letters, digits, '_' and '-'"
    for name in [name for names in groups[1:] for name in names]:
        if not name.isprintable() or " " in name or not name:
            yield f"{name!r}: not a name; use printable characters and no blanks"


def _texts(program: Program) -> Problems:
    origins = [p.origin for p in program.populations] + [p.origin for p in program.projections]
    for text in [program.name, *origins, *program.notes, *program.notes.values()]:
        if not text.isprintable():
            yield f"{program.name!r}: {text!r} does not fit one line of text; remove its control characters"
    for key in program.notes:
        if ": " in key or key.endswith(":"):
            yield f"{program.name}: the note's name {key!r} holds a colon; rename it"


def _neuron_types(program: Program) -> Problems:
    for population in program.populations:
        if population.neuron not in NEURONS_BY_NAME:
            known = ", ".join(NEURONS_BY_NAME)
            yield f"{population.name}: unknown neuron type {population.neuron!r}; use one of {known}"


def _sizes(program: Program) -> Problems:
    if program.latency_steps < 0:
        yield f"{program.name}: latency of {program.latency_steps} steps; give 0 or more"
    for population in program.populations:
        has_modes = any(c.per == "mode" for c in population.type.coefficients)
        if population.size < 1:
            yield f"{population.name}: size {population.size}; give at least one neuron"
        if has_modes and population.modes < 1:
            yield f"{population.name}: {population.modes} modes; a {population.neuron} needs at least one"
        if not has_modes and population.modes:
            yield f"{population.name}: {population.modes} modes; a {population.neuron} has none, give 0"
        if not 0 <= population.start_step <= 127:
            yield f"{population.name}: start_step {population.start_step} is not in 0 .. 127; shorten the network"
    for source in program.inputs:
        if source.size < 1 or not 1 < source.bits <= PAYLOAD_BITS:
            yield f"{source.name}: size {source.size}, {source.bits} bits; payloads have 2 to {PAYLOAD_BITS} bits"


def _extents(program: Program) -> Problems:
    most = MAX_DELAY_STEPS * max(1, len(program.projections))
    if program.latency_steps > most:
        what = (
            f"latency of {program.latency_steps} steps, and {len(program.projections)} projections take {most} at most"
        )
        yield f"{program.name}: {what}; check the program"
    for name, size in program.sizes().items():
        if size > MOST_NEURONS:
            yield f"{name}: size {size:,}; give at most {MOST_NEURONS:,}"
    for population in program.populations:
        if population.modes and population.modes > MOST_MODES:
            yield f"{population.name}: {population.modes:,} modes; give at most {MOST_MODES:,}"


def _settings(program: Program) -> Problems:
    for population in program.populations:
        declared = {setting.name: setting for setting in population.type.settings}
        for name, value in population.settings.items():
            if name not in declared:
                yield f"{population.name}.{name}: a {population.neuron} has no such setting; remove it"
            elif not declared[name].low <= value <= declared[name].high:
                low, high = declared[name].low, declared[name].high
                yield f"{population.name}.{name}: {value} is not in {low} .. {high}; choose a value inside"


def _coefficients(program: Program) -> Problems:
    for population in program.populations:
        declared = {coefficient.name: coefficient for coefficient in population.type.coefficients}
        for name in sorted(population.coefficients.keys() - declared.keys()):
            yield f"{population.name}.{name}: a {population.neuron} has no such coefficient; remove it"
        for name, coefficient in declared.items():
            if name in population.coefficients:
                yield from _coefficient(population, coefficient, population.coefficients[name])
            elif coefficient.default is None:
                yield f"{population.name}.{name}: is missing; a {population.neuron} needs it"


def _coefficient(population: Population, coefficient: Coefficient, values: IntArray) -> Problems:
    where = f"{population.name}.{coefficient.name}"
    expected = population.extent(coefficient.per)
    if coefficient.per != "population" and values.shape != expected:
        yield f"{where}: shape {values.shape} instead of {expected}; give one value a {coefficient.per}"
        return
    if values.ndim == 0 or not values.size:
        yield f"{where}: shape {values.shape} is no table; give at least one entry"
        return
    bits = population.width(coefficient.bits)
    low, high = limits(bits) if coefficient.signed else (0, (1 << bits) - 1)
    outside = np.argwhere((values < low) | (values > high))
    if len(outside):
        value = int(values[tuple(outside[0])])
        sign = "a signed" if coefficient.signed else "an unsigned"
        bound = f"max {high}" if value > high else f"min {low}"
        place = "entry" if coefficient.per == "population" else "neuron"
        yield (
            f"{where}: {value} does not fit {sign} {bits}-bit register ({bound}), {place} {int(outside[0][0])};"
            " lower the weight exponent or rescale the layer"
        )


def _type_rules(program: Program) -> Problems:
    for population in program.populations:
        for rule in population.type.rules:
            for problem in rule(population.values()):
                yield f"{population.name}: {problem}"


def _endpoints(program: Program) -> Problems:
    populations = {population.name: population for population in program.populations}
    sources = {source.name: source.size for source in program.inputs} | {n: p.size for n, p in populations.items()}
    for projection in program.projections:
        if projection.source not in sources or projection.target not in populations:
            missing = projection.target if projection.source in sources else projection.source
            yield f"{projection.name}: {missing!r} is not in the program; check the projection's ends"
            continue
        target = populations[projection.target]
        if projection.port not in {port.name for port in target.type.ports}:
            yield f"{projection.name}: a {target.neuron} has no port {projection.port!r}; check the projection's end"
        yield from _extent(projection, sources[projection.source], target.size)


def _extent(projection: Projection, source_size: int, target_size: int) -> Problems:
    found = (projection.connection.target_size, projection.connection.source_size)
    if found != (target_size, source_size):
        yield f"{projection.name}: weights are {found}, the ends need {(target_size, source_size)}; check the shape"


def _weights(program: Program) -> Problems:
    low, high = limits(WEIGHT_BITS)
    for projection in program.projections:
        values = projection.connection.values
        if values.size and (values.min() < low or values.max() > high):
            worst = int(values.max() if values.max() > high else values.min())
            yield f"{projection.name}: weight {worst} does not fit {low} .. {high}; raise the exponent"
        if abs(projection.exponent) > MAX_EXPONENT:
            yield f"{projection.name}: exponent {projection.exponent} is beyond +-{MAX_EXPONENT}; rescale the layer"


def _delays(program: Program) -> Problems:
    for projection in program.projections:
        if not 1 <= projection.delay_steps <= MAX_DELAY_STEPS:
            yield f"{projection.name}: delay of {projection.delay_steps} steps is not in 1 .. {MAX_DELAY_STEPS}"


def _inputs(program: Program) -> Problems:
    for source in program.inputs:
        if source.overflow not in INPUT_OVERFLOWS:
            yield f"{source.name}: {source.overflow!r} says not what overflow does; use {', '.join(INPUT_OVERFLOWS)}"


def _outputs(program: Program) -> Problems:
    populations = {population.name: population for population in program.populations}
    for output in program.outputs:
        if output.population not in populations:
            yield f"{output.name}: population {output.population!r} is not in the program; check the output"
            continue
        population = populations[output.population]
        if output.register and output.register not in {r.name for r in population.type.stored}:
            yield f"{output.name}: {output.population} keeps no register {output.register!r}; check the output"
        yield from _reading(output, population.size, program.latency_steps)


def _reading(output: Output, size: int, latency_steps: int) -> Problems:
    if output.reading not in READINGS:
        yield f"{output.name}: {output.reading!r} is not a way to read an output; use one of {', '.join(READINGS)}"
    if output.reading == "count" and output.register:
        yield f"{output.name}: a register is no message to count; read its last value"
    if len(output.exponents) not in (1, size):
        yield f"{output.name}: {len(output.exponents)} exponents for {size} neurons; give one, or one a neuron"
    if not 0 <= output.early_steps <= latency_steps:
        yield f"{output.name}: early by {output.early_steps} of {latency_steps} steps of latency; check the output"


def _port_ranges(program: Program) -> Problems:
    messages = sent(program)
    for population in program.populations:
        for port in population.type.ports:
            arriving = at_port(program, population, port.name, messages)
            # The negative of all that fits must fit too: backends may count from magnitudes.
            _, most = limits(port.bits)
            if not within(arriving, -most, most):
                worst = int(magnitude(arriving).max())
                yield (
                    f"{population.name}.{port.name}: up to {worst} can arrive in one step, over the port's {port.bits}"
                    f" bits (max {most}); lower an exponent or split the fan-in"
                )


RULES: tuple[Rule, ...] = (
    Rule("semantics-version", "the program was made for this meaning of programs", _version),
    Rule("names", "names are unique and plain", _names),
    Rule("texts", "names, origins and notes fit one line of text each", _texts),
    Rule("neuron-types", "each neuron type is known", _neuron_types),
    Rule("sizes", "populations and inputs have neurons, modes and widths that make sense", _sizes),
    Rule("extents", "no size is beyond what can be held, no latency beyond what delays add up to", _extents),
    Rule("settings", "each setting is declared and in range", _settings),
    Rule("coefficients", "each coefficient is declared, of its shape, and fits its width", _coefficients),
    Rule("neuron-rules", "each type's own rules hold, e.g. poles inside the unit disc", _type_rules),
    Rule("endpoints", "projections join parts that exist, at ports that exist, with weights of that shape", _endpoints),
    Rule("weights", "weights have 8 bits and exponents are moderate", _weights),
    Rule("delays", "delays are 1 to 62 steps", _delays),
    Rule("inputs", "inputs say what the host does beyond their range", _inputs),
    Rule("outputs", "outputs name what exists, and how it is read", _outputs),
    Rule("port-ranges", "no possible sum overflows a port", _port_ranges),
)
