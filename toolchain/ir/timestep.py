"""What happens in one step, in order: deliver, accumulate, step, emit.

1. *Deliver*: a projection with delay k brings what its source emitted k steps ago (nothing before step 0).
2. *Accumulate*: what arrives at a port is summed exactly, then held in the port's register.
3. *Step*: each population computes its registers and its message from its own registers and port sums alone.
4. *Emit*: all messages leave together; the order of populations means nothing.

A population with a `start_step` rests until then: registers stay at 0 and nothing is emitted. An extra register
`wait` counts down, so resting is ordinary arithmetic that every backend gets by tracing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from toolchain.errors import OverflowTrapError
from toolchain.ir.integer import (
    Overflow,
    Value,
    add,
    each_mode,
    fit,
    greater,
    select,
    shift_floor,
    shift_left,
    subtract,
    weighted_sum,
)
from toolchain.ir.neurons import Keep, Register, Values
from toolchain.ir.program import Population, Projection

State = dict[str, Value]
"""A population's stored registers by name."""

WAIT = Register("wait", 8, Overflow.TRAP, meaning="steps left to rest")


def stored_registers(population: Population) -> tuple[Register, ...]:
    """The registers that live from step to step, with `wait` last where the population rests first."""
    return population.type.stored + ((WAIT,) if population.start_step else ())


def all_registers(population: Population) -> tuple[Register, ...]:
    """Every register that a step writes."""
    return population.type.registers + ((WAIT,) if population.start_step else ())


def initial_value(population: Population, register: Register) -> int:
    """What a register holds before step 0."""
    return population.start_step if register is WAIT else 0


def arriving(projection: Projection, messages: Value) -> Value:
    """What a projection adds to its port for the (sample, source) messages that reach it in this step."""
    total = weighted_sum(projection.connection.matrix(), messages)
    if projection.exponent >= 0:
        return shift_left(total, projection.exponent)
    return shift_floor(total, -projection.exponent)


def accumulate(population: Population, arrivals: Mapping[str, list[Value]], nothing: Value) -> Values:
    """Sum what arrives at each port into the port's register."""
    sums = {}
    for port in population.type.ports:
        total = nothing
        for arrival in arrivals.get(port.name, []):
            total = add(total, arrival)
        sums[port.name] = _fit(f"{population.name}.{port.name}", total, port.bits, port.overflow)
    return Values(sums)


def step_population(
    population: Population, state: State, ports: Values, keep: Keep, own: Values | None = None
) -> tuple[State, Value]:
    """One step of a population: its stored registers afterwards and its message.

    Args:
        population: whose step.
        state: its stored registers before the step.
        ports: the port sums of this step.
        keep: stores a value by its register's rule.
        own: settings and coefficients; the population's own unless given (tracing gives symbols).
    """
    after, message = population.type.step(population.values() if own is None else own, Values(state), ports, keep)
    if not population.start_step:
        return after, message
    resting = greater(state["wait"], 0)
    rested = {r.name: _unless(resting, r, state[r.name], after[r.name]) for r in population.type.stored}
    rested["wait"] = keep("wait", subtract(state["wait"], resting))
    return rested, select(resting, 0, message)


def _unless(resting: Value, register: Register, before: Value, after: Value) -> Value:
    """The register's value before the step where its neuron rests, else the value after."""
    condition = each_mode(resting) if register.per == "mode" else resting
    return select(condition, before, after)


def keeper(population: Population, observe: Callable[[str, Value, Value], None]) -> Keep:
    """A `keep` that applies each register's width and rule and shows `observe` (register, value, held)."""
    registers = {register.name: register for register in all_registers(population)}

    def keep(register: str, value: Value) -> Value:
        declared = registers[register]
        held = _fit(f"{population.name}.{register}", value, population.width(declared.bits), declared.overflow)
        observe(register, value, held)
        return held

    return keep


def _fit(where: str, value: Value, bits: int, rule: Overflow) -> Value:
    """`fit`, with an error that names the register."""
    try:
        return fit(value, bits, rule)
    except OverflowTrapError as error:
        raise OverflowTrapError(f"{where}, {error.where}", error.what, error.remedy) from None
