"""What each pass gains, and where it must hold back: numbers beside the equality that all passes are held to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toolchain.passes.same import assert_same
from tests.toolchain.passes.streams import residual, with_even_weights, with_slack, with_zeros
from tests.toolchain.report.digits_like import digits_like
from toolchain.errors import UnsupportedError
from toolchain.ir.connections import Dense, OneToOne
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping import load_target
from toolchain.passes.choose_stream import ChooseStream
from toolchain.passes.cost import cost
from toolchain.passes.delays import BalanceDelays, misaligned, with_delays_of
from toolchain.passes.inline import inline_relay
from toolchain.passes.pipeline import parse_passes, run_passes
from toolchain.passes.prune import PruneZeros
from toolchain.passes.relay_stream import RelayStream
from toolchain.passes.retime import is_quiet, retime
from toolchain.passes.scales import FoldScales
from toolchain.passes.split_fan_in import SplitFanIn, fan_in
from toolchain.passes.split_ssm import SplitSsm, share_skip


def test_pruning_leaves_nothing_to_prune() -> None:
    pruned = PruneZeros()(with_zeros()).program
    assert [p.name for p in pruned.populations] == ["block0", "block1", "readout"]
    assert pruned.population("block0").modes < with_zeros().population("block0").modes
    assert not {"nothing", "to-dead", "from-silent"} & {p.name for p in pruned.projections}
    assert PruneZeros()(pruned).program is pruned
    assert cost(pruned, 0.1).synapse_words < cost(with_zeros(), 0.1).synapse_words


def test_folded_weights_share_no_power_of_two() -> None:
    folded = FoldScales()(with_even_weights()).program
    assert all(np.any(p.connection.values % 2 == 1) for p in folded.projections)
    assert FoldScales()(folded).program is folded


def test_balancing_takes_common_steps_out() -> None:
    program = with_slack()
    result = BalanceDelays()(program)
    assert result.program.latency_steps == program.latency_steps - 3
    assert result.shifts == {"block0": -3, "block1": -3, "readout": -3}
    short = BalanceDelays(max_delay_steps=3)(program).program
    assert max(p.delay_steps for p in short.projections) == 3
    types = {p.neuron for p in short.populations if p.name not in program.sizes()}
    assert types == {"cuba_lif", "relay"}


def test_misaligned_delays_are_named_and_mended() -> None:
    program = digits_like(size=4, modes=1)
    levels = {"input": 0, "block0": 1, "block1": 2, "readout": 3}
    assert list(misaligned(program, levels)) == []
    early = tuple(dataclasses.replace(p, delay_steps=1) for p in program.projections)
    wrong = dataclasses.replace(program, projections=early)
    assert [text.partition(":")[0] for text in misaligned(wrong, levels)] == [
        "input->block1", "input->readout", "block0->readout",
    ]  # fmt: skip
    mended = with_delays_of(wrong, levels)
    assert [p.delay_steps for p in mended.projections] == [p.delay_steps for p in program.projections]


def test_a_loop_without_a_step_to_spare_is_refused() -> None:
    program = digits_like(size=4, modes=2)
    loop = Projection("loop", "block1", "block1", Dense(np.ones((4, 4), dtype=np.int64)))
    program = dataclasses.replace(program, projections=(*program.projections, loop))
    with pytest.raises(UnsupportedError, match=r"loop .* leave no step"):
        SplitSsm()(program)
    with pytest.raises(UnsupportedError, match=r"loop .* leave no step"):
        retime(dataclasses.replace(program, projections=(dataclasses.replace(loop, delay_steps=0),)))


def test_relays_share_the_stream_of_a_residual_network() -> None:
    program = residual()
    result = RelayStream()(program)
    relays = [p for p in result.program.populations if p.name not in program.sizes()]
    assert len(relays) == 2  # blocks 1 and 2 have a sum that a later block needs too; block 0's has one summand
    assert result.program.latency_steps == program.latency_steps + 2
    sources = [p.source for p in result.program.projections if p.target == "block3"]
    assert sorted(sources) == ["block2", "block2-stream"]


@pytest.mark.parametrize(("blocks", "size", "taken"), [(2, 6, "as it is"), (6, 16, "relayed")])
def test_the_cheaper_form_of_the_stream_is_taken(blocks: int, size: int, taken: str) -> None:
    program = residual(blocks, size)
    result = ChooseStream()(program)
    assert (result.program is program) == (taken == "as it is")
    if taken == "relayed":
        assert f"taken {taken}, at 0.1 spikes a neuron and step" in result.remarks
        before, after = cost(program, 0.1), cost(result.program, 0.1)
        assert after.synapse_words < before.synapse_words and after.work < before.work


def relay_between(
    into: int = 2, out: int = 0, bias: int = 0, bits: int = 20, more: int = 0, weight: int = 5, start: int = 0
) -> Program:
    """An input, one relay and one reader; `more` is the exponent of a second projection into the relay."""
    relay = Population("r", "relay", 2, settings={"message_bits": bits}, coefficients={"bias": np.full(2, bias)})
    reader = Population("p", "integrator", 2, start_step=start)
    weights = Dense(np.array([[weight], [-3]]))
    joints = (
        Projection("a", "in", "r", weights, exponent=into),
        Projection("b", "in", "r", weights, exponent=more, delay_steps=2),
        Projection("c", "r", "p", Dense(np.array([[1, 2], [3, 4]])), exponent=out),
    )
    return Program("net", (Input("in", 1, 6),), (relay, reader), joints, (Output("o", "p", "total"),), 2)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: relay_between(), ""),
        (lambda: relay_between(bias=4, start=1), ""),
        (lambda: relay_between(out=-1, into=1, more=0), ""),
        (lambda: relay_between(bits=6), "may saturate its 6 bits"),
        (lambda: relay_between(into=-1), "is rounded before c weighs it"),
        (lambda: relay_between(out=-3), "would be rounded one by one"),
        (lambda: relay_between(bias=4), "begins at step 0, before the relay's first message at 1"),
        (lambda: relay_between(bias=1, start=1, out=-1, into=1), "its bias is no whole number"),
        (lambda: relay_between(weight=125), "do not fit -128 .. 127"),
    ],
)
def test_a_relay_goes_only_where_that_is_exact(make: Callable[[], Program], reason: str) -> None:
    program = make()
    inlined = inline_relay(program, program.population("r"))
    assert reason in inlined.reason
    assert bool(inlined.reason) == bool(reason)


def test_modes_become_neurons() -> None:
    program = digits_like(size=6, modes=3)
    split = SplitSsm()(program)
    modes, soma = split.program.population("block0-modes"), split.program.population("block0")
    assert (modes.size, modes.modes, modes.neuron, soma.neuron) == (18, 1, "ssm_graded", "ssm_soma")
    assert split.program.latency_steps == program.latency_steps + 2
    assert split.shifts == {"block0": 1, "block1": 2, "readout": 2}


def test_a_mode_whose_message_could_saturate_is_refused() -> None:
    program = digits_like(size=4, modes=2)
    loud = dataclasses.replace(program.population("block1"), settings={"c_shift": 2})
    program = dataclasses.replace(program, populations=(program.populations[0], loud, program.populations[2]))
    with pytest.raises(UnsupportedError, match=r"block1: one mode's message may reach .*max 8388607"):
        SplitSsm()(program)


@settings(max_examples=300)
@given(
    st.integers(-128, 127),
    st.integers(0, 6),
    st.integers(1, 1000),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=4),
)
def test_shares_of_a_skip_add_up_and_fit(d: int, shift: int, drive: int, room: list[int]) -> None:
    shares = share_skip((d, shift), drive, room)
    if shares is None:
        return
    for x in {-drive, -drive + 1, -1, 0, 1, drive - 1, drive}:
        parts = [part * x // 2**bits for part, bits in shares]
        assert sum(parts) == d * x // 2**shift
        assert all(abs(part) <= most for part, most in zip(parts, room, strict=True))


def test_a_skip_is_shared_where_one_message_is_too_narrow() -> None:
    assert share_skip((100, 0), 10, [1000, 0]) == [(100, 0), (0, 0)]
    assert share_skip((101, 1), 10, [300, 250, 60]) == [(30, 0), (20, 0), (1, 1)]
    assert share_skip((100, 0), 10, [600, 500]) == [(60, 0), (40, 0)]
    assert share_skip((100, 0), 10, [499, 499]) is None


@pytest.mark.parametrize("most", [2, 3, 5, 7])
def test_no_neuron_keeps_more_sources_than_allowed(most: int) -> None:
    rng = np.random.default_rng(0)
    weights = Dense(rng.integers(-99, 100, (3, 23)))
    neurons = Population("p", "integrator", 3)
    joint = Projection("j", "in", "p", weights, exponent=-2)
    zeros = Projection("zeros", "in", "p", Dense(np.zeros((3, 23), dtype=np.int64)))
    program = Program("wide", (Input("in", 23, 6),), (neurons,), (joint, zeros), (Output("o", "p", "total"),), 1)
    split = SplitFanIn(most)(program).program
    for population in split.populations:
        assert np.stack([fan_in(p) for p in split.into(population.name)]).sum(axis=0).max() <= most


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@pytest.mark.parametrize("sources", [4097, 12_000])
def test_a_sum_that_fits_the_port_survives_its_split(target: str, sources: int) -> None:
    """Rows that fill the port to the brim, at both chips' limits: relays are assumed to send what can reach them."""
    limit = load_target(target).sources_per_neuron
    rng = np.random.default_rng(3)
    weights = rng.integers(-120, 121, (2, sources))
    fitting = int(np.log2((2**23 - 1) / np.abs(weights).sum(axis=1).max()))
    neurons = Population("p", "integrate_fire", 2, coefficients={"threshold": np.array([2**20, 2**21])})
    spikes = Population("in-fire", "integrate_fire", sources, coefficients={"threshold": np.zeros(sources, dtype=int)})
    joints = (
        Projection("a", "in", "in-fire", OneToOne(np.ones(sources, dtype=np.int64))),
        Projection("b", "in-fire", "p", Dense(weights), exponent=fitting),
    )
    program = Program("wide", (Input("in", sources, 2),), (spikes, neurons), joints, (Output("o", "p"),), 2)
    result = run_passes(program, "split-fan-in", print, max_sources=limit)
    assert any(population.neuron == "relay" for population in result.program.populations) == (sources > limit)
    inputs = {"in": rng.integers(0, 2, (1, 3, sources))}
    assert_same(program, result, inputs)


def test_a_split_says_its_own_limit_before_the_targets() -> None:
    assert parse_passes("split-fan-in", 100) == (SplitFanIn(100),)
    assert parse_passes("split-fan-in:max_sources=7,prune-zeros", 100)[0] == SplitFanIn(7)
    assert load_target("loihi1").sources_per_neuron == 4096
    assert load_target("loihi2").sources_per_neuron == (20_000 - 512 - 256) // 2


def test_what_keeps_still_is_told_from_what_moves_by_itself() -> None:
    assert is_quiet(Population("p", "cuba_lif", 1, coefficients={"vth": np.array([0])}))
    assert not is_quiet(Population("p", "cuba_lif", 1, coefficients={"vth": np.array([0]), "bias_mant": np.array([1])}))
    assert not is_quiet(Population("p", "integrator", 2, coefficients={"bias": np.array([0, 1])}))
    assert is_quiet(Population("p", "relay", 2, start_step=3))
