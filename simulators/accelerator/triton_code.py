"""One population's step as the text of a Triton kernel.

A lane is one neuron of one sample; a program of the kernel has `block` lanes and all their modes, and runs a whole
block of steps with registers and coefficients held. Sums at ports and messages are (step, lane), registers
(lane[, mode]).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.accelerator.lanes import COLUMN, MODE, NEURON, NUMBER, TRITON, Lane, number, resized
from simulators.accelerator.plan import Plan
from toolchain.bounds.counts import Count
from toolchain.bounds.ranges import fits, lane_width
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import PRIMITIVES, Overflow, limits
from toolchain.ir.timestep import stored_registers
from toolchain.ir.tracing import Instruction, Operand, Symbol

MODE_LANES = 1024
"""Modes of all lanes of a program; 8 a thread, so that registers and coefficients stay in the thread's registers."""

PLAIN_LANES = 128
"""Lanes of a program whose neurons have no modes."""

KERNEL = "advance"
HEADER = '''"""Written by simulators/accelerator/triton_code.py; a changed file is written anew."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize={names}, do_not_specialize_on_alignment={names})
def {kernel}({parameters}):
'''


@dataclass(frozen=True)
class Word:
    """A tensor that the kernel is given.

    Attributes:
        role: ``port``, ``own``, ``table``, ``state``, ``message``, ``probe`` or ``counts``.
        name: of the port, coefficient or register.
        modes: whether it has one number a mode.
    """

    role: str
    name: str = ""
    modes: bool = False

    @property
    def at(self) -> str:
        """Its parameter."""
        return f"{self.role}_{self.name}_at" if self.name else f"{self.role}_at"


SIZES = ("steps", "lanes", "size", "programs")


@dataclass(frozen=True)
class Kernel:
    """A kernel as text.

    Attributes:
        text: of the module that defines it as `KERNEL`.
        words: its tensors, in the order of its parameters; the numbers of `SIZES` follow them.
        block: lanes of a program.
    """

    text: str
    words: tuple[Word, ...]
    block: int


def power_above(count: int) -> int:
    """The least power of two that is not below `count`, and at least 1."""
    return int(2 ** max(0, count - 1).bit_length())


def kernel_of(plan: Plan) -> Kernel:
    """The kernel of a population.

    Raises:
        UnsupportedError: the step uses a primitive that has no form here.
    """
    return _Code(plan).write()


