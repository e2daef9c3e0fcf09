"""One step of a whole program as nodes: deliver, accumulate, step, emit.

Messages, registers and sums are in lanes. At the edge of a graph its tensors may have another type: what comes in is
cast where it is first used, what goes out is cast once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import scipy.sparse
from onnx import helper, numpy_helper

from exporters.onnx.body import SAMPLES, Body
from exporters.onnx.canary import write_canary
from exporters.onnx.functions import DOMAIN, StepFunction, arguments
from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import TYPES, Nodes, narrow
from exporters.onnx.primitives import Writer
from exporters.onnx.terms import Term, known
from exporters.scalar.plan import ProgramPlan, StepPlan
from exporters.scalar.synapses import Arrival, Synapses
from toolchain.bounds.counts import Count
from toolchain.ir.integer import IntArray, limits, shift_left
from toolchain.ir.neurons import Register
from toolchain.ir.timestep import WAIT, initial_value, stored_registers

DENSE_ENTRIES = 1 << 16
"""A sparse connection of at most so many entries is written densely: a matrix product is quicker and plainer."""

CANARY = "canary"


@dataclass
class StepNodes:
    """The nodes of one step, and what they refer to.

    Attributes:
        plan: the program.
        lanes: of the arithmetic.
        edge: of the tensors that come in and go out.
        structured: whether each population's step is a function.
        counted: of each population, what is counted.
        probes: ``"population.register"`` of what is recorded.
        constants: weights and coefficients, each in the narrowest type that holds it.
        widened: nodes that bring the constants into lanes; they depend on no input.
        step: the nodes of the step itself.
        functions: where structured, the steps that differ.
        ends: names of all outputs of the step.
    """

    plan: ProgramPlan
    lanes: Lanes
    edge: Lanes
    structured: bool
    counted: Mapping[str, Mapping[str, Count]]
    probes: frozenset[str] = frozenset()
    constants: list[onnx.TensorProto] = field(default_factory=list)
    functions: list[StepFunction] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.widened, self.step = Nodes(self.lanes, "widened."), Nodes(self.lanes)
        self.stored: set[str] = set()
        self.left: dict[str, str] = {}
        self.messages: dict[str, Term] = {}
        self.kept: dict[str, Term] = {}

    def write(self) -> StepNodes:
        """Write one step of the program.

        Raises:
            UnsupportedError: naming a primitive that has no ONNX form.
        """
        for name, step in self.plan.steps.items():
            ends = self._call(step) if self.structured else self._inline(step)
            for end, term in ends.items():
                self._leave(name, end, term)
            for register in step.stored:
                if f"{name}.{register.name}" in self.probes:
                    self._show(f"probe.{name}.{register.name}", step, register, ends[f"next.{register.name}"])
        for name, kept in self.plan.kept_steps.items():
            self._pass_on(name, kept)
        first = self.plan.program.inputs[0].name
        fine = write_canary(self.step, f"in.{first}", self.edge)
        self._end(CANARY, Term(fine, (0, 1), (SAMPLES,), flag=True))
        # Integers have no Gemm, and in tract doubles have none: files that are doubles throughout do without.
        if self.lanes == "float64" and self.edge != self.lanes:
            self.step.nodes[:] = products_with_sums(self.step.nodes)
        return self

    # -------------------------------------------------------------------------------------------------- constants

    def store(self, name: str, values: IntArray, bits: IntArray | int = 0) -> str:
        """Keep integers * 2^-bits narrowly, once; the name of the tensor of the lanes."""
        if name in self.stored:
            return name
        self.stored.add(name)
        raw = f"stored.{name}"
        self.constants.append(numpy_helper.from_array(narrow(np.ascontiguousarray(values)), raw))
        if isinstance(bits, int) and bits == 0:
            return self.widened.add("Cast", raw, result=name, to=self.widened.type)
        wide = self.widened.add("Cast", raw, to=self.widened.type)
        if isinstance(bits, int):
            factor = 2.0**-bits if self.lanes == "float64" else int(shift_left(1, -bits))
            return self.widened.add("Mul", wide, factor, result=name)
        self.constants.append(numpy_helper.from_array(2.0 ** -bits.astype(np.float64), f"{raw}.scale"))
        return self.widened.add("Mul", wide, f"{raw}.scale", result=name)

    # -------------------------------------------------------------------------------------------------- the edges

    def entering(self, name: str) -> str:
        """A tensor of the graph's input in lanes."""
        return name if self.edge == self.lanes else self.step.cast(name, self.step.type)

    def _end(self, name: str, term: Term) -> None:
        """Name what goes out, in the edge's type; what goes out twice is cast once."""
        self.ends.append(name)
        source = f"{term.name} as {self.edge}"
        if source in self.left:
            self.step.add("Identity", self.left[source], result=name)
        elif term.flag or (self.edge != self.lanes and not term.outside):
            self.left[source] = self.step.add("Cast", term.name, result=name, to=TYPES[self.edge])
        else:
            self.left[source] = self.step.add("Identity", term.name, result=name)

    def _leave(self, population: str, end: str, term: Term) -> None:
        kind, _, register = end.partition(".")
        if kind == "message":
            self.messages[population] = term
            self._end(f"out.{population}", term)
            return
        name = {"next": "next", "kept": "probe", "overflow": "overflow"}[kind]
        self._end(f"{name}.{population}.{register}", term)

    def _show(self, name: str, step: StepPlan, register: Register, term: Term) -> None:
        """What a stored register holds after the step (a voltage after its reset), of its state tensor."""
        if start := initial_value(step.population, register):
            self.step.about(name)
            first = self.step.tensor(start, self.edge if term.outside else "")
            shown = self.step.add("Sub" if register is WAIT else "Add", first, term.name)
            term = replace(term, name=shown)
        self._end(name, term)

    def _pass_on(self, source: str, longest: int) -> None:
        """Write what a source emitted k steps ago, one step later."""
        for ago in range(1, longest + 1):
            name = f"next.{source}.message_{ago}"
            if ago == 1 and source in self.messages:
                self._end(name, self.messages[source])
                continue
            self.ends.append(name)
            before = f"state.{source}.message_{ago - 1}" if ago > 1 else f"in.{source}"
            self.step.add("Identity", before, result=name)

    def samples(self) -> str:
        """A list that holds the number of samples."""
        if "samples" not in self.step.known:
            first = f"in.{self.plan.program.inputs[0].name}"
            self.step.known["samples"] = self.step.add("Shape", first, start=0, end=1)
        return self.step.known["samples"]

    # ------------------------------------------------------------------------------------------------ populations

    def _inline(self, step: StepPlan) -> Mapping[str, Term]:
        name = step.population.name
        writer = self._writer(name)
        body = Body(step, writer, lambda local: f"value.{name}.{local}", lambda local: self._given(step, body, local),
                    self.samples, lambda: self._waiting(step), self.edge, self.counted[name])  # fmt: skip
        return body.write()

    def _call(self, step: StepPlan) -> Mapping[str, Term]:
        """Write the call of a population's step, and what its ports count."""
        name = step.population.name
        own = StepFunction(step, self.lanes).write(self.counted[name])
        function = next((known for known in self.functions if known.key == own.key), own)
        if function is own:
            self.functions.append(own)
        nothing = Term("", (0, 0))
        ports = Body(step, self._writer(name), str, lambda _: nothing, self.samples, lambda: self._waiting(step),
                     self.edge, self.counted[name])  # fmt: skip

        def given(local: str) -> str:
            return self.samples() if local == "samples" else self._given(step, ports, local).name

        taken = arguments(own, given, lambda label, values, bits: self.store(_own(name, label), values, bits))
        results = {end: f"value.{name}.{end}" for end in own.ends}
        self.step.nodes.append(helper.make_node(function.name, taken, list(results.values()), name=name, domain=DOMAIN))
        called = {end: Term(results[end], term.range, term.shape) for end, term in own.ends.items()}
        return called | ports.ends

    def _waiting(self, step: StepPlan) -> tuple[str, str]:
        start = self.step.tensor(step.population.start_step, self.edge)
        return f"state.{step.population.name}.{WAIT.name}", start

    def _writer(self, name: str) -> Writer:
        return Writer(name, self.step, lambda label, values, bits: self.store(_own(name, label), values, bits))

    def _given(self, step: StepPlan, body: Body, local: str) -> Term:
        """A state, or what arrived at a port."""
        group, _, part = local.partition(".")
        name, found = step.population.name, step.bounds.of[local]
        if group == "port":
            return self._accumulate(step, body, part)
        register = next(r for r in stored_registers(step.population) if r.name == part)
        shape = (SAMPLES, *step.population.extent(register.per))
        return Term(self.entering(f"state.{name}.{part}"), found, shape)

    # ---------------------------------------------------------------------------------------------------- arrivals

    def _accumulate(self, step: StepPlan, body: Body, port: str) -> Term:
        """Write the sum of what arrives at a port, in the port's register."""
        name, shape = step.population.name, (SAMPLES, step.population.size)
        declared = next(p for p in step.population.type.ports if p.name == port)
        writer, result = self._writer(name), f"port.{name}.{port}"
        parts = [self._arrive(step, port, arrival) for arrival in step.arrivals[port]]
        if not parts:
            writer.nodes.about(result)
            nodes = writer.nodes
            where = nodes.add("Concat", self.samples(), nodes.shape(step.population.size), axis=0)
            return Term(nodes.add("Expand", 0, where), (0, 0), shape)
        total = parts[0]
        for place, part in enumerate(parts[1:]):
            low, high = total.range[0] + part.range[0], total.range[1] + part.range[1]
            total = writer.write("add", [total, part], Term(f"{result}.{place}", (low, high), shape))
        held = writer.write(declared.overflow.value, [total, known(declared.bits)],
                            Term(result, _held(total, declared.bits), shape))  # fmt: skip
        body.count_port(port, total, held)
        return held

    def _arrive(self, step: StepPlan, port: str, arrival: Arrival) -> Term:
        """Write one partial sum: exponents of at least 0 are in its weights."""
        total, shape = "", (SAMPLES, step.population.size)
        for synapses in arrival.synapses:
            total = self._sum(synapses, max(arrival.exponent, 0), total)
        if arrival.exponent >= 0:
            return Term(total, arrival.whole, shape)
        made = Term(f"arriving.{arrival.synapses[0].projection.name}", arrival.whole, shape)
        return self._writer(port).write(
            "shift_floor", [Term(total, arrival.range, shape), known(-arrival.exponent)], made
        )

    def _sum(self, synapses: Synapses, exponent: int, onto: str) -> str:
        """What a projection delivers, added to what others deliver ("" for nothing)."""
        projection = synapses.projection
        self.step.about(f"arriving.{projection.name}")
        messages = self.entering(f"state.{projection.source}.message_{projection.delay_steps}")
        if synapses.form == "paired":
            own = self.step.add("Mul", messages, self.store(f"weights.{projection.name}", synapses.weights, -exponent))
        else:
            matrix = projection.connection.matrix()
            if not isinstance(matrix, np.ndarray) and matrix.shape[0] * matrix.shape[1] <= DENSE_ENTRIES:
                matrix = matrix.toarray()
            if isinstance(matrix, np.ndarray):
                return self._dense_sum(projection.name, matrix, messages, exponent, onto)
            own = self._sparse_sum(projection.name, matrix.tocsr(), messages, exponent)
        return self.step.add("Add", onto, own) if onto else own

    def _dense_sum(self, projection: str, matrix: IntArray, messages: str, exponent: int, onto: str) -> str:
        """Sum over all synapses; the weights are stored as (source, target)."""
        weights = self.store(f"weights.{projection}", matrix.T, -exponent)
        own = self.step.add("MatMul", messages, weights)
        return self.step.add("Add", onto, own) if onto else own

    def _sparse_sum(self, projection: str, rows: scipy.sparse.csr_array, messages: str, exponent: int) -> str:
        """Sum over listed synapses: each row is the difference of two running sums, which integers make exact."""
        rows.sort_indices()
        # A synapse of weight 0 in front makes the running sum begin at 0: row i is total[end i] - total[end i-1].
        weights = self.store(f"weights.{projection}", np.concatenate([[0], rows.data]), -exponent)
        ends = np.asarray(rows.indptr, dtype=np.int64)
        nodes = self.step
        sources = self._index(f"sources.{projection}", np.concatenate([[0], rows.indices]))
        products = nodes.add("Mul", nodes.add("Gather", messages, sources, axis=1), weights)
        axis = nodes.constant("axis.1", np.array(1, dtype=np.int64))
        total = nodes.add("CumSum", products, axis, exclusive=0, reverse=0)
        upper = nodes.add("Gather", total, self._index(f"ends.{projection}", ends[1:]), axis=1)
        lower = nodes.add("Gather", total, self._index(f"starts.{projection}", ends[:-1]), axis=1)
        return nodes.add("Sub", upper, lower)

    def _index(self, name: str, values: IntArray) -> str:
        """Places, which are no numbers of the lanes."""
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=np.int64), name))
        return name


def products_with_sums(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The same nodes with a matrix product and the sum that alone takes it as one Gemm: a kernel less."""
    uses = Counter(name for node in nodes for name in node.input)
    products = {node.output[0]: node for node in nodes if node.op_type == "MatMul" and uses[node.output[0]] == 1}
    joined: dict[str, onnx.NodeProto] = {}
    for node in nodes:
        found = [name for name in node.input if name in products and name not in joined]
        if node.op_type == "Add" and found:
            product = products[found[0]]
            other = next(name for name in node.input if name != found[0])
            joined[found[0]] = node
            node.CopyFrom(helper.make_node("Gemm", [*product.input, other], list(node.output), name=node.name))
    return [node for node in nodes if not (node.op_type == "MatMul" and node.output[0] in joined)]


def _held(total: Term, bits: int) -> tuple[int, int]:
    low, high = limits(bits)
    inside = low <= total.range[0] and total.range[1] <= high
    return total.range if inside else (low, high)


def _own(population: str, label: str) -> str:
    """The name of what belongs to a population."""
    group, _, part = label.partition(".")
    return f"own.{population}.{part}" if group == "own" else f"known.{population}.{label}"
