"""`seamount plan`: what a network would take that is too big to run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seamount.cli.arguments import AsJson, Target
from seamount.cli.lines import give, give_json, say

if TYPE_CHECKING:
    from toolchain.mapping import Target as Chip
    from toolchain.report.energy import Banded, Estimate
    from toolchain.report.plan import Plan, Planned


def plan_command(
    network: Annotated[str, typer.Argument(help="a shipped plan, or the path of a TOML file of layers")],
    target: Target = "loihi2",
    table: Annotated[list[str] | None, typer.Option(help="cost table; the target's by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Cores, chips, memory, time and energy of a network from the shapes and rates of its layers."""
    from toolchain.mapping import load_target
    from toolchain.report.costs import load_costs
    from toolchain.report.energy import estimate
    from toolchain.report.numbers import si, whole
    from toolchain.report.plan import lay_out, load_plan

    plan, chip = load_plan(network), load_target(target)
    planned = lay_out(plan, chip)
    chips = planned.chips(chip)
    tiles = -(-planned.cores // chip.mesh.cores_per_router.whole)
    estimates = [estimate(planned.counts, load_costs(name), chips, tiles) for name in table or chip.cost_tables]
    if as_json:
        give_json("plan", _facts(plan, planned, chip, [_costs(found, plan.steps) for found in estimates]))
        return
    for note in plan.notes:
        say(note)
    give(f"{plan.title}: {whole(planned.parameters)} weights")
    for name, count, cores, words in planned.layers:
        give(f"  {count} x {name}: {cores} cores, {words * chip.word_bits.whole / 8e6:.2f} MB each")
    memory = planned.words * chip.word_bits.whole / 8
    give(f"cores {whole(planned.cores)}, chips {whole(chips)} of {chip.name}, memory {si(memory, 'B')}")
    for found in estimates:
        give(_told(found, plan.steps))
    say("not estimated: router hops, links between chips, input and output, and steps busier than the mean")


def _facts(plan: Plan, planned: Planned, chip: Chip, costs: list[dict[str, Any]]) -> dict[str, Any]:
    """What is printed, as plain data; memory in bytes, time in s, energy in J, an inference."""
    layers = [
        {"name": n, "count": c, "cores": k, "bytes": w * chip.word_bits.whole / 8} for n, c, k, w in planned.layers
    ]
    return {
        "title": plan.title,
        "target": chip.name,
        "parameters": planned.parameters,
        "cores": planned.cores,
        "chips": planned.chips(chip),
        "memory_bytes": planned.words * chip.word_bits.whole / 8,
        "steps": plan.steps,
        "layers": layers,
        "costs": costs,
        "notes": list(plan.notes),
    }


def _costs(found: Estimate, steps: int) -> dict[str, Any]:
    def banded(value: Banded | None) -> dict[str, float] | None:
        return None if value is None else asdict(value.scaled(steps))

    seconds = None if found.step is None else banded(found.step.seconds)
    return {
        "table": found.table.name,
        "seconds": seconds,
        "bound": None if found.step is None else found.step.holds,
        "dynamic_j": banded(found.dynamic),
        "static_j": banded(found.static),
    }


def _told(found: Estimate, steps: int) -> str:
    """One line of a cost table: time and energy of an inference."""
    from toolchain.report.numbers import band, si

    parts = [found.table.title]
    if found.step is not None:
        seconds = found.step.seconds.scaled(steps)
        parts.append(f"{si(seconds.nominal, 's')} ({band(seconds, 's')}) by {found.step.holds}")
    dynamic = found.dynamic.scaled(steps)
    parts.append(f"dynamic {si(dynamic.nominal, 'J')} ({band(dynamic, 'J')})")
    if found.static is not None:
        static = found.static.scaled(steps)
        parts.append(f"static {si(static.nominal, 'J')} ({band(static, 'J')})")
    return "; ".join(parts)
