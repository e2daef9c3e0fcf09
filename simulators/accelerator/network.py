"""A program made ready to run on a device: its tensors, its synapses, and the blocks of steps that it advances.

Within a block the populations run in the order of `schedule`: each over all steps of its turn, all samples at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from simulators.accelerator.engines import Engine
from simulators.accelerator.memory import DTYPES, Memory
from simulators.accelerator.plan import Plan, plans, source_ranges
from simulators.accelerator.synapses import Synapses
from simulators.accelerator.torch_step import TorchStep
from simulators.traced.schedule import stages
from toolchain.ir.integer import IntArray, Overflow
from toolchain.ir.program import Program, Projection


class Step(Protocol):
    """Steps of one population."""

    def advance(self, memory: Memory, ports: Mapping[str, Tensor], start: int, stop: int) -> None:
        """Run steps of the block; the sums at the ports are (step, sample, neuron), from `start` on."""


class ProgramOnDevice:
    """A program with the state of one run.

    Args:
        program: verified.
        samples: that run side by side.
        probed: by population, the registers to record.
        steps: capacity of a block.
        engine: what runs where.
    """

    def __init__(
        self, program: Program, samples: int, probed: Mapping[str, frozenset[str]], steps: int, engine: Engine
    ) -> None:
        self.program, self.samples, self.device = program, samples, engine.device
        ranges = source_ranges(program)
        self.plans = plans(program, ranges, probed)
        self.memory = Memory(program, samples, steps, engine.device)
        self.memory.make(self.plans, ranges)
        self.synapses = {p.name: Synapses(p, ranges[p.source], engine.device) for p in program.projections}
        self.steps = {name: _step(plan, engine) for name, plan in self.plans.items()}
        self.stages = stages(program)

    def feed(self, inputs: Mapping[str, IntArray]) -> int:
        """Run the steps of (sample, step, channel) inputs from the start of the block; return how many they are."""
        count = int(next(iter(inputs.values())).shape[1])
        for name, values in inputs.items():
            rows = self.memory.rows(name, 0, count)
            rows.copy_(torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, 1, 0))))
        for stage in self.stages:
            turn = stage.turn_steps or max(1, count)
            for start in range(0, count, turn):
                for name in stage.populations:
                    self._advance(name, start, min(start + turn, count))
        for name, total in self.memory.sent.items():
            total += torch.count_nonzero(self.memory.rows(name, 0, count), dim=0)
        return count

    def failed(self, strict: bool) -> bool:
        """Whether something that did not fit so far is an error."""
        fatal = (
            self.memory.counts[name][place]
            for name, plan in self.plans.items()
            for place, count in enumerate(plan.counts)
            if strict or count.rule == Overflow.TRAP
        )
        totals = list(fatal)
        return bool(totals) and bool(torch.stack(totals).any())

    def overflows(self) -> dict[str, int]:
        """Values that did not fit so far, by ``population.register``."""
        found: dict[str, int] = {}
        for name, plan in self.plans.items():
            for count, total in zip(plan.counts, self.memory.counts[name].tolist(), strict=True):
                if total:
                    key = f"{name}.{count.register}"
                    found[key] = found.get(key, 0) + total
        return found

    def _advance(self, name: str, start: int, stop: int) -> None:
        plan = self.plans[name]
        ports = {port.name: self._arriving(plan, port.name, start, stop) for port in plan.population.type.ports}
        self.steps[name].advance(self.memory, ports, start, stop)

    def _arriving(self, plan: Plan, port: str, start: int, stop: int) -> Tensor:
        """The sums at a port, (step, sample, neuron)."""
        kind = DTYPES[plan.port_bits(port)]
        size = (stop - start, self.samples, plan.population.size)
        total: Tensor | None = None
        for projection in self.program.into(plan.population.name):
            if projection.port == port:
                arrived = self._along(projection, start, stop).to(kind)
                total = arrived if total is None else total.add_(arrived)
        if total is None:
            return torch.zeros(size, dtype=kind, device=self.device)
        return total.reshape(size).contiguous()

    def _along(self, projection: Projection, start: int, stop: int) -> Tensor:
        delay = projection.delay_steps
        messages = self.memory.rows(projection.source, start - delay, stop - delay)
        return self.synapses[projection.name].arriving(messages.flatten(0, 1))


def _step(plan: Plan, engine: Engine) -> Step:
    if engine.code == "triton":
        from simulators.accelerator.triton_step import TritonStep

        return TritonStep(plan, engine.device)
    return TorchStep(plan, engine.device)
