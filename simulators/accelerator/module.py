"""A program as a PyTorch module, batch first: integers all the way, one submodule a projection and a population.

A projection is a `torch.nn.Linear` whose weights are the stored integers, so that tools which hook layers (NeuroBench)
find them; convolutions and pooling stand there unrolled. Nothing learns: for that there is `seamount finetune`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from simulators.accelerator.plan import Plan, plans, source_ranges
from simulators.accelerator.primitives import TORCH, shift_floor, shift_left
from simulators.accelerator.synapses import FLOAT64_SUM
from toolchain.bounds.sums import sum_range
from toolchain.bounds.verify import verify
from toolchain.errors import OverflowTrapError, UnsupportedError
from toolchain.host.decode import numbers
from toolchain.host.encode import encode_all, payloads_of
from toolchain.host.plain import standing
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.timestep import initial_value, stored_registers
from toolchain.ir.tracing import Symbol
from toolchain.report.neurobench import MOST_PAIRS, stored_bytes

__all__ = ["Deployed", "Neurons", "Synapses"]
_TYPES = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Synapses(nn.Linear):
    """One projection, (batch, source) messages -> (batch, target) sums, both integers in float64.

    Args:
        projection: of a verified program.
        message: least and greatest message of its source.

    Raises:
        UnsupportedError: sums that float64 cannot hold, or more pairs than fit in memory.
    """

    def __init__(self, projection: Projection, message: tuple[int, int]) -> None:
        connection = projection.connection
        pairs = connection.target_size * connection.source_size
        if pairs > MOST_PAIRS:
            what = f"{connection.target_size:,} x {connection.source_size:,} pairs, unrolled"
            raise UnsupportedError(projection.name, what, f"at most {MOST_PAIRS:,} are held; use seamount.simulate")
        if max(map(abs, sum_range(projection, message))) > FLOAT64_SUM:
            raise UnsupportedError(projection.name, "sums beyond 2^53", "use seamount.simulate")
        super().__init__(connection.source_size, connection.target_size, bias=False, device="meta")
        matrix = connection.matrix()
        dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
        self.weight = nn.Parameter(torch.tensor(dense, dtype=torch.int8), requires_grad=False)
        self.projection = projection

    def forward(self, input: Tensor) -> Tensor:
        """The sums, before the shift by the projection's exponent."""
        return nn.functional.linear(input.to(torch.float64), self.weight.to(torch.float64))


class Neurons(nn.Module):
    """One population: sums at its ports -> what it sends, (batch, neuron) int64; registers are kept between calls.

    Args:
        plan: of the population.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        population = plan.population
        own = population.values()
        for coefficient in population.type.coefficients:
            kind = _TYPES[stored_bytes(population, coefficient)]
            self.register_buffer(f"own_{coefficient.name}", torch.tensor(np.asarray(own[coefficient.name])).to(kind))
        self.state: dict[str, Tensor] = {}

    @property
    def population(self) -> Population:
        """What it is in the program."""
        return self.plan.population

    def begin(self, batch: int, device: torch.device) -> None:
        """Registers as before step 0."""
        for register in stored_registers(self.population):
            extent = (batch, *self.population.extent(register.per))
            value = initial_value(self.population, register)
            self.state[register.name] = torch.full(extent, value, dtype=torch.int64, device=device)

    def forward(self, *sums: Tensor) -> Tensor:
        """One step; the sums are in the order of the type's ports."""
        values = {f"state.{name}": value for name, value in self.state.items()}
        device = sums[0].device
        for coefficient in self.population.type.coefficients:
            values[f"own.{coefficient.name}"] = getattr(self, f"own_{coefficient.name}").to(torch.int64)
        for port, total in zip(self.population.type.ports, sums, strict=True):
            rule = TORCH[port.overflow.value]
            values[f"port.{port.name}"] = rule(total, torch.tensor(port.bits, device=device))

        def value(operand: Symbol | int) -> Tensor:
            return values[operand.name] if isinstance(operand, Symbol) else torch.tensor(operand, device=device)

        for instruction in self.plan.listing.instructions:
            operands = [value(operand) for operand in instruction.operands]
            values[instruction.result] = TORCH[instruction.primitive](*operands)
            if instruction.primitive == Overflow.TRAP.value:
                self._check(instruction.register, *operands)
        self.state = {name: value(operand) for name, operand in self.plan.listing.registers.items()}
        message = value(self.plan.listing.message)
        return message.expand(len(sums[0]), self.population.size)

    def _check(self, register: str, held: Tensor, bits: Tensor) -> None:
        low, high = limits(int(bits))
        if bool(((held < low) | (held > high)).any()):
            what = f"{int(held.abs().max())} does not fit a signed {int(bits)}-bit register"
            raise OverflowTrapError(f"{self.population.name}.{register}", what, "see the build's findings")


