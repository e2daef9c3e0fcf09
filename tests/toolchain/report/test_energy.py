"""Energy and time against sums made by hand, and the rules that every cost table keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.toolchain.report.test_counts import by_hand, counted
from toolchain.errors import InputError, UnsupportedError
from toolchain.mapping import load_target, shipped_targets
from toolchain.report.costs import CONSTANTS, load_costs, shipped_tables
from toolchain.report.counts import Counts, LayerCount
from toolchain.report.energy import Banded, estimate, refuse_ratio
from toolchain.report.traffic import CoreCount


def small() -> Counts:
    """Two samples of 5 steps; one core busier than the other."""
    layer = LayerCount(
        "a", "ssm_lif", 10, "spikes",
        synops_dense=300, synops_matrix=210, synops_kernel=90, synops_nonzero=200, synops_ac=150, synops_mac=50,
        neuron_updates=100, word_updates=400,
        multiplications=70, messages=30, core_messages=40, hops_x=6, hops_y=2,
    )  # fmt: skip
    other = LayerCount("b", "relay", 1, "payloads", synops_nonzero=20, synops_dense=20, synops_list=20, synops_ac=20)
    cores = (
        CoreCount(
            0, synops_dense=200, synops_matrix=110, synops_kernel=90, synops_nonzero=150, word_updates=390,
            neuron_updates=90, core_messages=30, messages_out=25, core_messages_out=35,
        ),
        CoreCount(
            1, synops_dense=120, synops_matrix=100, synops_list=20, synops_nonzero=70, word_updates=10,
            neuron_updates=10, core_messages=10, messages_out=5, core_messages_out=5,
        ),
    )  # fmt: skip
    return Counts(2, 5, (layer, other), (), cores)


def close(found: Banded | None, nominal: float, low: float, high: float) -> bool:
    assert found is not None
    return (found.nominal, found.low, found.high) == pytest.approx((nominal, low, high), rel=1e-12)


def test_loihi2_by_hand() -> None:
    result = estimate(small(), load_costs("loihi2"))
    pj = 1e-12
    assert close(
        result.counted,
        (220 * 23.6 + 400 * 81 + 40 * 1.7 + 6 * 3.0 + 2 * 4.0) * pj,
        (220 * 3.5 + 400 * 52 + 40 * 1.7 + 6 * 2.85 + 2 * 3.8) * pj,
        (220 * 38 + 400 * 240 + 40 * 180 + 6 * 3.15 + 2 * 4.2) * pj,
    )
    # Core 0, a step: 39 words, 15 synapses: 1,365 ns at most, which is less than the floor at its highest.
    assert result.step is not None
    assert close(result.step.seconds, 1.163e-6, 1.1e-6, 3.5e-6)
    assert result.step.holds == result.step.holds_low == result.step.holds_high == "floor of a step"
    assert close(result.static, 0.244 * 10 * 1.163e-6, 0.166 * 10 * 1.1e-6, 0.358 * 10 * 3.5e-6)
    assert close(result.base, 0.026 * 10 * 1.163e-6, 0.021 * 10 * 1.1e-6, 0.040 * 10 * 3.5e-6)
    assert result.base is not None and result.static is not None
    assert result.dynamic == result.counted + result.base
    assert result.total == result.dynamic + result.static
    assert close(result.layers["b"], 20 * 23.6 * pj, 20 * 3.5 * pj, 20 * 38 * pj)
    assert result.per_inference(result.dynamic).nominal == pytest.approx(result.dynamic.nominal / 2)
    assert result.per_step(result.dynamic).nominal == pytest.approx(result.dynamic.nominal / 10)
    assert close(result.inference_seconds, 5 * 1.163e-6, 5 * 1.1e-6, 5 * 3.5e-6)


def test_the_busiest_core_bounds_a_step_above_the_floor() -> None:
    """Updates take 4.2 ns a word: 1,000 words a step are 4.2 us, 2.7 at least and 35 at most."""
    busy = replace(small(), cores=(CoreCount(3, word_updates=10_000),))
    step = estimate(busy, load_costs("loihi2")).step
    assert step is not None
    assert close(step.seconds, 4.2e-6, 2.7e-6, 35e-6)
    assert (step.holds, step.bounds[1].core, step.bounds[1].count) == ("update", 3, 1000)


def test_several_chips_pay_their_power_and_another_floor() -> None:
    one, two = (estimate(small(), load_costs("loihi2"), chips) for chips in (1, 2))
    assert two.step is not None and two.static is not None and two.base is not None
    assert close(two.step.seconds, 1.4e-6, 1.1e-6, 16.2e-6)
    assert two.static.nominal == pytest.approx(2 * 0.244 * 10 * 1.4e-6)
    assert two.base.nominal == pytest.approx(2 * 0.026 * 10 * 1.4e-6)
    assert two.counted == one.counted


def test_sanafe_prices_synapses_as_they_are_stored() -> None:
    result = estimate(small(), load_costs("sanafe"))
    expected = 210 * 35.5 + 20 * 33.6 + 90 * 24.0 + 400 * 72.8 + 30 * 69.3 + 40 * 111 + 6 * 3.0 + 2 * 4.2
    assert result.dynamic.nominal == pytest.approx(expected * 1e-12)
    assert (result.static, result.base) == (None, None)


def test_sanafe_adds_up_the_work_of_a_core_and_the_synchronization() -> None:
    """Core 0 a step: 3 axons in, 11 and 9 synapses, 39 words, 2.5 spikes and 3.5 axons out."""
    for tiles, synchronization in ((1, 0.6), (2, 1.0), (3, 1.0), (28, 1.4), (29, 1.8)):
        step = estimate(small(), load_costs("sanafe"), tiles=tiles).step
        assert step is not None
        work = 3 * 16 + 11 * 3.8 + 9 * 3.1 + 39 * 9.7 + 2.5 * 30 + 3.5 * 5.1
        assert step.seconds.nominal == pytest.approx(work * 1e-9 + synchronization * 1e-6)


def test_convention_of_papers_prices_arithmetic_alone() -> None:
    table = load_costs("cmos45")
    result = estimate(small(), table)
    assert result.dynamic.nominal == pytest.approx((170 * 0.9 + 50 * 4.6 + 70 * 4.6) * 1e-12)
    assert (result.static, result.step, table.kind) == (None, None, "operations")
    assert "loihi" not in table.title.lower()


def test_sanafe_agrees_with_the_published_count_of_synapse_energy() -> None:
    """A synapse event costs 35.5 pJ and zeros count: energy over 35.5 pJ is the dense count, exactly."""
    program, trace = by_hand()
    counts = counted(program, trace)
    matrices, lists, kernels = estimate(counts, load_costs("sanafe")).terms[:3]
    assert (matrices.count, lists.count, kernels.count) == (21, 7, 0)
    assert matrices.count + lists.count == counts.total("synops_dense")
    assert matrices.joules.nominal / 35.5e-12 == pytest.approx(21)


@pytest.mark.parametrize("name", shipped_tables())
def test_every_constant_has_a_band_and_a_source(name: str) -> None:
    table = load_costs(name)
    assert table.name == name
    for where, cost in table.costs():
        assert cost.low is not None and cost.high is not None and cost.low <= cost.value <= cost.high, where
        assert len(cost.source.split()) >= 4, where


@pytest.mark.parametrize("name", shipped_targets())
def test_targets_name_tables_that_exist(name: str) -> None:
    assert set(load_target(name).cost_tables) <= set(shipped_tables())


@pytest.mark.parametrize("name", shipped_tables())
def test_layers_add_up(name: str) -> None:
    result = estimate(small(), load_costs(name))
    parts = list(result.layers.values())
    assert sum(part.nominal for part in parts) == pytest.approx(result.counted.nominal)
    assert sum(part.low for part in parts) == pytest.approx(result.counted.low)
    assert result.dynamic.low <= result.dynamic.nominal <= result.dynamic.high


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("low = 3.5\nhigh = 38\n", "", r"energy\.0: .*a cost needs low and high"),
        ("low = 3.5", "low = 30", r"energy\.0: .*low <= value <= high"),
        ('count = "synops_nonzero"', 'count = "synapses"', r"energy\.0\.count"),
        ('grade = "Q+D"', "", r"energy\.0\.grade"),
        ('unit = "pJ"', 'unit = "ns"', r"energy\.0\.unit"),
        ('date = "2018"', 'date = "last year"', r"energy\.0\.date"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (CONSTANTS / "loihi2.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=fault):
        load_costs(path)


def test_an_edited_table_is_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = (CONSTANTS / "loihi2.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("value = 23.6\nlow = 3.5", "value = 10\nlow = 3.5", 1), encoding="utf-8")
    before, after = (estimate(small(), load_costs(table)).dynamic.nominal for table in ("loihi2", path))
    assert before - after == pytest.approx(220 * 13.6e-12)


def test_ratios_to_other_devices_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="ratio to a GPU: no energy of that device was measured"):
        refuse_ratio("a GPU")
