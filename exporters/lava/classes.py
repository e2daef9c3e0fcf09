"""Processes and process models of Lava, written from the traced step of each population.

A model is the listing of its neuron type, one line an instruction, under the names that the listing uses:
`own.a_re` becomes `own_a_re`, `state.voltage` becomes `state_voltage`.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow
from toolchain.ir.neurons import NeuronType
from toolchain.ir.program import Population, Program
from toolchain.ir.timestep import all_registers, stored_registers
from toolchain.ir.tracing import Instruction, Listing, Operand, trace_step

STOCK_LIF = "cuba_lif"
"""The neuron type that is Lava's own LIF, the only type known by name here."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A process class: what populations with the same listing share.

    Attributes:
        name: of the class.
        neuron: the neuron type.
        example: one of the populations, for the registers that it stores.
        listing: the step.
        populations: names of all of them.
    """

    name: str
    neuron: NeuronType
    example: Population
    listing: Listing
    populations: tuple[str, ...]

    @property
    def stored(self) -> dict[str, str]:
        """Stored register -> "neuron" or "mode"."""
        return {register.name: register.per for register in stored_registers(self.example)}

    @property
    def model_registers(self) -> tuple[str, ...]:
        """Registers that hold one word a mode."""
        return tuple(register.name for register in all_registers(self.example) if register.per == "mode")


def kinds_of(program: Program) -> list[Kind]:
    """One kind for each different listing, in the order of the populations."""
    groups: dict[tuple[str, str], list[Population]] = {}
    listings: dict[tuple[str, str], Listing] = {}
    for population in program.populations:
        listing = trace_step(population)
        key = (population.neuron, str(listing))
        groups.setdefault(key, []).append(population)
        listings[key] = listing
    kinds: list[Kind] = []
    for key, members in groups.items():
        name = _class_name(key[0], [kind.name for kind in kinds])
        kinds.append(Kind(name, members[0].type, members[0], listings[key], tuple(p.name for p in members)))
    return kinds


def _class_name(neuron: str, taken: Sequence[str]) -> str:
    """CamelCase, with a number where the name is taken."""
    plain = "".join(word.capitalize() for word in neuron.split("_"))
    candidates = (f"{plain}{number}" if number else plain for number in (0, *range(2, len(taken) + 3)))
    return next(name for name in candidates if name not in taken)


def integer_source(kinds: Iterable[Kind]) -> str:
    """The module of the primitives that the kinds use, and of those that these use.

    Raises:
        UnsupportedError: a neuron type uses a primitive that has no text here.
    """
    text = files("exporters.lava").joinpath("integer.py.txt").read_text(encoding="utf-8")
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    wanted: set[str] = set()
    for kind in kinds:
        for primitive in _primitives(kind):
            _require(primitive, kind, functions, wanted)
    head = text[: text.index("\n\n\ndef ")]
    chosen = (ast.get_source_segment(text, node) for name, node in functions.items() if name in wanted)
    return "\n\n\n".join([head, *map(str, chosen)]) + "\n"


def _primitives(kind: Kind) -> list[str]:
    rules = [port.overflow.value for port in kind.neuron.ports]
    return [instruction.primitive for instruction in kind.listing.instructions] + rules


def _require(name: str, kind: Kind, functions: dict[str, ast.FunctionDef], wanted: set[str]) -> None:
    """Add a function and what it calls."""
    if name not in functions:
        raise UnsupportedError(
            ", ".join(kind.populations),
            f"{kind.neuron.name} uses the primitive {name!r}, which the Lava exporter cannot write",
            f"add {name} to exporters/lava/integer.py.txt",
        )
    if name in wanted:
        return
    wanted.add(name)
    for node in ast.walk(functions[name]):
        if isinstance(node, ast.Name) and node.id in functions:
            _require(node.id, kind, functions, wanted)


def processes_source(kinds: Iterable[Kind], watched: frozenset[str]) -> str:
    """The module of process classes; `watched` names the kinds that also get a watch for stock LIFs."""
    head = '"""The populations as Lava processes."""\n\nfrom network.neurons import Neurons, Watch'
    parts = [head if watched else head.removesuffix(", Watch")]
    for kind in kinds:
        parts.append("\n".join(_process(kind)))
        if kind.name in watched:
            parts.append("\n".join(_watch_process(kind)))
    return "\n\n\n".join(parts) + "\n"


def _process(kind: Kind) -> Iterator[str]:
    yield f"class {kind.name}(Neurons):"
    yield from _documented(f"{kind.neuron.name}: {kind.neuron.summary}.")
    yield ""
    yield f"    PORTS = {_names(port.name for port in kind.neuron.ports)}"
    yield f"    OWN = {_names(coefficient.name for coefficient in kind.neuron.coefficients)}"
    yield "    STATE = {" + ", ".join(f'"{name}": "{per}"' for name, per in kind.stored.items()) + "}"


def _documented(text: str) -> Iterator[str]:
    """A docstring, in lines of at most 120 characters."""
    first, *more = textwrap.wrap(text, 110)
    if not more:
        yield f'    """{first}"""'
        return
    yield f'    """{first}'
    yield from (f"    {line}" for line in more)
    yield '    """'