class Deployed(nn.Module):
    """A program that reads numbers and gives numbers.

    Args:
        program: as a build holds it.

    Raises:
        UnsupportedError: a projection that does not fit; see `Synapses`.
    """

    Neurons = Neurons
    """What to hook for activations: ``model.add_activation_module(module.Neurons)`` in NeuroBench."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        verify(program)
        self.program = program
        ranges = source_ranges(program)
        self._synapses = [Synapses(p, ranges[p.source]) for p in program.projections]
        self._neurons = [Neurons(plan) for plan in plans(program, ranges, {}).values()]
        self.synapses, self.neurons = nn.ModuleList(self._synapses), nn.ModuleList(self._neurons)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Run sequences.

        Args:
            x: (batch, step, channel) real numbers, or (batch, step, *shape) with as many channels; those of several
                inputs side by side.

        Returns:
            The first output as it stands after each step, (batch, step, neuron) float64: the last step decides.

        Raises:
            InputError: other channels; a value beyond the input's range where that is refused.
            OverflowTrapError: a register that must not overflow did.
        """
        output, latency = self.program.output(), self.program.latency_steps
        held = self.run(self._encoded(x), x.shape[1] + latency)[output.register or output.population]
        read = standing(held.cpu().numpy(), output.reading, latency - output.early_steps, x.shape[1])
        return torch.from_numpy(np.ascontiguousarray(numbers(output, read))).to(x.device)

    def run(self, payloads: Mapping[str, Tensor], steps: int) -> dict[str, Tensor]:
        """Run integers.

        Args:
            payloads: by input, (batch, step, channel) int64; nothing arrives after their last step.
            steps: of the run.

        Returns:
            What each input and population sent, (batch, step, neuron), and the first output's register by its name.
        """
        first = next(iter(payloads.values()))
        for neurons in self._neurons:
            neurons.begin(len(first), first.device)
        sent: dict[str, list[Tensor]] = {name: [] for name in self.program.sizes()}
        sums: dict[str, list[Tensor]] = {projection.name: [] for projection in self.program.projections}
        held: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for step in range(steps):
                for name, values in payloads.items():
                    sent[name].append(values[:, step] if step < values.shape[1] else torch.zeros_like(values[:, 0]))
                for neurons in self._neurons:
                    sent[neurons.population.name].append(neurons(*self._ports(neurons.population, sums, step, first)))
                for synapses in self._synapses:
                    # Called once a step with what its source sends in it, as tools that count calls expect.
                    sums[synapses.projection.name].append(_shifted(synapses, sent[synapses.projection.source][-1]))
                self._hold(held)
        return {name: torch.stack(values, dim=1) for name, values in {**sent, **held}.items()}

    def _encoded(self, x: Tensor) -> dict[str, Tensor]:
        values = x.detach().cpu().numpy()
        flat = values.reshape(*values.shape[:2], -1) if values.ndim > 2 else values
        encoded = payloads_of(encode_all(self.program, flat))
        return {name: torch.from_numpy(payload).to(x.device) for name, payload in encoded.items()}

    def _hold(self, held: dict[str, list[Tensor]]) -> None:
        """Keep the first output's register, where it is read from one."""
        for output in self.program.outputs[:1]:
            if output.register:
                neurons = next(n for n in self._neurons if n.population.name == output.population)
                held.setdefault(output.register, []).append(neurons.state[output.register])

    def _ports(self, population: Population, sums: dict[str, list[Tensor]], step: int, like: Tensor) -> list[Tensor]:
        found = []
        for port in population.type.ports:
            total = torch.zeros((len(like), population.size), dtype=torch.int64, device=like.device)
            for projection in self.program.into(population.name):
                if projection.port == port.name and step >= projection.delay_steps:
                    total = total + sums[projection.name][step - projection.delay_steps]
            found.append(total)
        return found


def _shifted(synapses: Synapses, messages: Tensor) -> Tensor:
    exponent = synapses.projection.exponent
    total = synapses(messages.to(torch.float64)).to(torch.int64)
    return shift_left(total, exponent) if exponent >= 0 else shift_floor(total, -exponent)
