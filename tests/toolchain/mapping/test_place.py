"""Placing: hand-made examples, limits exactly full and one over, and the published utilization of an S4D core."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.toolchain.report.digits_like import chain, cuba_lif, digits_like, ssm_lif
from toolchain.errors import InputError, PlacementError
from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping import (
    RULES,
    Placement,
    Target,
    Usage,
    load_target,
    place,
    read_placement,
    shipped_systems,
    write_placement,
)
from toolchain.mapping.memory import neuron_words
from toolchain.mapping.place import settle
from toolchain.mapping.placement import Core, limits_of
from toolchain.mapping.remedies import narrowed, pruned
from toolchain.mapping.usage import Demand, exceeded

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
    return [[(part.population, *part.ranges[0]) for part in core.slices] for core in placement.cores]


def test_published_utilization_of_an_s4d_core() -> None:
    """Compiler log: 256 axon-in, 2,047 neurons of two words, 514 axon-map, 2,047 synapse words: 34.55 %."""
    usage = Usage(256, 514, 2047, neurons=2047, neuron_groups=1, neuron_words=2 * 2047)
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
    # b: 3 axons of 6 one-bit weights: 6 (1 + 12) + 8 bits, 2 words each; a: 3 neurons, b: 6 that the host reads.
    assert placement.cores[0].usage == Usage(3, 9, 6, 9, 2, 9)
    assert placement.cores[0].usage.core_words == 3 + 9 + 6 + 9
    assert (placement.chips, placement.fullest_core, placement.limiting_resource) == (1, 0, "neuron_groups")


def test_axon_map_has_one_entry_for_all_destination_cores() -> None:
    """As the compiler tables show: 1,280 neurons towards twelve cores of a dense layer take 1,280 entries."""
    placement = place(chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6)), with_limits(neurons=4))
    assert slices(placement) == [[("a", 0, 3), ("b", 0, 1)], [("b", 1, 5)], [("b", 5, 6)]]
    assert [core.usage.axon_map for core in placement.cores] == [3 + 1, 4, 1]
    assert [core.usage.axon_in for core in placement.cores] == [3, 3, 3]


def loihi1_with(neurons: int) -> Target:
    fields: dict[str, Any] = load_target("loihi1").model_dump()
    fields["limits"]["neurons"] = {"value": neurons, "unit": "units", "source": "made for this test", "grade": "?"}
    return Target.model_validate(fields)


def test_axon_map_of_loihi1_counts_every_destination_core() -> None:
    placement = place(chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6)), loihi1_with(4))
    assert slices(placement) == [[("a", 0, 3), ("b", 0, 1)], [("b", 1, 5)], [("b", 5, 6)]]
    assert [core.usage.axon_map for core in placement.cores] == [9 + 1, 4, 1]
    identity = Sparse.from_dense(np.eye(4, dtype=np.int64))
    placement = place(chain(identity, cuba_lif("a", 4), cuba_lif("b", 4)), loihi1_with(2))
    assert [core.usage.axon_map for core in placement.cores] == [2, 2, 2, 2]
    assert [core.usage.axon_in for core in placement.cores] == [0, 0, 2, 2]


def test_rounds_of_a_target_that_counts_destinations_are_few() -> None:
    rng = np.random.default_rng(4)
    size, fan_in = 20_000, 40
    columns = np.sort(rng.integers(0, size // fan_in, (size, fan_in)) + np.arange(fan_in) * (size // fan_in))
    synapses = Sparse((size, size), np.repeat(np.arange(size), fan_in), columns.ravel(), np.ones(size * fan_in, int))
    program = Program("net", (), (cuba_lif("a", size),), (Projection("p", "a", "a", synapses),), (Output("o", "a"),))
    layout, rounds = settle(Demand(program, load_target("loihi1")), "packed")
    assert rounds <= 3
    assert settle(Demand(program, LOIHI2), "packed")[1] == 1
    assert all(exceeded(usage, load_target("loihi1")) == [] for usage in layout.used)


@pytest.mark.parametrize(
    ("resource", "needed"),
    [("axon_in", 3), ("axon_map", 9), ("synapse_words", 6), ("neurons", 9), ("neuron_groups", 2), ("neuron_words", 9)],
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
    assert len(place(program, with_limits(core_words=27)).cores) == 1
    assert len(place(program, with_limits(core_words=26)).cores) == 2


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
            with pytest.raises(PlacementError, match=r"takes 32002 of core_words, .* 20000 \(12002 over\)"):
                place(program, LOIHI2)
            assert place(program, with_limits(core_words=32002)).cores[0].usage.axon_in == 16000
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
            assert place(program, LOIHI2).cores[0].usage.neuron_words == 2 * 512 + 4 * 8
        else:
            with pytest.raises(PlacementError, match=r"a: a neuron takes 513 words .* has 512 \(1 over\); use fewer"):
                place(program, LOIHI2)


def test_digits_shape() -> None:
    program = digits_like()
    placement = place(program, LOIHI2)
    assert slices(placement) == [[("block0", 0, 64), ("block1", 0, 64), ("readout", 0, 10)]]
    usage = placement.cores[0].usage
    # 17 fields of 24 bits, two a word; then 16 of 16 bits, 16 of 7 and d, d_shift, threshold, bias.
    assert usage.neuron_words == sum(neuron_words(p, LOIHI2)[0] * p.size for p in program.populations)
    assert neuron_words(program.population("block0"), LOIHI2) == (9 + 4 + 2, 0)
    assert usage.axon_in == 1 + 1 + 1 + 64 + 64 + 64
    assert usage.axon_map == 3 * 64
    assert usage.synapse_words == lists_by_hand(program)


def lists_by_hand(program: Program) -> int:
    """Words of every source's list: 12 bits of index beside each weight that is not 0, and 8 of a header."""
    words = 0
    for projection in program.projections:
        weights = projection.connection.matrix()
        bits = 1 + int(np.abs(weights).max()).bit_length() + 12
        words += sum(-(-(int(np.count_nonzero(column)) * bits + 8) // 64) for column in weights.T if column.any())
    return words


def test_every_neuron_is_placed_once_and_every_core_within_limits() -> None:
    program = digits_like(size=700, modes=8)
    placement = place(program, LOIHI2)
    assert len(placement.cores) > 1
    for population in program.populations:
        held = [p for core in placement.cores for p in core.slices if p.population == population.name]
        assert [p.ranges[0][0] for p in held] == [0, *(p.ranges[0][1] for p in held[:-1])]
        assert held[-1].ranges[0][1] == population.size
        assert (placement.core_of(population.name, population.size) >= 0).all()
    assert all(exceeded(core.usage, LOIHI2) == [] for core in placement.cores)


def test_json_both_ways() -> None:
    placement = place(digits_like(size=700), LOIHI2)
    text = write_placement(placement)
    assert read_placement(text) == placement
    assert write_placement(place(digits_like(size=700), LOIHI2)) == text
    with pytest.raises(InputError, match="is not a placement"):
        read_placement("{}")
    with pytest.raises(InputError, match="has format 1"):
        read_placement(text.replace('"format": 2', '"format": 1'))


def plane(channels: int, side: int, entering: int = 3, bits: int = 8) -> Program:
    """A 3x3 convolution that keeps its plane."""
    weights = np.full((channels, entering, 3, 3), (1 << bits) - 1)
    kernel = Convolution(weights, (entering, side, side), (1, 1), ((1, 1), (1, 1)), (1, 1))
    source = Input("in", entering * side * side)
    target = cuba_lif("b", channels * side * side)
    return Program("plane", (source,), (target,), (Projection("p", "in", "b", kernel),), (Output("o", "b"),))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_tiles_hold_every_neuron_once(rule: str, target: str) -> None:
    program, chip = plane(12, 37), load_target(target)
    placement = place(program, chip, rule)
    assert len(placement.cores) > 2
    held = np.concatenate([part.indices() for core in placement.cores for part in core.slices])
    assert np.array_equal(np.sort(held), np.arange(12 * 37 * 37))
    assert (placement.core_of("b", 12 * 37 * 37) >= 0).all()
    assert all(exceeded(core.usage, chip) == [] for core in placement.cores)
    assert read_placement(write_placement(placement)) == placement
    # A tile is a power of two of columns wide and keeps all channels, as long as their kernel fits.
    if target == "loihi2":
        widths = {part.extents[2] for core in placement.cores for part in core.slices}
        assert max(widths) & (max(widths) - 1) == 0
        assert {part.extents[0] for core in placement.cores for part in core.slices} == {12}


def test_channels_are_halved_where_their_kernel_does_not_fit() -> None:
    """512 of 256 channels: 2,304 rows of 66 words for all, of 9 words for 64."""
    placement = place(plane(512, 14, entering=256), LOIHI2, "layers")
    assert {part.extents[0] for core in placement.cores for part in core.slices} == {32}
    assert {core.usage.synapse_words for core in placement.cores} == {2304 * -(-(32 * 8 + 8) // 64)}


def test_one_layer_a_core() -> None:
    program = chain(ones(6, 3), cuba_lif("a", 3), cuba_lif("b", 6))
    placement = place(program, LOIHI2, "layers")
    assert slices(placement) == [[("a", 0, 3)], [("b", 0, 6)]]
    assert placement.rule == "layers"
    wide = chain(ones(90, 2000), cuba_lif("a", 2000), cuba_lif("b", 90))
    # 2,000 axons and lists: 30 synapses of 1 + 12 bits take 7 words with the axon and 8 bits of header 8; 23 take 5.
    assert [part for core in slices(place(wide, LOIHI2, "layers"))[1:] for part in core] == [
        ("b", start, min(start + 23, 90)) for start in range(0, 90, 23)
    ]
    with pytest.raises(InputError, match="no rule 'best'; use one of packed, layers"):
        place(program, LOIHI2, "best")


def test_a_kernel_too_large_for_a_core_is_refused() -> None:
    tight = with_limits(synapse_words=8)
    with pytest.raises(PlacementError, match=r"b channels \[0, 1\), rows \[0, 1\), columns \[0, 1\): takes 27 of syn"):
        place(plane(2, 4), tight)


def test_runs_that_grow_equal_runs_counted_anew() -> None:
    """Every slice's usage, found neuron by neuron, is what counting the slice by itself gives."""
    for target in (LOIHI2, loihi1_with(100)):
        program = digits_like(size=900) if target is LOIHI2 else busy()
        demand = Demand(program, target)
        layout = settle(demand, "packed")[0]
        assert len(layout.cores) > 3
        for parts, used in zip(layout.cores, layout.used, strict=True):
            assert used == sum((demand.usage(part) for part in parts), Usage())


def busy() -> Program:
    """LIF neurons with every kind of list between them."""
    rng = np.random.default_rng(1)
    mask = rng.random((230, 310)) < 0.2
    matrix = np.where(mask, rng.integers(-9, 9, mask.shape), 0)
    links: dict[str, Connection] = {"dense": Dense(matrix), "sparse": Sparse.from_dense(matrix)}
    projections = [Projection(name, "a", "b", link) for name, link in links.items()]
    projections.append(Projection("own", "a", "a", OneToOne(rng.integers(-1, 2, 310))))
    populations = (cuba_lif("a", 310), cuba_lif("b", 230))
    return Program("busy", (), populations, tuple(projections), (Output("out", "b"),))


def test_systems_have_their_chips() -> None:
    sizes = {name: load_target(name).chips_per_system.whole for name in (
        "loihi2", "loihi2@oheo_gulch", "loihi2@kapoho_point", "loihi2@kapoho_point_x4", "loihi2@hala_point",
        "loihi1@nahuku_32", "loihi1@pohoiki_springs",
    )}  # fmt: skip
    assert list(sizes.values()) == [1152, 1, 8, 32, 1152, 32, 768]
    assert len(shipped_systems()) == len(sizes) - 1
    with pytest.raises(InputError, match="hala_point: is not a system of loihi1 chips; use one of nahuku_32, pohoiki"):
        load_target("loihi1@hala_point")


@pytest.mark.slow
def test_a_network_beyond_a_system_is_told_which_one_holds_it() -> None:
    """1,000 cores of 4,095 neurons: 9 chips of 120 cores."""
    size = 4095 * 1000
    program = Program("wide", (), (cuba_lif("a", size),), (), ())
    with pytest.raises(
        PlacementError, match=r"takes 1000 cores, .* 960 .*use loihi2@kapoho_point_x4: it takes 9 chips of 32"
    ):
        place(program, load_target("loihi2@kapoho_point"))
    assert place(program, load_target("loihi2@kapoho_point_x4")).chips == 9


def test_what_would_make_a_network_fit_is_tried() -> None:
    """Synapses fill the cores: fewer bits and fewer weights take fewer cores, and the first that fits is told."""
    weights = np.random.default_rng(2).integers(-128, 128, (1500, 1500))
    weights[0, 0] = -128
    program = chain(Dense(weights), cuba_lif("a", 1500), cuba_lif("b", 1500))
    target = load_target("loihi2@oheo_gulch")
    cores = len(place(program, target).cores)
    fields = target.model_dump()
    fields["cores_per_chip"]["value"] = fields["cores_per_chip"]["low"] = cores - 8
    small = Target.model_validate(fields)
    with pytest.raises(PlacementError) as found:
        place(program, small)
    told = re.search(
        r"use weights of (\d) bits: (\d+) cores, or prune (\d+) % of the weights: (\d+) cores", str(found.value)
    )
    assert told is not None
    bits, narrow, share, sparse = map(int, told.groups())
    assert len(place(narrowed(program, bits), small).cores) == narrow <= cores - 8
    assert len(place(pruned(program, share / 100), small).cores) == sparse <= cores - 8
    if bits < 7:
        with pytest.raises(PlacementError):
            place(narrowed(program, bits + 1), small)