@dataclass
class _Code:
    plan: Plan
    lines: list[str] = field(default_factory=list)
    values: dict[str, Lane] = field(default_factory=dict)

    def __post_init__(self) -> None:
        population = self.plan.population
        self.padded = power_above(population.modes) if population.modes else 0
        self.block = max(1, int(MODE_LANES / self.padded)) if self.padded else PLAIN_LANES
        self.words = tuple(self._words())
        self.counters = {count.value: (place, count) for place, count in enumerate(self.plan.counts)}

    def _words(self) -> list[Word]:
        population, plan = self.plan.population, self.plan
        words = [Word("port", port.name) for port in population.type.ports]
        for coefficient in population.type.coefficients:
            role = "table" if coefficient.per == "population" else "own"
            words.append(Word(role, coefficient.name, coefficient.per == "mode"))
        words += [Word("state", r.name, r.per == "mode") for r in stored_registers(population)]
        words += [Word("message")] if plan.listing.message != 0 else []
        words += [Word("probe", r.name, r.per == "mode") for r in plan.probed]
        return words + ([Word("counts")] if plan.counts else [])

    def write(self) -> Kernel:
        """The whole module."""
        names = [*(word.at for word in self.words), *SIZES]
        self._begin()
        self._line(1, "for _ in range(steps):")
        self._step()
        self._end()
        head = HEADER.format(names=names, kernel=KERNEL, parameters=", ".join(names))
        return Kernel(head + "\n".join(self.lines) + "\n", self.words, self.block)

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # ------------------------------------------------------------------------------------------ around the steps

    def _begin(self) -> None:
        """Where the lanes are, and everything that they hold from step to step."""
        self._line(1, f"lane = tl.program_id(0).to(tl.int64) * {self.block} + tl.arange(0, {self.block})")
        self._line(1, "inside = lane < lanes")
        self._line(1, "neuron = lane % size")
        if self.padded:
            modes = self.plan.population.modes
            self._line(1, f"mode = tl.arange(0, {self.padded})[None, :]")
            self._line(1, f"inside_modes = inside[:, None] & (mode < {modes})")
        for word in self.words:
            if word.role in ("own", "state"):
                self._line(
                    1, f"{word.role}_{word.name} = {self._load(word, 'neuron' if word.role == 'own' else 'lane')}"
                )
        for place, count in self.counters.values():
            shape = f"({self.block}, {self.padded})" if self._counts_modes(count) else f"({self.block},)"
            self._line(1, f"count_{place} = tl.zeros({shape}, tl.int32)")
        self._line(1, "at = lane")

    def _load(self, word: Word, index: str) -> str:
        inside = "inside_modes" if word.modes else "inside"
        return f"tl.load({word.at} + {self._place(word, index)}, mask={inside}, other=0)"

    def _store(self, depth: int, word: Word, index: str, value: str) -> None:
        inside = "inside_modes" if word.modes else "inside"
        self._line(depth, f"tl.store({word.at} + {self._place(word, index)}, {value}, mask={inside})")

    def _place(self, word: Word, index: str) -> str:
        return f"{index}[:, None] * {self.plan.population.modes} + mode" if word.modes else index

    def _counts_modes(self, count: Count) -> bool:
        registers = self.plan.population.type.registers
        return any(register.name == count.register and register.per == "mode" for register in registers)

    def _end(self) -> None:
        for word in self.words:
            if word.role == "state":
                self._store(1, word, "lane", f"state_{word.name}")
        for place, count in self.counters.values():
            total = f"tl.sum(count_{place}.to(tl.int64), axis=0)"
            if self._counts_modes(count):
                total = f"tl.sum(tl.sum(count_{place}.to(tl.int64), axis=1), axis=0)"
            self._line(1, f"tl.store(counts_at + {place} * programs + tl.program_id(0), {total})")

    # --------------------------------------------------------------------------------------------------- one step

    def _step(self) -> None:
        for word in self.words:
            if word.role in ("own", "state"):
                name = f"{word.role}.{word.name}"
                bits = lane_width(self.plan.bounds.of[name])
                shape = MODE if word.modes else NEURON
                self.values[name] = Lane(f"{word.role}_{word.name}", bits, self.plan.bounds.of[name], shape)
        for port in self.plan.population.type.ports:
            self._arrive(port.name, port.bits, port.overflow)
        for index, instruction in enumerate(self.plan.listing.instructions):
            self._instruction(instruction, f"v{index}_{instruction.result}")
        self._leave()
        self._line(2, "at = at + lanes")

    def _arrive(self, port: str, bits: int, rule: Overflow) -> None:
        """What arrives, by the port's own rule."""
        name, span = f"port.{port}", self.plan.ports[port]
        raw = Lane(f"port_{port}", lane_width(span), span, NEURON)
        self._line(2, f"{raw.text} = {self._load(Word('port', port), 'at')}")
        held = raw
        if not fits(span, bits):
            held = self._named(f"held_{port}", TRITON[rule.value](limits(bits), raw, number(bits)))
        if name in self.counters:
            self._count(name, raw, held)
        self.values[name] = held

    def _instruction(self, instruction: Instruction, name: str) -> None:
        operands = instruction.operands
        table = next(
            (word for word in self.words if str(operands[0]) == f"own.{word.name}" and word.role == "table"), None
        )
        if instruction.primitive == "lookup" and table is not None:
            held = self._lookup(instruction, table)
        else:
            held = self._written(instruction, [self._operand(operand) for operand in operands])
        held = self._named(name, held)
        if instruction.result in self.counters:
            self._count(instruction.result, self._operand(operands[0]), held)
        self.values[instruction.result] = held
        register = instruction.register
        if register and register not in self.plan.listing.registers:
            self._probe(register, held)

    def _written(self, instruction: Instruction, operands: list[Lane]) -> Lane:
        name, result = instruction.primitive, self.plan.bounds.of[instruction.result]
        numbers = [operand.number for operand in operands]
        if None not in numbers and name in TRITON and name not in ("each_mode", "trap"):
            return number(int(PRIMITIVES[name](*numbers)))
        if name == "sum_modes":
            return self._sum(result, operands[0])
        if name not in TRITON:
            what = f"primitive {name!r} has no Triton form"
            raise UnsupportedError(self.plan.population.name, what, "use the reference simulator")
        return TRITON[name](result, *operands)

    def _sum(self, result: tuple[int, int], value: Lane) -> Lane:
        """Over the modes; those beyond the last hold what no neuron has."""
        bits = lane_width(result)
        if value.shape in (NUMBER, NEURON):
            return value
        text = resized(value, bits)
        if value.shape == MODE and self.padded != self.plan.population.modes:
            text = f"tl.where(inside_modes, {text}, 0)"
        return Lane(f"tl.sum({text}, axis=1)", bits, result, NEURON)

    def _lookup(self, instruction: Instruction, table: Word) -> Lane:
        index, result = self._operand(instruction.operands[1]), self.plan.bounds.of[instruction.result]
        last = self.plan.population.values()[table.name].shape[0] - 1
        place = f"tl.minimum(tl.maximum({resized(index, 64)}, 0), {last})"
        return Lane(f"tl.load({table.at} + {place})", lane_width(result), result, index.shape)

    def _named(self, name: str, value: Lane) -> Lane:
        if value.shape == NUMBER:
            return value
        self._line(2, f"{name} = {value.text}")
        return Lane(name, value.bits, value.range, value.shape)

    def _operand(self, operand: Operand) -> Lane:
        return self.values[operand.name] if isinstance(operand, Symbol) else number(operand)

    def _count(self, name: str, value: Lane, held: Lane) -> None:
        """Take down which lanes did not fit."""
        place, count = self.counters[name]
        inside = "inside_modes" if self._counts_modes(count) else "inside"
        self._line(2, f"count_{place} += ({inside} & {self._changed(count, value, held)}).to(tl.int32)")

    def _changed(self, count: Count, value: Lane, held: Lane) -> str:
        if count.rule == Overflow.TRAP:
            (low, high), bits = limits(count.bits), max(32, value.bits)
            ends = [resized(number(end), bits) for end in (low, high)]
            return f"(({resized(value, bits)} < {ends[0]}) | ({resized(value, bits)} > {ends[1]}))"
        if value.number is not None and held.number is not None:
            return f"tl.full([], {int(value.number != held.number)}, tl.int1)"
        bits = max(32, value.bits, held.bits)
        return f"({resized(value, bits)} != {resized(held, bits)})"

    # -------------------------------------------------------------------------------------------- after the step

    def _probe(self, register: str, value: Lane) -> None:
        for word in self.words:
            if (word.role, word.name) == ("probe", register):
                self._store(2, word, "at", self._shaped(value, self.plan.probe_bits(register), word.modes))

    def _leave(self) -> None:
        """The message and the registers, once everything that reads the old ones is done."""
        message = self._operand(self.plan.listing.message)
        if Word("message") in self.words:
            self._store(2, Word("message"), "at", self._shaped(message, self.plan.message_bits, False))
        after = {}
        for word in self.words:
            if word.role == "state":
                value = self._operand(self.plan.listing.registers[word.name])
                self._probe(word.name, value)
                after[word.name] = self._shaped(value, self.plan.state_bits(word.name), word.modes)
        for name, text in after.items():
            self._line(2, f"next_{name} = {text}")
        for name in after:
            self._line(2, f"state_{name} = next_{name}")

    def _shaped(self, value: Lane, bits: int, modes: bool) -> str:
        """The value in so many bits, one for each lane or for each of its modes."""
        shape = f"({self.block}, {self.padded})" if modes else f"({self.block},)"
        if value.number is not None:
            return f"tl.full({shape}, {value.number}, tl.int{bits})"
        text = resized(value, bits)
        return f"tl.broadcast_to({text}, {shape})" if modes and value.shape == COLUMN else text
