"""A population's step as a model-local function: its straight-line listing, line by line.

Inputs are the listing's own names: ``state.<register>``, ``port.<port>``, ``own.<coefficient>``. Outputs are
``next.<register>`` for stored registers, ``message``, ``kept.<register>`` for what a step writes into each register,
and, where overflows are counted, ``overflow.<register>``. Populations with equal listings share a function, which is
named after the first: ``ssm_lif__block0``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from exporters.onnx.nodes import Nodes, Operand
from exporters.onnx.primitives import WRITERS, write_misfits, write_primitive
from toolchain.errors import UnsupportedError
from toolchain.ir import tracing
from toolchain.ir.integer import PRIMITIVES, IntArray
from toolchain.ir.neurons.base import Extent
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers, stored_registers

DOMAIN = "seamount"


@dataclass(frozen=True)
class StepFunction:
    """A function and the names of its ends.

    Attributes:
        proto: inputs and outputs in the order of `inputs` and `outputs`.
        key: equal for populations whose steps are the same function.
    """

    proto: onnx.FunctionProto
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    key: tuple[str, ...]


def step_function(population: Population, count_overflows: bool, opsets: list[onnx.OperatorSetIdProto]) -> StepFunction:
    """Write one population's step as a function.

    Raises:
        UnsupportedError: naming a primitive that has no ONNX form.
    """
    listing = tracing.trace_step(population)
    body = _Body(population, listing)
    for instruction in listing.instructions:
        operands = tuple(_operand(operand) for operand in instruction.operands)
        write_primitive(body.nodes, population.name, instruction.primitive, operands, instruction.result)
    outputs = body.write_outputs()
    if count_overflows:
        outputs += body.write_overflows()
    name = f"{population.neuron}__{population.name}"
    proto = helper.make_function(DOMAIN, name, body.inputs, outputs, body.nodes.nodes, opsets)
    proto.doc_string = f"{population.type.summary}\n\n{listing}"
    return StepFunction(proto, tuple(body.inputs), tuple(outputs), (population.neuron, str(listing), *body.expanded))


def _operand(operand: tracing.Operand) -> Operand:
    return operand if isinstance(operand, int) else operand.name


class _Body:
    """The nodes of one function while they are written."""

    def __init__(self, population: Population, listing: tracing.Listing) -> None:
        self.population, self.listing = population, listing
        self.nodes = Nodes()
        own = [f"own.{c.name}" for c in population.type.coefficients]
        self.states = {f"state.{r.name}": r.per for r in stored_registers(population)}
        self.ports = [f"port.{port.name}" for port in population.type.ports]
        self.inputs = [*self.states, *self.ports, *own]
        self.shapes = shapes_of_results(population, listing)
        self.expanded: list[str] = []

    def write_outputs(self) -> list[str]:
        """Write ``next.*``, ``message`` and ``kept.*``, each with all its axes."""
        extents = {r.name: r.per for r in all_registers(self.population)}
        ends: list[tuple[str, Operand, Extent]] = [
            (f"next.{name}", _operand(value), extents[name]) for name, value in self.listing.registers.items()
        ]
        ends.append(("message", _operand(self.listing.message), "neuron"))
        ends += [(f"kept.{name}", result, extents[name]) for name, result in self.listing.kept.items()]
        for result, value, per in ends:
            self._write_end(result, value, per)
        return [result for result, _, _ in ends]

    def write_overflows(self) -> list[str]:
        """Write ``overflow.*``: for each sample, how many of a register's values did not fit."""
        declared = {r.name: r for r in all_registers(self.population)}
        outputs = []
        for instruction in self.listing.instructions:
            if instruction.register:
                register = declared[instruction.register]
                value, bits = _operand(instruction.operands[0]), self.population.width(register.bits)
                misfits = write_misfits(self.nodes, register.overflow, value, instruction.result, bits)
                whole = self._whole(misfits, self.shapes[instruction.result], register.per)
                axes = self.nodes.shape(1, 2) if register.per == "mode" else self.nodes.shape(1)
                outputs.append(f"overflow.{register.name}")
                self.nodes.add("ReduceSum", whole, axes, result=outputs[-1], keepdims=0)
        return outputs

    def _write_end(self, result: str, value: Operand, per: Extent) -> None:
        shape = self.shapes[value] if isinstance(value, str) else ()
        self.nodes.about(result)
        whole = self._whole(value, shape, per)
        if whole != value:
            self.expanded.append(result)
        self.nodes.add("Identity", whole, result=result)

    def _whole(self, value: Operand, shape: tuple[int, ...], per: Extent) -> Operand:
        """The value with all axes of its extent: a constant, or one that no sample changes, is repeated."""
        if shape == (SAMPLES, *self.population.extent(per)):
            return value
        like = [name for name, extent in self.states.items() if extent == per]
        like += self.ports if per == "neuron" else []
        if not like:
            where = f"{self.population.name} ({self.population.neuron})"
            raise UnsupportedError(where, f"nothing has one word a {per} to give its shape", "store such a register")
        return self.nodes.add("Expand", value, self.nodes.add("Shape", like[0]))


SAMPLES = 2
"""Samples for which the shapes of a listing are worked out."""


def shapes_of_results(population: Population, listing: tracing.Listing) -> dict[str, tuple[int, ...]]:
    """Shape of each value of a listing for `SAMPLES` samples, found by running the listing on zeros."""
    values: dict[str, IntArray] = {}
    for coefficient, given in population.values().items():
        values[f"own.{coefficient}"] = np.zeros(np.shape(given), dtype=np.int64)
    for register in stored_registers(population):
        values[f"state.{register.name}"] = np.zeros((SAMPLES, *population.extent(register.per)), dtype=np.int64)
    for port in population.type.ports:
        values[f"port.{port.name}"] = np.zeros((SAMPLES, population.size), dtype=np.int64)
    for line in listing.instructions:
        # What has no ONNX form may have no form at all; writing it is what refuses it, in words.
        if line.primitive in PRIMITIVES and line.primitive in WRITERS:
            operands = [o if isinstance(o, int) else values[o.name] for o in line.operands]
            values[line.result] = PRIMITIVES[line.primitive](*operands)
    return {name: np.shape(value) for name, value in values.items()}
