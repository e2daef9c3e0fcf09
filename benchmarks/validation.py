"""What the tool says of a chip beside what was measured on one, and beside what its compiler printed.

    python -m benchmarks.validation      # writes docs/validation.md

Every public point that is known here is in the tables, also those that are missed. Nothing is fitted by this command;
which points made a constant of `toolchain/report/constants` stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks import compiler_tables
from benchmarks.compiler_tables import Row, network
from benchmarks.measured_points import (
    CHECKS,
    LM_CHIPS,
    LM_GENERATION,
    LM_MACS,
    LM_PREFILL,
    MADE,
    PAIR,
    PILOTNET_DYNAMIC_W,
    PILOTNET_STATIC_W,
    S4D,
    PairCase,
    Point,
    Profile,
)
from benchmarks.validation_page import MappingRow, page
from simulators.reference import simulate
from toolchain.files import write_text
from toolchain.ir.connections import Dense
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.mapping import Target, load_target, place
from toolchain.mapping.place import settle
from toolchain.mapping.usage import Demand
from toolchain.report.costs import load_costs
from toolchain.report.counts import Counts, LayerCount, count_run
from toolchain.report.energy import Banded, banded, estimate
from toolchain.report.plan import lay_out, load_plan
from toolchain.report.traffic import CoreCount

PAGE = Path(__file__).resolve().parent.parent / "docs" / "validation.md"
PAIR_STEPS = 2000
BOARD_2022, N3C1, LOIHI1 = "loihi2", "loihi2_n3c1", "loihi1"


def pair(case: PairCase) -> Program:
    """LIF(vth 64, du 4095, dv 410, bias) -> weight 128 -> LIF(vth 64, du 4095, dv 4095)."""
    threshold, du = np.array([64]), np.array([4095])
    own = {"vth": threshold, "du": du}
    slow, quick, bias = np.array([410]), np.array([4095]), np.array([case.bias])
    first = Population("first", "cuba_lif", 1, coefficients={**own, "dv": slow, "bias_mant": bias})
    second = Population("second", "cuba_lif", 1, coefficients={**own, "dv": quick})
    synapse = Projection("synapse", "first", "second", Dense(np.array([[64]])), exponent=1, delay_steps=1 + case.delay)
    # Nothing comes in; an input that sends nothing says how long the run is.
    return Program("pair", (Input("none", 1),), (first, second), (synapse,), (Output("spikes", "second"),))


def pair_points(case: PairCase) -> list[Point]:
    """Time, dynamic and static energy of a step; the cases at 25 Hz made the floor and the base power."""
    program, target = pair(case), load_target("loihi2")
    trace = simulate(program, {"none": np.zeros((1, PAIR_STEPS, 1), dtype=np.int64)})
    counts = count_run(program, trace, place(program, target), target)
    assert abs(int(trace.sent["first"].sum()) * 1000 / PAIR_STEPS - case.hertz) <= 1
    found = estimate(counts, load_costs(BOARD_2022))
    assert found.step is not None and found.static is not None
    name = f"two neurons, {case.hertz} Hz, delay {case.delay}"
    made = MADE if case.hertz == 25 else CHECKS
    nano = found.per_step(found.dynamic).scaled(1e9), found.per_step(found.static).scaled(1e9)
    return [
        Point(f"{name}: time of a step", BOARD_2022, "us", case.time_us, found.step.seconds.scaled(1e6), made),
        Point(f"{name}: dynamic energy of a step", BOARD_2022, "nJ", case.dynamic_nj, nano[0], made),
        Point(f"{name}: static energy of a step", BOARD_2022, "nJ", case.static_nj, nano[1]),
    ]


def power(table: str, kind: str) -> Banded:
    """Base or static power of a chip by a table, watts."""
    cost = getattr(load_costs(table), kind)
    return banded(cost, 1.0)


def board_points() -> list[Point]:
    """Powers of PilotNet on one chip of boards of 2022; 61 cores wait for the host most of the time."""
    ends = min(PILOTNET_STATIC_W), max(PILOTNET_STATIC_W)
    found = [
        Point(
            "PilotNet: static power",
            BOARD_2022,
            "W",
            watts,
            power(BOARD_2022, "static"),
            MADE if watts in ends else CHECKS,
        )
        for watts in PILOTNET_STATIC_W
    ]
    low, high = PILOTNET_DYNAMIC_W
    base = power(BOARD_2022, "base")
    noise = "total less static, of which either varies by more: below 0 is noise, and no band reaches it"
    found.append(Point("PilotNet: dynamic power, greatest of six", BOARD_2022, "W", high, base))
    found.append(Point("PilotNet: dynamic power, least of six", BOARD_2022, "W", low, base, why=noise))
    return found


def profile_points(profile: Profile) -> list[Point]:
    """Energies over the time that was measured, which the host bounds."""
    layer = LayerCount(
        profile.name, "s4d", 1, "payloads", synops_nonzero=profile.synops, word_updates=profile.word_updates,
        core_messages=profile.core_messages,
    )  # fmt: skip
    found = estimate(Counts(1, 1, (layer,), (), (CoreCount(0),)), load_costs(N3C1))
    assert found.step is not None
    seconds = profile.time_us * 1e-6
    dynamic = (found.counted + power(N3C1, "base").scaled(seconds)).scaled(1e6)
    host = (
        "the host feeds every step: 31 us in both, though their operations differ 9 times, and input and output are "
        "not modelled"
    )
    points = [
        Point(f"{profile.name}: time of a step", N3C1, "us", profile.time_us, found.step.seconds.scaled(1e6), why=host),
        Point(f"{profile.name}: dynamic energy of a step", N3C1, "uJ", profile.dynamic_uj, dynamic, MADE),
    ]
    if profile.static_w is not None:
        points.append(Point(f"{profile.name}: static power", N3C1, "W", profile.static_w, power(N3C1, "static"), MADE))
    return points


def model_points() -> list[Point]:
    """The language model: power at two rates separates what grows with tokens from what does not."""
    slow, fast = LM_GENERATION[0], LM_PREFILL[0]
    watts = [rate * joules for rate, joules in (LM_GENERATION, LM_PREFILL)]
    token = (watts[1] - watts[0]) / (fast - slow)
    standing = (watts[0] - slow * token) / LM_CHIPS
    synapses = load_costs(N3C1).energy[0]
    told = banded(synapses, 1e-12).scaled(LM_MACS * 1e3)
    chip = power(N3C1, "static") + power(N3C1, "base")
    plan, target = lay_out(load_plan("matmul_free_lm_370m"), load_target("loihi2")), load_target("loihi2")
    mapped = Banded(plan.chips(target), plan.chips(target), plan.chips(target))
    shapes = (
        "published: one block a chip. Mapped from assumed widths with ternary weights, a third of them zero; no band "
        "is told for cores, and 8-bit weights would take more"
    )
    board = "has hosts, links and idle fabric of the board in it; no chip that was measured by itself draws so much"
    return [
        Point("language model: energy of a token beyond standing power", N3C1, "mJ", token * 1e3, told, MADE),
        Point("language model: standing power a chip", N3C1, "W", standing, chip, why=board),
        Point("language model: chips, by seamount plan", "(mapping)", "chips", LM_CHIPS, mapped, why=shapes),
    ]


def loihi1_points() -> list[Point]:
    """Loihi 1: one idle chip, and 64 copies of the Braille network on a board of 32."""
    floors = {cost.chips: cost for cost in load_costs(LOIHI1).latency if cost.count == "step"}
    static = power(LOIHI1, "static")
    board = "a share of a 32-chip board, six times an idle chip: inside the band, but no nominal serves both"
    unknown = "its spikes are not known here, so its operations cannot be counted"
    braille = banded(floors["several"], 1.0)
    return [
        Point("one idle chip: static power", LOIHI1, "W", 0.0295, static, MADE),
        Point("Braille, two copies a chip: static power", LOIHI1, "W", 0.178, static, MADE, board),
        Point("Braille: time of a step on 32 chips", LOIHI1, "us", 6.64, braille, MADE),
        Point("Braille: dynamic energy of a step and copy", LOIHI1, "nJ", 490.0, None, why=unknown),
        Point("NxTF MNIST: time of a step", LOIHI1, "us", 60.8, None, why=unknown),
        Point("NxTF CIFAR: time of a step on two chips", LOIHI1, "us", 137.3, None, why=unknown),
    ]


def measured_points() -> list[Point]:
    """All of them."""
    points = [point for case in PAIR for point in pair_points(case)]
    points += board_points()
    points += [point for profile in S4D for point in profile_points(profile)]
    return points + model_points() + loihi1_points()


def of_2022(target: Target) -> Target:
    """The target with the two entries that the compiler of 2022 took towards a kernel with a stride."""
    fields = target.model_dump()
    fields["strided_entries"]["value"] = fields["strided_entries"]["high"]
    return Target.model_validate(fields)


def networks() -> dict[str, tuple[Program, tuple[Row, ...], Target]]:
    """Every network of which a compiler table is known here, with the target of its compiler."""
    target = load_target("loihi2")
    found = {
        "PilotNet": (
            network("pilotnet", compiler_tables.PILOTNET_INPUT, compiler_tables.PILOTNET, "sigma_delta"),
            compiler_tables.PILOTNET,
            of_2022(target),
        ),
        "YOLO-KP": (
            network("yolo", compiler_tables.YOLO_INPUT, compiler_tables.YOLO, "sigma_delta"),
            compiler_tables.YOLO,
            target,
        ),
        "Oxford": (
            network("oxford", compiler_tables.OXFORD_INPUT, compiler_tables.OXFORD, "cuba_lif"),
            compiler_tables.OXFORD,
            target,
        ),
        "S4D": (compiler_tables.s4d(), compiler_tables.S4D, target),
    }
    for axons, row in compiler_tables.DNF.items():
        found[f"DNF {axons}"] = (network(f"dnf{axons}", (axons,), (row,), "cuba_lif"), (row,), target)
    return found


def mapping_rows(name: str, program: Program, rows: Iterable[Row], target: Target) -> list[MappingRow]:
    """One row a layer: cores and words as printed and as mapped, one layer a core."""
    layout = settle(Demand(program, target), "layers")[0]
    cores: dict[str, list[int]] = {}
    for parts, usage in zip(layout.cores, layout.used, strict=True):
        cores.setdefault(parts[0].population, []).append(usage.core_words)
    found = []
    for number, row in enumerate(rows):
        words = cores[f"layer{number}"]
        layer = "x".join(map(str, row.neurons))
        found.append(MappingRow(name, layer, row.cores, len(words), row.words * row.cores, sum(words)))
    return found


def main() -> None:
    """Write the page."""
    mapped: list[MappingRow] = []
    packed: dict[str, int] = {}
    for name, (program, rows, target) in networks().items():
        mapped += mapping_rows(name, program, rows, target)
        packed[name] = len(settle(Demand(program, target), "packed")[0].cores)
    write_text(PAGE, page(measured_points(), mapped, packed))
    print(PAGE)


if __name__ == "__main__":
    main()
