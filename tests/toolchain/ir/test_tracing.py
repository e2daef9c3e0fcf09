"""A traced listing is the step: interpreted, it gives exactly what the step gives; its text is held by a golden."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests import golden_text
from tests.toolchain.ir.listing_interpreter import run_listing
from tests.toolchain.ir.stepping import Answer, Cases, by_step, cases, setting_choices
from toolchain.ir.integer import Overflow, add
from toolchain.ir.neurons import NEURONS, NEURONS_BY_NAME, NeuronType, Port, Register, Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import stored_registers
from toolchain.ir.tracing import Instruction, trace_step

TYPES = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)


def by_listing(given: Cases) -> Answer:
    own = {f"own.{name}": values for name, values in given.population.values().items()}
    state = {f"state.{name}": values for name, values in given.state.items()}
    ports = {f"port.{name}": values for name, values in given.ports.items()}
    kept, after, message = run_listing(trace_step(given.population), own | state | ports)
    return Answer({}, kept, after, np.broadcast_to(message, (1, len(given))))


def assert_same(expected: Answer, found: Answer) -> None:
    assert np.array_equal(expected.message, found.message)
    for wanted, got in ((expected.kept, found.kept), (expected.after, found.after)):
        assert list(wanted) == list(got)
        assert all(np.array_equal(wanted[name], got[name]) for name in wanted)


@TYPES
def test_interpreting_the_listing_is_the_step(neuron: NeuronType) -> None:
    for seed, settings in enumerate(setting_choices(neuron)):
        given = cases(neuron, settings, 50, np.random.default_rng(seed))
        assert_same(by_step(given), by_listing(given))


@TYPES
@pytest.mark.parametrize("waited", [0, 1, 2, 5])
def test_interpreting_a_resting_population_is_its_step(neuron: NeuronType, waited: int) -> None:
    given = cases(neuron, setting_choices(neuron)[0], 50, np.random.default_rng(waited))
    population = dataclasses.replace(given.population, start_step=5)
    resting = Cases(population, {**given.state, "wait": np.full((1, len(given)), 5 - waited)}, given.ports)
    answer = by_step(resting)
    assert_same(answer, by_listing(resting))
    active = by_step(given)
    expected = active.after if waited == 5 else given.state
    assert all(np.array_equal(answer.after[r.name], expected[r.name]) for r in neuron.stored)
    assert np.array_equal(answer.message, active.message if waited == 5 else np.zeros((1, len(given))))
    assert (answer.after["wait"] == max(4 - waited, 0)).all()


@TYPES
def test_listing_is_as_the_golden(neuron: NeuronType, refresh_golden: bool) -> None:
    settings = {setting.name: setting.default for setting in neuron.settings}
    texts = []
    for start_step, title in ((0, "from step 0"), (3, "resting first")):
        population = Population("p", neuron.name, 1, settings=settings, start_step=start_step)
        texts.append(f"# {neuron.name}, default settings, {title}\n{trace_step(population)}\n")
    golden_text.check(f"golden/{neuron.name}.txt", "\n".join(texts), refresh_golden)


@TYPES
@pytest.mark.parametrize("start_step", [0, 2])
def test_listing_names_what_it_stores(neuron: NeuronType, start_step: int) -> None:
    population = Population("p", neuron.name, 1, start_step=start_step)
    listing = trace_step(population)
    wait = ["wait"] if start_step else []
    assert list(listing.kept) == [*(r.name for r in neuron.registers), *wait]
    assert list(listing.registers) == [r.name for r in stored_registers(population)]
    named = {i.register: i for i in listing.instructions if i.register}
    for register in neuron.registers:
        instruction = named[register.name]
        assert instruction.result == listing.kept[register.name] == f"{register.name}_next"
        assert (instruction.primitive, instruction.operands[1]) == (
            register.overflow.value,
            population.width(register.bits),
        )


def test_instruction_text() -> None:
    assert str(Instruction("t4", "add", (3, 5), "v")) == "t4 = add(3, 5)"


def hidden(own: Values, state: Values, ports: Values, keep: object) -> tuple[dict[str, object], object]:
    return {"v": add(ports.input, np.array([1, 2]))}, 0


def test_arithmetic_outside_the_primitives_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = NeuronType("odd", "", (Register("v", 8, Overflow.WRAP),), (), (), (Port("input"),), 0, hidden)
    monkeypatch.setitem(NEURONS_BY_NAME, "odd", odd)
    with pytest.raises(TypeError, match=r"^ndarray is not an operand; write the neuron with integer primitives only$"):
        trace_step(Population("p", "odd", 2))
