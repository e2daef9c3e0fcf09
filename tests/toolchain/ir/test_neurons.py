"""Each neuron type against its equations, restated in plain Python over unbounded integers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.strategies import coefficient_range, edges
from tests.toolchain.ir.restated import RESTATED
from tests.toolchain.ir.stepping import Cases, by_restatement, by_step, cases, outcome, setting_choices
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.neurons import NEURONS, NEURONS_BY_NAME, NeuronType
from toolchain.ir.program import Population

TYPES = pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)


def assert_same(given: Cases) -> None:
    answer = by_step(given)
    for i, expected in enumerate(by_restatement(given)):
        assert outcome(answer, i) == expected, f"case {i}"


def test_every_type_is_restated() -> None:
    """A new type needs its equations in `restated`; everything else here then takes it up by itself."""
    assert {neuron.name for neuron in NEURONS} <= RESTATED.keys()
    assert {neuron.name: neuron for neuron in NEURONS} == NEURONS_BY_NAME


@TYPES
def test_step_is_the_equations(neuron: NeuronType) -> None:
    for seed, settings in enumerate(setting_choices(neuron)):
        assert_same(cases(neuron, settings, 150, np.random.default_rng(seed)))


@TYPES
def test_each_value_at_each_edge(neuron: NeuronType) -> None:
    """Every coefficient, register and port sum in turn at min, min+1, -1, 0, 1, max-1, max, the rest anything."""
    for settings in setting_choices(neuron)[:3]:
        given = cases(neuron, settings, 28, np.random.default_rng(1))
        population = given.population
        ranges = {c.name: coefficient_range(population, c) for c in neuron.coefficients if c.per != "population"}
        ranges |= {f"state.{r.name}": limits(population.width(r.bits)) for r in neuron.stored}
        ranges |= {f"port.{p.name}": limits(p.bits) for p in neuron.ports}
        for name, bounds in ranges.items():
            assert_same(_with_column(given, name, np.resize(edges(*bounds), len(given))))


def _with_column(given: Cases, name: str, column: np.ndarray) -> Cases:
    """The cases with one quantity replaced, the same for all modes of a neuron."""
    kind, _, key = name.rpartition(".")
    coefficients, state, ports = dict(given.population.coefficients), dict(given.state), dict(given.ports)
    held, key = {"": (coefficients, name), "state": (state, key), "port": (ports, key)}[kind]
    lead = held[key].shape[: 1 if kind else 0]
    trail = held[key].shape[len(lead) + 1 :]
    held[key] = np.broadcast_to(column.reshape(*(1 for _ in lead), -1, *(1 for _ in trail)), held[key].shape).copy()
    population = Population(
        "cases", given.population.neuron, given.population.size, given.population.modes, given.population.settings,
        coefficients,
    )  # fmt: skip
    return Cases(population, state, ports)


class Bounded(int):
    """An integer that fails as soon as a result leaves int64, whatever the register does with it afterwards."""

    def __new__(cls, value: int) -> Bounded:
        assert -(2**63) <= value < 2**63, f"intermediate {value} exceeds int64"
        return super().__new__(cls, value)


def _bound(name: str) -> None:
    plain = getattr(int, name)
    setattr(Bounded, name, lambda *operands: Bounded(plain(*map(int, operands))))


for _name in ("add", "sub", "mul", "lshift", "rshift", "mod", "radd", "rsub", "rmul", "rlshift", "rrshift", "rmod"):
    _bound(f"__{_name}__")
for _name in ("neg", "abs"):
    _bound(f"__{_name}__")


def test_bounded_integers_notice() -> None:
    values = np.array([Bounded(2**62)], dtype=object)
    assert type((values + 1)[0]) is Bounded
    with pytest.raises(AssertionError, match="exceeds int64"):
        np.multiply(values, 2)
    with pytest.raises(AssertionError, match="exceeds int64"):
        np.left_shift(1, values + 1 - 2**62 + 62)


@TYPES
def test_no_intermediate_exceeds_int64(neuron: NeuronType) -> None:
    """On unbounded integers the step gives what it gives on int64, and no operation leaves int64 on the way."""
    for seed, settings in enumerate(setting_choices(neuron)):
        given = cases(neuron, settings, 100, np.random.default_rng(seed))
        machine, unbounded = by_step(given), by_step(given, as_type=Bounded)
        for i in range(len(given)):
            assert outcome(unbounded, i) == outcome(machine, i)


@TYPES
def test_registers_follow_their_overflow_rule(neuron: NeuronType) -> None:
    """What a register holds is what it was given where that fits; a rule that never acts in the cases shows no more."""
    given = cases(neuron, setting_choices(neuron)[0], 400, np.random.default_rng(7))
    answer = by_step(given)
    assert list(answer.kept) == [register.name for register in neuron.registers], "declared in the order of writing"
    for register in neuron.registers:
        bits = given.population.width(register.bits)
        low, high = limits(bits)
        raw, held = np.asarray(answer.raw[register.name]), np.asarray(answer.kept[register.name])
        fits = (raw >= low + (register.overflow is Overflow.SATURATE)) & (raw <= high)
        assert np.array_equal(raw[fits], held[fits])
        assert ((held >= low) & (held <= high)).all()
        if register.overflow is Overflow.SATURATE:
            assert set(held[~fits].tolist()) <= {-high, high}
        if register.overflow is Overflow.WRAP:
            assert ((raw - held)[~fits] % 2**bits == 0).all()


def _single(neuron: str, coefficients: dict[str, int], state: dict[str, int], drive: int, **settings: int) -> Cases:
    modes = 1 if neuron == "ssm_lif" else 0
    declared = {c.name: c for c in NEURONS_BY_NAME[neuron].coefficients}
    shape = {name: (1, 1) if declared[name].per == "mode" else (1,) for name in coefficients}
    population = Population(
        "cases", neuron, 1, modes, settings, {n: np.full(shape[n], v) for n, v in coefficients.items()}
    )  # fmt: skip
    held = {r.name: np.zeros((1, *population.extent(r.per)), dtype=np.int64) for r in population.type.stored}
    held |= {name: np.full(held[name].shape, value) for name, value in state.items()}
    return Cases(population, held, {"input": np.full((1, 1), drive)})


def _spikes(given: Cases) -> int:
    assert_same(given)
    return int(by_step(given).message[0, 0])


@pytest.mark.parametrize(("voltage", "spike"), [(99, 0), (100, 1), (101, 1)])
def test_ssm_lif_spikes_where_it_reaches_the_threshold(voltage: int, spike: int) -> None:
    still = {"a_re": 0, "a_im": 0, "c_re": 0, "c_im": 0, "leak": 4096, "threshold": 100}
    given = _single("ssm_lif", still, {"voltage": voltage}, 0)
    assert _spikes(given) == spike
    assert by_step(given).after["voltage"] == (0 if spike else voltage)


@pytest.mark.parametrize(("voltage", "spike"), [(6399, 0), (6400, 0), (6401, 1)])
def test_cuba_lif_spikes_only_above_the_threshold(voltage: int, spike: int) -> None:
    given = _single("cuba_lif", {"vth": 100, "dv": 0}, {"voltage": voltage, "current": 0}, 0)
    assert _spikes(given) == spike
    assert by_step(given).after["voltage"] == (0 if spike else voltage)


def test_cuba_lif_keeps_its_current_on_a_spike() -> None:
    answer = by_step(_single("cuba_lif", {"vth": 0, "du": 0}, {"current": 4096}, 1))
    assert (int(answer.message[0, 0]), answer.after) == (1, {"current": [[4095 + 64]], "voltage": [[0]]})


@pytest.mark.parametrize(
    ("start", "drive", "held"),
    [(8383615, 110, -8388608), (-8383615, -110, -8388608), (8383615, 109, 8388544), (-8383615, -109, -8388544)],
)
def test_cuba_lif_wraps_in_twos_complement(start: int, drive: int, held: int) -> None:
    """The case where Lava 0.10 leaves signed 24 bits: both signs end at +8388608 there."""
    given = _single("cuba_lif", {"vth": 1, "du": 0}, {"current": start}, drive)
    assert_same(given)
    assert by_step(given).kept["current"] == held


def test_a_wide_current_wraps_by_the_true_modulus() -> None:
    """Lava subtracts 2^24 once: 64,000,000 stays at 47,222,784 there."""
    given = _single("cuba_lif", {"vth": 1}, {}, 1_000_000)
    assert by_step(given).kept["current"] == 64_000_000 - 4 * 2**24 == -3_108_864


@pytest.mark.parametrize(("start", "drive"), list(itertools.product([-8388607, 8388607], [-9, 0, 9])))
def test_integrator_stops_at_both_ends(start: int, drive: int) -> None:
    given = _single("integrator", {}, {"total": start}, drive)
    assert_same(given)
    assert by_step(given).after["total"] == max(-8388607, min(8388607, start + drive))


@pytest.mark.parametrize(("drive", "rectified", "message"), [(-1, 1, 0), (0, 1, 0), (1, 1, 1), (2, 1, 2), (-1, 0, -1)])
def test_a_rectified_readout_keeps_what_is_positive(drive: int, rectified: int, message: int) -> None:
    coefficients = {"a_re": 0, "a_im": 0, "c_re": 1, "c_im": 0}
    graded = NEURONS_BY_NAME["ssm_graded"]
    shape = {c.name: (1, 1) if c.per == "mode" else (1,) for c in graded.coefficients}
    own = {name: np.full(shape[name], value) for name, value in coefficients.items()}
    population = Population("cases", graded.name, 1, 1, {"rectified": rectified}, own)
    state = {r.name: np.zeros((1, 1, 1), dtype=np.int64) for r in graded.stored}
    assert _spikes(Cases(population, state, {"input": np.full((1, 1), drive)})) == message
