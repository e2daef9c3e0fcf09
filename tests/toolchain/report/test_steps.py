"""Times of single steps against sums by hand, and against the time of the mean step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.toolchain.report.conftest import Run
from toolchain.mapping import load_target, place
from toolchain.report.costs import load_costs
from toolchain.report.counts import count_run
from toolchain.report.energy import estimate
from toolchain.report.steps import core_work, step_times

LOIHI2 = load_target("loihi2")


def test_a_step_lasts_as_long_as_its_busiest_core() -> None:
    """Two cores, three steps: 2,000 and 5,000 synapses on one, 100 to 3,000 word updates on the other."""
    zero = np.zeros((1, 3, 2), dtype=np.int64)
    work = {"synops_nonzero": zero.copy(), "word_updates": zero.copy()}
    work["synops_nonzero"][0, :, 0] = 0, 2_000, 5_000
    work["word_updates"][0, :, 1] = 100, 100, 3_000
    found = step_times(work, load_costs("loihi2"), 1, 1)
    assert found is not None
    # Floor 1.163 us; 2,000 x 1.0 ns = 2 us; 3,000 x 4.2 ns = 12.6 us against 5 us.
    assert found.percentiles[100].nominal == pytest.approx(12.6e-6)
    assert found.percentiles[50].nominal == pytest.approx(2e-6)
    assert found.sequences[100].nominal == pytest.approx((1.163 + 2 + 12.6) * 1e-6)
    assert found.holds == {"synapse": 1, "update": 1, "floor of a step": 1}
    assert found.percentiles[100].low == pytest.approx(8.1e-6) and found.percentiles[100].high == pytest.approx(105e-6)


def test_where_work_adds_up_a_core_sums_and_the_floor_follows() -> None:
    work = {name: np.array([[[10, 0], [0, 4]]]) for name in ("synops_matrix", "core_messages")}
    found = step_times(work, load_costs("sanafe"), 1, 2)
    assert found is not None and found.holds == {}
    assert found.percentiles[100].nominal == pytest.approx(10 * (3.8 + 16) * 1e-9 + 1e-6)
    assert found.sequences[50].nominal == pytest.approx(14 * (3.8 + 16) * 1e-9 + 2e-6)
    assert step_times(work, load_costs("cmos45"), 1, 2) is None


def test_a_run_adds_up_to_its_counts_and_lies_around_the_mean_step(run: Run) -> None:
    placement = place(run.program, LOIHI2)
    work = core_work(run.program, run.trace, placement, LOIHI2)
    assert work is not None
    counts = count_run(run.program, run.trace, placement, LOIHI2)
    for name, values in work.items():
        assert values.sum() == sum(getattr(core, name) for core in counts.cores), name
    for name in ("loihi2", "sanafe"):
        table = load_costs(name)
        timed, mean = step_times(work, table, 1, 1), estimate(counts, table).step
        assert timed is not None and mean is not None
        assert timed.percentiles[100].nominal >= mean.seconds.nominal * (1 - 1e-9)
        total = timed.sequences[100].nominal
        assert total >= mean.seconds.nominal * counts.steps * (1 - 1e-9)


def test_a_trace_without_messages_tells_no_steps(run: Run) -> None:
    placement = place(run.program, LOIHI2)
    assert core_work(run.program, replace(run.trace, messages={}), placement, LOIHI2) is None