def _watch_process(kind: Kind) -> Iterator[str]:
    yield f"class {kind.name}Watch(Watch, {kind.name}):"
    yield '    """Stands beside a LIF of Lava and checks and records it."""'


MODELS_HEAD = '''"""What the populations do in a step: one line an instruction, under the names of the program."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import {ports}
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from network import processes
from network.integer import {primitives}
from network.neurons import NeuronModel{watch}'''


def models_source(kinds: Sequence[Kind], watched: frozenset[str]) -> str:
    """The module of process models."""
    primitives = sorted({name for kind in kinds for name in _primitives(kind)})
    ports = "PyInPort, PyOutPort, PyRefPort" if watched else "PyInPort, PyOutPort"
    named = ", ".join(primitives)
    if len(named) > 80:
        named = "(\n    " + ",\n    ".join(primitives) + ",\n)"
    parts = [MODELS_HEAD.format(ports=ports, primitives=named, watch=", WatchModel" if watched else "")]
    for kind in kinds:
        parts.append("\n".join(_model(kind)))
        if kind.name in watched:
            parts.append("\n".join(_watch_model(kind)))
    return "\n\n\n".join(parts) + "\n"


def _decorated(name: str, bases: str, doc: str) -> Iterator[str]:
    yield f"@implements(proc=processes.{name}, protocol=LoihiProtocol)"
    yield "@requires(CPU)"
    yield '@tag("bit_accurate_loihi", "fixed_pt")'
    yield f"class Py{name}({bases}):"
    yield f'    """{doc}"""'
    yield ""


def _model(kind: Kind) -> Iterator[str]:
    ports = [port.name for port in kind.neuron.ports]
    yield from _decorated(kind.name, "NeuronModel", f"{kind.neuron.name} of {', '.join(kind.populations)}."[:110])
    for name in ("tie", *(f"in_{port}" for port in ports)):
        yield f"    {name}: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)"
    yield "    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)"
    names = [f"own_{c.name}" for c in kind.neuron.coefficients] + [f"state_{name}" for name in kind.stored]
    for name in names:
        yield f"    {name}: np.ndarray = LavaPyType(np.ndarray, np.int64)"
    yield f"    MODES = {_names(kind.model_registers)}"
    yield ""
    yield "    def receive(self):"
    sums = (f'"port_{p.name}": self.arrived("{p.name}", {p.overflow}, {p.bits})' for p in kind.neuron.ports)
    yield f"        return {{{', '.join(sums)}}}"
    yield ""
    yield f"    def step({', '.join(['self', *(f'port_{port}' for port in ports)])}):"
    yield from (f"        {line}" for line in _step_lines(kind))


def _step_lines(kind: Kind) -> Iterator[str]:
    listing = kind.listing
    used = {str(operand) for instruction in listing.instructions for operand in instruction.operands}
    used |= {str(value) for value in (*listing.registers.values(), listing.message)}
    for coefficient in kind.neuron.coefficients:
        if f"own.{coefficient.name}" in used:
            yield f"own_{coefficient.name} = self.own_{coefficient.name}"
    for name in kind.stored:
        if f"state.{name}" in used:
            yield f"state_{name} = self.state_{name}.copy()"
    yield from map(_line, listing.instructions)
    for register, value in listing.registers.items():
        yield f'self.store("{register}", {_spelled(value)})'
    yield f"return {_spelled(listing.message)}"


def _line(instruction: Instruction) -> str:
    operands = [_spelled(operand) for operand in instruction.operands]
    if instruction.register:
        rule = Overflow(instruction.primitive)
        return f'{instruction.result} = self.keep("{instruction.register}", {rule}, {", ".join(operands)})'
    return f"{instruction.result} = {instruction.primitive}({', '.join(operands)})"


def _spelled(operand: Operand) -> str:
    return str(operand).replace(".", "_")


def _watch_model(kind: Kind) -> Iterator[str]:
    yield from _decorated(f"{kind.name}Watch", f"WatchModel, Py{kind.name}", "Checks and records a LIF of Lava.")
    yield "    implements_process = None"
    yield "    out = None"
    yield "    in_spikes: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)"
    for register in ("current", "voltage"):
        yield f"    ref_{register}: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int64)"


def _names(names: Iterable[str]) -> str:
    """A tuple of strings as Python text."""
    quoted = [f'"{name}"' for name in names]
    return "(" + ", ".join(quoted) + ("," if len(quoted) == 1 else "") + ")"
