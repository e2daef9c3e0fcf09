"""The structured form: each population's step as a model-local function, named after the first that uses it.

Inputs are the step's own names: ``state.<register>``, ``port.<port>``, ``samples`` where something is repeated for all
of them, ``own.<coefficient>``. Outputs are those of `body`. Populations with equal steps share a function:
``ssm_lif__block0``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper

from exporters.onnx.body import SAMPLES, Body
from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import Nodes
from exporters.onnx.primitives import Writer
from exporters.onnx.terms import Term
from exporters.scalar.plan import StepPlan
from toolchain.bounds.counts import Count
from toolchain.ir.integer import IntArray
from toolchain.ir.timestep import WAIT

DOMAIN = "seamount"


@dataclass
class StepFunction:
    """A function while it is written, and the names of its ends.

    Attributes:
        plan: of the first population that uses it.
        inputs: names in the order of their first use.
        constants: integers and bits of the inputs that are known.
        ends: its outputs: shapes and ranges of what the step gives.
    """

    plan: StepPlan
    lanes: Lanes
    inputs: list[str] = field(default_factory=list)
    constants: dict[str, tuple[IntArray, IntArray | int]] = field(default_factory=dict)
    ends: dict[str, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes = Nodes(self.lanes)

    @property
    def name(self) -> str:
        """Of the function."""
        return f"{self.plan.population.neuron}__{self.plan.population.name}"

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for populations whose steps are the same function."""
        nodes = (node.SerializeToString(deterministic=True).hex() for node in self.nodes.nodes)
        return (self.plan.population.neuron, *self.inputs, *self.ends, *nodes)

    def write(self, counts: Mapping[str, Count]) -> StepFunction:
        """Write the step; `counts` is what `Body` has of it."""
        writer = Writer(self.plan.population.name, self.nodes, self._store)
        given = self._given()
        body = Body(self.plan, writer, lambda name: name, given, self._samples,
                    lambda: (given(f"state.{WAIT.name}").name, self._start()), self.lanes, counts)  # fmt: skip
        for name, term in body.write().items():
            if term.flag:
                self.nodes.cast(term.name, self.nodes.type, name)
            else:
                self.nodes.add("Identity", term.name, result=name)
            self.ends[name] = Term(name, term.range, term.shape)
        return self

    def proto(self, opsets: list[onnx.OperatorSetIdProto]) -> onnx.FunctionProto:
        """The function; its listing is its documentation."""
        proto = helper.make_function(DOMAIN, self.name, self.inputs, list(self.ends), self.nodes.nodes, opsets)
        proto.doc_string = f"{self.plan.population.type.summary}\n\n{self.plan.listing}"
        return proto

    def _given(self) -> Callable[[str], Term]:
        registers = {f"state.{register.name}": register for register in self.plan.stored}

        def given(name: str) -> Term:
            self._use(name)
            per = registers[name].per if name in registers else "neuron"
            return Term(name, self.plan.bounds.of[name], (SAMPLES, *self.plan.population.extent(per)))

        return given

    def _start(self) -> str:
        """The first step that is awake: an input, so that populations which differ in it share the function."""
        return self._store("start", np.asarray(self.plan.population.start_step, dtype=np.int64), 0)

    def _samples(self) -> str:
        self._use("samples")
        return "samples"

    def _store(self, label: str, values: IntArray, bits: IntArray | int) -> str:
        self._use(label)
        self.constants[label] = values, bits
        return label

    def _use(self, name: str) -> None:
        if name not in self.inputs:
            self.inputs.append(name)


def arguments(function: StepFunction, given: Callable[[str], str], store: Callable[..., str]) -> list[str]:
    """What a population's call hands to its function.

    Args:
        function: of the population itself, whose constants are its own.
        given: tensor of a state, a port, or ``samples``.
        store: keeps integers that are known.
    """
    constants: Mapping[str, tuple[IntArray, IntArray | int]] = function.constants
    return [store(name, *constants[name]) if name in constants else given(name) for name in function.inputs]
