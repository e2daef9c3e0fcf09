"""Placing: hand-made examples, limits exactly full and one over, and the published utilization of an S4D core."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.toolchain.report.digits_like import chain, cuba_lif, digits_like, ssm_lif
from toolchain.errors import InputError, PlacementError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping import Placement, Target, Usage, load_target, place, read_placement, write_placement
from toolchain.mapping.placement import Core, limits_of
from toolchain.mapping.usage import exceeded

LOIHI2 = load_target("loihi2")
RNG = np.random.default_rng(5)


def with_limits(**values: int) -> Target:
    """Loihi 2 with other limits; `cores_per_chip` and the like too."""
    fields: dict[str, Any] = LOIHI2.model_dump()
    for name, value in values.items():
        place_of = fields["limits"] if name in fields["limits"] else fields
        place_of[name] = {"value": value, "unit": "units", "source": "made for this test", "grade": "?"}
    return Target.model_validate(fields)


def ones(targets: int, sources: int) -> Dense:
    return Dense(np.ones((targets, sources), dtype=np.int64))


def slices(placement: Placement) -> list[list[tuple[str, int, int]]]:
    return [[(part.population, part.start, part.stop) for part in core.slices] for core in placement.cores]


def test_published_utilization_of_an_s4d_core() -> None:
    """Compiler log: 256 axon-in, 2,047 neurons of two words, 514 axon-map, 2,047 synapse words: 34.55 %."""
    usage = Usage(256, 514, 2047, neurons=2047, neuron_groups=1, state_words=2 * 2047)
    placement = Placement("loihi2", "", limits_of(LOIHI2), (Core(0, 0, (), usage),))
    fills = {fill.resource: fill for fill in placement.fills(placement.cores[0])}
    assert usage.core_words == 6911
    assert abs(fills["core_words"].fraction - 0.3455) < 1e-4
    assert exceeded(usage, LOIHI2) == []


def test_two_word_neurons_end_at_2047_and_one_word_neurons_at_4095() -> None:
    for modes, most in ((1, 2047), (0, 4095)):
        for count, cores in ((most, 1), (most + 1, 2)):
            neurons = cuba_lif("a", count) if modes == 0 else _shared_s4d(count)
            placement = place(Program("one", (), (neurons,), (), (Output("out", "a"),)), LOIHI2)
            assert len(placement.cores) == cores
    assert placement.fullest.fraction == 1.0


def _shared_s4d(count: int) -> Population:
    """One mode a neuron, two state words, all coefficients shared."""
    row = np.ones((count, 1), dtype=np.int64)
    return Population("a", "ssm_lif", count, 1, coefficients=dict.fromkeys(("a_re", "a_im", "c_re", "c_im"), row))


def test_usage_of_a_chain_by_hand() -> None:
    placement = place(chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6)), LOIHI2)
    assert slices(placement) == [[("a", 0, 3), ("b", 0, 6)]]
    # b: 3 axons of 6 weights, ceil(6 / 4) words each; a: 3 neurons, one destination.
    assert placement.cores[0].usage == Usage(3, 3, 6, 9, 2, 9, 0)
    assert placement.cores[0].usage.core_words == 3 + 3 + 6 + 9
    assert (placement.chips, placement.fullest_core, placement.limiting_resource) == (1, 0, "neuron_groups")


def test_axon_map_counts_every_destination_core() -> None:
    placement = place(chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6)), with_limits(neurons=4))
    assert slices(placement) == [[("a", 0, 3), ("b", 0, 1)], [("b", 1, 5)], [("b", 5, 6)]]
    assert [core.usage.axon_map for core in placement.cores] == [9, 0, 0]
    assert [core.usage.axon_in for core in placement.cores] == [3, 3, 3]


def test_axon_map_of_sparse_synapses_counts_only_cores_with_one() -> None:
    identity = Sparse.from_dense(np.eye(4, dtype=np.int64))
    placement = place(chain(identity, cuba_lif("a", 4), cuba_lif("b", 4)), with_limits(neurons=2))
    assert [core.usage.axon_map for core in placement.cores] == [2, 2, 0, 0]
    assert [core.usage.axon_in for core in placement.cores] == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("resource", "needed"),
    [("axon_in", 3), ("axon_map", 3), ("synapse_words", 6), ("neurons", 9), ("neuron_groups", 2), ("neuron_words", 9)],
)
def test_a_limit_exactly_full_and_one_over(resource: str, needed: int) -> None:
    program = chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6))
    full = place(program, with_limits(**{resource: needed}))
    assert len(full.cores) == 1
    assert (full.limiting_resource, full.fullest.fraction) == (resource, 1.0)
    if resource == "axon_in":  # b's neurons need all three sources at once
        with pytest.raises(PlacementError, match=r"b\[0\]: one neuron takes 3 of axon_in, .* has 2 \(1 over\); prune"):
            place(program, with_limits(axon_in=needed - 1))
    else:
        over = place(program, with_limits(**{resource: needed - 1}))
        assert len(over.cores) > 1
        assert all(core.usage.of(resource) <= needed - 1 for core in over.cores)


def test_the_shared_pool_is_a_limit_of_its_own() -> None:
    program = chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6))
    assert len(place(program, with_limits(core_words=21)).cores) == 1
    assert len(place(program, with_limits(core_words=20)).cores) == 2


def test_real_limits_of_loihi2_one_over() -> None:
    """16,000 sources fit a core's axon entries and 16,001 do not; the same for one neuron's synapse words."""
    for sources in (16000, 16001):
        column = np.zeros(sources, dtype=np.int64)
        synapses = Sparse((1, sources), column, np.arange(sources), column + 1)
        program = Program(
            "wide",
            (Input("in", sources),),
            (cuba_lif("b", 1),),
            (Projection("link", "in", "b", synapses),),
            (Output("out", "b"),),
        )
        if sources == 16000:
            with pytest.raises(PlacementError, match=r"takes 32001 of core_words, .* 20000 \(12001 over\)"):
                place(program, LOIHI2)
            assert place(program, with_limits(core_words=32001)).cores[0].usage.axon_in == 16000
        else:
            with pytest.raises(PlacementError, match=r"takes 16001 of axon_in, a loihi2 core has 16000 \(1 over\)"):
                place(program, LOIHI2)


def test_several_chips() -> None:
    program = chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6))
    placement = place(program, with_limits(neurons=1, cores_per_chip=4))
    assert len(placement.cores) == 9
    assert [core.chip for core in placement.cores] == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert placement.chips == 3


def test_too_few_chips() -> None:
    program = chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6))
    full = with_limits(neurons=1, cores_per_chip=3, chips_per_system=3)
    assert len(place(program, full).cores) == 9
    with pytest.raises(PlacementError, match=r"takes 9 cores, a loihi2 system has 8 \(1 over\)"):
        place(program, with_limits(neurons=1, cores_per_chip=4, chips_per_system=2))


def test_fixed_circuits_refuse_ssm_neurons() -> None:
    program = Program("one", (), (ssm_lif("a", 3, 1, RNG),), (), (Output("out", "a"),))
    with pytest.raises(PlacementError, match="a: loihi1 cores are not programmable: no ssm_lif"):
        place(program, load_target("loihi1"))
    lif = Program("one", (), (cuba_lif("a", 1025),), (), (Output("out", "a"),))
    assert slices(place(lif, load_target("loihi1"))) == [[("a", 0, 1024)], [("a", 1024, 1025)]]


def test_words_of_one_neuron_are_limited() -> None:
    """M modes of 24-bit state and shared coefficients take M + 1 words; 512 fit."""
    for modes in (511, 512):
        rows = np.zeros((2, modes), dtype=np.int64)
        shared = dict.fromkeys(("a_re", "a_im", "c_re", "c_im"), rows)
        neurons = Population("a", "ssm_lif", 2, modes, coefficients=shared)
        program = Program("one", (), (neurons,), (), (Output("out", "a"),))
        if modes == 511:
            assert place(program, LOIHI2).cores[0].usage.state_words == 1024
        else:
            with pytest.raises(PlacementError, match=r"a: a neuron takes 513 words .* has 512 \(1 over\); use fewer"):
                place(program, LOIHI2)


def test_digits_shape() -> None:
    placement = place(digits_like(), LOIHI2)
    assert slices(placement) == [[("block0", 0, 64), ("block1", 0, 64), ("readout", 0, 10)]]
    usage = placement.cores[0].usage
    assert usage.state_words == 128 * 9 + 10
    assert usage.coefficient_words == 128 * 7 + 10
    assert usage.axon_in == 1 + 1 + 1 + 64 + 64 + 64
    assert usage.axon_map == 3 * 64
    assert usage.synapse_words == 16 + 16 + 3 + 64 * 16 + 64 * 3 + 64 * 3


def test_every_neuron_is_placed_once_and_every_core_within_limits() -> None:
    program = digits_like(size=700, modes=8)
    placement = place(program, LOIHI2)
    assert len(placement.cores) > 1
    for population in program.populations:
        held = [p for core in placement.cores for p in core.slices if p.population == population.name]
        assert [p.start for p in held] == [0, *(p.stop for p in held[:-1])]
        assert held[-1].stop == population.size
        assert (placement.core_of(population.name, population.size) >= 0).all()
    assert all(exceeded(core.usage, LOIHI2) == [] for core in placement.cores)


def test_json_both_ways() -> None:
    placement = place(digits_like(size=700), LOIHI2)
    text = write_placement(placement)
    assert read_placement(text) == placement
    assert write_placement(place(digits_like(size=700), LOIHI2)) == text
    with pytest.raises(InputError, match="is not a placement"):
        read_placement("{}")
    with pytest.raises(InputError, match="has format 2"):
        read_placement(text.replace('"format": 1', '"format": 2'))
