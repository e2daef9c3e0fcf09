"""Counts against loops over single messages, and against numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.report.conftest import Run
from tests.toolchain.report.digits_like import cuba_lif, digits_inputs, digits_like, ssm_lif
from toolchain.errors import InputError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace
from toolchain.mapping import Target, load_target, place
from toolchain.report.arithmetic import multiplications
from toolchain.report.counts import Counts, count_run, synops_by_sample
from toolchain.report.traffic import position

LOIHI2 = load_target("loihi2")
RNG = np.random.default_rng(2)


def by_hand() -> tuple[Program, Trace]:
    """2 inputs -> 3 LIF -> 2 LIF; one zero in each matrix; messages chosen, not simulated."""
    first = Projection("p", "in", "a", Dense(np.array([[1, 0], [2, 3], [4, 5]])))
    second = Projection("q", "a", "b", Sparse((2, 3), *map(np.array, ([0, 0, 1], [0, 1, 2], [7, 0, 9]))))
    program = Program(
        "hand",
        (Input("in", 2),),
        (cuba_lif("a", 3), cuba_lif("b", 2)),
        (first, second),
        (Output("out", "b"),),
    )
    sent = {"in": [[2, 1], [0, 4]], "a": [[1, 2, 3], [0, 0, 1]], "b": [[0, 1], [0, 0]]}
    arrays = {name: np.array(values, dtype=np.int64) for name, values in sent.items()}
    return program, Trace(program_hash(program), "hand", samples=2, steps=10, sent=arrays)


def counted(program: Program, trace: Trace, target: Target = LOIHI2) -> Counts:
    return count_run(program, trace, place(program, target), target)


def test_by_hand() -> None:
    program, trace = by_hand()
    counts = counted(program, trace)
    p, q = counts.projections
    # p: column fan-outs (3, 3) stored, (3, 2) non-zero; messages (2, 5). q: (1, 1, 1) and (1, 0, 1); (1, 2, 4).
    assert (p.messages, p.dense, p.nonzero, p.graded) == (7, 21, 16, True)
    assert (q.messages, q.dense, q.nonzero, q.graded) == (7, 7, 5, False)
    assert counts.total("synops_dense") == 28
    assert (counts.total("synops_nonzero"), counts.total("synops_mac"), counts.total("synops_ac")) == (21, 16, 5)
    assert counts.total("neuron_updates") == 5 * 2 * 10
    assert counts.total("word_updates") == counts.total("state_words_read") == 100
    assert (counts.spike_messages, counts.graded_messages) == (8, 7)
    assert counts.per_inference("synops_dense") == 14
    assert counts.per_step("synops_dense") == 1.4
    assert synops_by_sample(program, trace).tolist() == [6 + 2 + 4, 8 + 1]
    assert (counts.total("synops_matrix"), counts.total("synops_list")) == (21, 7)
    assert counts.spike_rates() == {"a": 7 / 60, "b": 1 / 40}
    assert counts.spike_rate == 8 / 100


def test_synops_equal_a_loop_over_every_message(run: Run) -> None:
    counts = counted(run.program, run.trace)
    for found, projection in zip(counts.projections, run.program.projections, strict=True):
        matrix = np.asarray(projection.connection.matrix())
        dense = nonzero = messages = 0
        for _, _, source in np.argwhere(run.trace.messages[projection.source]):
            messages += 1
            dense += len(matrix[:, source])
            nonzero += sum(1 for weight in matrix[:, source] if weight != 0)
        assert (found.messages, found.dense, found.nonzero) == (messages, dense, nonzero)
        assert found.dense >= found.nonzero > 0
    assert counts.total("synops_dense") > counts.total("synops_nonzero")


def test_layers_and_samples_add_up(run: Run) -> None:
    counts = counted(run.program, run.trace)
    assert counts.total("synops_nonzero") == sum(p.nonzero for p in counts.projections)
    assert counts.total("synops_nonzero") == int(synops_by_sample(run.program, run.trace).sum())
    assert counts.total("synops_ac") + counts.total("synops_mac") == counts.total("synops_nonzero")
    updates = 138 * 67 * run.trace.samples
    assert counts.total("neuron_updates") == updates
    assert counts.total("mode_updates") == 128 * 8 * 67 * run.trace.samples
    assert counts.total("state_words_written") == (128 * 9 + 10) * 67 * run.trace.samples
    # 15 words of state and coefficients a state-space neuron; the bias of a readout neuron fits beside its total.
    assert counts.total("coefficient_words_read") == 128 * (15 - 9) * 67 * run.trace.samples


@pytest.mark.parametrize(
    ("population", "products"),
    [
        (cuba_lif("a", 3), 2),  # two decays
        (ssm_lif("a", 3, 1, RNG), 6 + 2),  # A: 4, C: 2 a mode; D and leak
        (ssm_lif("a", 3, 8, RNG, start_step=2), 6 * 8 + 2),
        (Population("a", "integrator", 3), 0),
    ],
)
def test_multiplications(population: Population, products: int) -> None:
    assert multiplications(population) == products


def narrow(neurons: int, cores_per_chip: int = 128, cores_per_router: int = 4) -> Target:
    fields = LOIHI2.model_dump()
    made = {"unit": "units", "source": "made for this test", "grade": "?"}
    fields["limits"]["neurons"] = {"value": neurons, **made}
    fields["cores_per_chip"] = {"value": cores_per_chip, **made}
    fields["mesh"]["cores_per_router"] = {"value": cores_per_router, **made}
    return Target.model_validate(fields)


def test_messages_to_cores_and_hops() -> None:
    program, trace = by_hand()
    target = narrow(2, cores_per_router=1)  # cores: a0 a1 | a2 b0 | b1, one router each
    counts = counted(program, trace, target)
    layers = {layer.name: layer for layer in counts.layers}
    assert (layers["in"].core_messages, layers["in"].hops_x) == (2 * 7, 0)  # to cores 0 and 1; no way known
    # a0 (1 message) -> b0 on core 1, one hop; a2 (4) -> b1 on core 2, one hop; the weight of a1 -> b0 is 0.
    assert (layers["a"].core_messages, layers["a"].hops_x, layers["a"].hops_y) == (5, 5, 0)
    assert [core.core_messages for core in counts.cores] == [7, 7 + 1, 4]
    assert [core.messages_out for core in counts.cores] == [1 + 2, 4, 1]
    assert [core.core_messages_out for core in counts.cores] == [1, 4, 0]
    assert [core.synops_nonzero for core in counts.cores] == [2 + (2 + 5), (2 + 5) + 1, 4]


def test_rows_of_routers_and_chips() -> None:
    identity = Sparse.from_dense(np.fliplr(np.eye(12, dtype=np.int64)))
    link = Projection("link", "a", "a", identity)
    program = Program("ring", (), (cuba_lif("a", 12),), (link,), (Output("out", "a"),))
    sent = {"a": np.ones((1, 12), dtype=np.int64)}
    trace = Trace(program_hash(program), "hand", samples=1, steps=1, sent=sent)
    layer = counted(program, trace, narrow(1, cores_per_router=1)).layers[0]  # 8 routers in the first row, 4 below
    # i -> 11 - i: columns 0-3, 1-2, 2-1, 3-0 with a row between; 4-7, 5-6 and back in the first row.
    assert (layer.hops_x, layer.hops_y, layer.chip_crossings) == (2 * (3 + 1 + 1 + 3) + 2 * (3 + 1), 8, 0)
    split = counted(program, trace, narrow(1, cores_per_chip=6, cores_per_router=1)).layers[0]
    assert (split.hops_x, split.hops_y, split.chip_crossings) == (0, 0, 12)


def test_work_of_cores_adds_up_to_the_layers() -> None:
    program = digits_like(size=20)
    trace = simulate(program, digits_inputs(2), strict=False)
    whole, split = counted(program, trace), counted(program, trace, narrow(7))
    assert len(split.cores) == 8
    for name in ("synops_dense", "synops_nonzero", "neuron_updates", "word_updates", "core_messages"):
        assert sum(getattr(core, name) for core in split.cores) == split.total(name)
    assert split.projections == whole.projections
    assert split.total("core_messages") > whole.total("core_messages")


def test_what_does_not_belong_together_is_refused(run: Run) -> None:
    other = digits_like(seed=9)
    with pytest.raises(InputError, match="trace: was recorded with another program"):
        count_run(other, run.trace, place(other, LOIHI2), LOIHI2)
    with pytest.raises(InputError, match="placement: is of another program"):
        count_run(run.program, run.trace, place(other, LOIHI2), LOIHI2)
    lacking = replace(run.trace, sent={"input": run.trace.sent["input"]})
    with pytest.raises(InputError, match=r"trace\.sent\.block0: has no counts of shape \(4, 64\)"):
        count_run(run.program, lacking, run.placement, LOIHI2)


@pytest.mark.parametrize(("reach", "ac"), [({}, 5), ({"in": 2}, 5), ({"in": 1}, 21), ({"in": 0}, 21)])
def test_payloads_of_one_are_accumulates(reach: dict[str, int], ac: int) -> None:
    """An input whose payloads were all -1, 0 or 1 multiplies nothing; where nobody looked, it may have."""
    program, trace = by_hand()
    counts = counted(program, replace(trace, reach=reach))
    assert (counts.total("synops_ac"), counts.total("synops_mac")) == (ac, 21 - ac)


def test_downward_numbering_swaps_the_axes() -> None:
    """On SANA-FE's mesh of 4 rows, tile 1 lies below tile 0 and tile 4 beside it."""
    rows, columns = load_target("loihi2"), load_target("loihi1")
    cores = np.array([0, 4, 16, 127])
    assert [axis.tolist() for axis in position(cores, columns)] == [[0, 0, 1, 7], [0, 1, 0, 3]]
    assert [axis.tolist() for axis in position(cores, rows)] == [[0, 1, 4, 7], [0, 0, 0, 3]]
