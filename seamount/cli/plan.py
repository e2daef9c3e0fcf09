"""`seamount plan`: what a network would take that is too big to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import Target
from seamount.cli.lines import give, say

if TYPE_CHECKING:
    from toolchain.report.energy import Estimate


def plan_command(
    network: Annotated[str, typer.Argument(help="a shipped plan, or the path of a TOML file of layers")],
    target: Target = "loihi2",
    table: Annotated[list[str] | None, typer.Option(help="cost table; the target's by default")] = None,
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
    for note in plan.notes:
        say(note)
    give(f"{plan.title}: {whole(planned.parameters)} weights")
    for name, count, cores, words in planned.layers:
        give(f"  {count} x {name}: {cores} cores, {words * chip.word_bits.whole / 8e6:.2f} MB each")
    memory = planned.words * chip.word_bits.whole / 8
    give(f"cores {whole(planned.cores)}, chips {whole(chips)} of {chip.name}, memory {si(memory, 'B')}")
    for name in table or chip.cost_tables:
        found = estimate(planned.counts, load_costs(name), chips, -(-planned.cores // chip.mesh.cores_per_router.whole))
        give(_told(found, plan.steps))
    say("not told: router hops, links between chips, input and output, and steps busier than the mean")


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
