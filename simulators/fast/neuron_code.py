"""One population's step as an LLVM function: loops over samples, blocks of neurons, steps and modes around a listing.

For each sample and each block of `LANES` neurons, the whole range of steps runs before the next block begins, so a
block's registers and coefficients stay in the nearest cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.fast.assembly import BYTES, LANES, Function, Name, splat, vector
from simulators.fast.lanes import PRIMITIVE_CODE, Lane, Table, narrowed, number, resize, splat_of
from simulators.fast.pairs import Operands, Pair, multiply_pair
from simulators.fast.phases import Phases, is_sum, runs_in
from simulators.fast.plan import Plan, Word
from simulators.traced.counts import Count
from simulators.traced.ranges import Range, fits, lane_width
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.tracing import Instruction, Operand, Symbol

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
SIZES = ("first_block", "last_block", "modes", "size")
FIELDS = ("address", "sample_stride", "step_stride")
"""What the table of arguments holds for each array, after the sizes; a table's second field is its last index."""

I32 = vector(32)
SENT = "sent"


def neuron_function(plan: Plan) -> Function:
    """A population's function.

    Raises:
        UnsupportedError: the step uses a primitive that has no vector form here.
    """
    return _NeuronCode(Function(PARAMETERS), plan, plan.order).write()


@dataclass
class _NeuronCode:
    code: Function
    plan: Plan
    order: Phases
    values: dict[str, Lane | Table] = field(default_factory=dict)
    addresses: dict[Word, Name] = field(default_factory=dict)
    counters: dict[str, Name] = field(default_factory=dict)
    kept: dict[str, Name] = field(default_factory=dict)
    sums: dict[str, Name] = field(default_factory=dict)
    later: dict[str, Name] = field(default_factory=dict)
    watched: set[Count] = field(default_factory=set)

    def write(self) -> Function:
        """The whole function."""
        code = self.code
        self.sizes = {size: code.word("%args", i) for i, size in enumerate(SIZES)}
        self.fields = {word: self._fields(i) for i, word in enumerate(self.plan.words)}
        self.tables = {f"own.{w.name}": self._table(w) for w in self.plan.words if w.role == "table"}
        self.arrays = [word for word in self.plan.words if word.role != "table"]
        self.replaced = {name for pair in self.plan.pairs.values() for name in pair.products}
        self._make_slots()
        with code.loop("sample", "%first", "%last") as sample:
            starts = {w: self._moved(w, self._pointer(w), sample, "sample_stride") for w in self.arrays}
            with code.loop("block", self.sizes["first_block"], self.sizes["last_block"]) as block:
                self._block(starts, block)
        return code

    def _fields(self, index: int) -> dict[str, Name]:
        start = len(SIZES) + len(FIELDS) * index
        return {name: self.code.word("%args", start + i) for i, name in enumerate(FIELDS)}

    def _pointer(self, word: Word) -> Name:
        return self.code.put(f"inttoptr i64 {self.fields[word]['address']} to ptr", "p")

    def _table(self, word: Word) -> Table:
        span = self.plan.bounds.of[f"own.{word.name}"]
        return Table(self._pointer(word), self.fields[word]["sample_stride"], word.bits, span)

    def _moved(self, word: Word, address: Name, index: Name, stride: str) -> Name:
        return self.code.at(address, self.code.times(index, self.fields[word][stride]))

    def _make_slots(self) -> None:
        """Room for counters, for sums over modes, and for modes' values that a later loop needs."""
        listing, order = self.plan.listing, self.order
        self.counters = {key: self.code.slot(I32, "count") for key in [SENT, *(c.value for c in self.plan.counts)]}
        own = [word for word in self.arrays if word.role == "state" and not word.modes]
        self.kept = {word.name: self.code.slot(vector(word.bits), "kept") for word in own}
        self.sums = {i.result: self._slot(i.result, "sum") for i in listing.instructions if is_sum(i, order)}
        needed = [(o, runs_in(i, order)) for i in listing.instructions for o in i.operands]
        needed += [(listing.registers[register], loop) for register, loop in order.stores.items()]
        results = {i.result for i in listing.instructions if i.result in order.in_modes}
        late = {str(operand) for operand, loop in needed if order.at(operand) < loop}
        self.later = {name: self._slot(name, "later", self.sizes["modes"]) for name in sorted(late & results)}

    def _slot(self, name: str, hint: str, count: Name = "") -> Name:
        return self.code.slot(vector(lane_width(self.plan.bounds.of[name])), hint, count)

    def _block(self, starts: dict[Word, Name], block: Name) -> None:
        """All steps of `LANES` neurons."""
        code = self.code
        for slot in self.counters.values():
            code.store(I32, "zeroinitializer", slot, 64)
        self._valid(block)
        inside = {word: self._block_address(word, address, block) for word, address in starts.items()}
        fixed = self._take_up(inside)
        with code.loop("step", "%from", "%to") as step:
            self.addresses = {w: self._moved(w, address, step, "step_stride") for w, address in inside.items()}
            self._step(fixed)
        self._flush(inside)

    def _take_up(self, inside: dict[Word, Name]) -> dict[str, Lane | Table]:
        """Neurons' own registers into slots, where all steps find them; the neurons' coefficients as values."""
        self.values, self.addresses = dict(self.tables), inside
        for word in self.arrays:
            if word.role == "own" and not word.modes:
                self._read(word, f"own.{word.name}")
            if word.role == "state" and not word.modes:
                kind = vector(word.bits)
                self.code.store(kind, self.code.load(kind, inside[word], BYTES[word.bits]), self.kept[word.name], 64)
        return self.values

    def _block_address(self, word: Word, address: Name, block: Name) -> Name:
        if word.role == "counts":
            return address
        unit = self.code.times(block, LANES * BYTES[word.bits])
        return self.code.at(address, self.code.times(unit, self.sizes["modes"]) if word.modes else unit)

    def _valid(self, block: Name) -> None:
        """Which lanes of the block are neurons, as a mask of all bits."""
        code = self.code
        past = code.put(f"sub i64 {self.sizes['size']}, {code.times(block, LANES)}")
        count = splat_of(code, code.put(f"trunc i64 {past} to i32"), 32)
        lanes = f"<{', '.join(f'i32 {lane}' for lane in range(LANES))}>"
        self.valid = code.put(f"icmp slt {I32} {lanes}, {count}", "valid")
        self.mask = code.put(f"sext {vector(1)} {self.valid} to {I32}", "mask")

    def _step(self, fixed: dict[str, Lane | Table]) -> None:
        self.values = dict(fixed)
        self._ports()
        for word in self.arrays:
            if word.name in self.kept and word.role == "state":
                self._read(word, f"state.{word.name}")
        for phase in range(self.order.count):
            self._phase(phase)
            self._modes(phase)
        self._finish()

    def _ports(self) -> None:
        """What arrives, by each port's own rule."""
        for port in self.plan.population.type.ports:
            name, raw_range = f"port.{port.name}", self.plan.ports[port.name]
            raw = self._read(self.plan.word("port", port.name), name, raw_range)
            if not fits(raw_range, port.bits):
                rule = PRIMITIVE_CODE[port.overflow.value]
                self.values[name] = held = rule(self.code, limits(port.bits), raw, number(port.bits))
                for count in self.plan.counts:
                    if count.value == name:
                        self._count(count, raw, held)

    def _read(self, word: Word, name: str, span: Range | None = None, mode: Name = "") -> Lane:
        """Load a vector as the value `name`."""
        span = span or self.plan.bounds.of[name]
        stored = Lane(self.code.load(vector(word.bits), self._place(word, mode), BYTES[word.bits]), word.bits, span)
        lane = Lane(resize(self.code, stored, max(32, word.bits)), max(32, word.bits), span)
        self.values[name] = lane = narrowed(self.code, lane.name, lane.bits, span)
        return lane

    def _place(self, word: Word, mode: Name) -> Name:
        if word.role == "state" and not word.modes:
            return self.kept[word.name]
        address = self.addresses[word]
        return self.code.at(address, self.code.times(mode, LANES * BYTES[word.bits])) if mode else address

    def _phase(self, phase: int) -> None:
        """What a neuron has one of, in one phase."""
        for instruction in self.plan.listing.instructions:
            name = instruction.result
            if self.order.ready[name] != phase or name in self.order.in_modes:
                continue
            if name in self.sums:
                bits = lane_width(self.plan.bounds.of[name])
                total = self.code.load(vector(bits), self.sums[name], 64)
                self.values[name] = Lane(total, bits, self.plan.bounds.of[name])
            else:
                self._instruction(instruction, "")

    def _modes(self, loop: int) -> None:
        """What differs between modes, in one loop over them."""
        listing, order = self.plan.listing, self.order
        inside = [i for i in listing.instructions if i.result in order.in_modes and order.ready[i.result] == loop]
        sums = [i for i in listing.instructions if i.result in self.sums and runs_in(i, order) == loop]
        stored = [register for register, at in order.stores.items() if at == loop]
        if not inside and not sums and not stored:
            return
        for instruction in sums:
            kind = vector(lane_width(self.plan.bounds.of[instruction.result]))
            self.code.store(kind, "zeroinitializer", self.sums[instruction.result], 64)
        outside = dict(self.values)
        with self.code.loop("mode", 0, self.sizes["modes"]) as mode:
            for instruction in inside:
                self._instruction(instruction, mode)
            for instruction in sums:
                self._add_up(instruction, mode)
            for register in stored:
                self._store(register, mode)
        self.values = outside

    def _add_up(self, instruction: Instruction, mode: Name) -> None:
        bits = lane_width(self.plan.bounds.of[instruction.result])
        kind, slot = vector(bits), self.sums[instruction.result]
        value = resize(self.code, self._operand(instruction.operands[0], mode), bits)
        total = self.code.load(kind, slot, 64)
        self.code.store(kind, self.code.put(f"add {kind} {total}, {value}"), slot, 64)

    def _instruction(self, instruction: Instruction, mode: Name) -> None:
        if instruction.result in self.replaced:
            return
        if instruction.result in self.plan.pairs:
            self._pair(self.plan.pairs[instruction.result], mode)
            return
        operands = [self._operand(operand, mode) for operand in instruction.operands]
        if instruction.primitive in ("each_mode", "sum_modes"):
            # A neuron's value is the same in all its modes; numpy's sum over that one value is the value.
            self.values[instruction.result] = operands[0]
            return
        if instruction.primitive not in PRIMITIVE_CODE:
            what = f"primitive {instruction.primitive!r} has no vector form"
            raise UnsupportedError(self.plan.population.name, what, "use the reference simulator")
        held = self._held(instruction, operands)
        self.values[instruction.result] = held
        if instruction.result in self.later:
            self._to_memory(held, lane_width(held.range), self._later(instruction.result, mode))
        if instruction.register and instruction.register not in self.plan.listing.registers:
            self._probe(instruction.register, held, mode)

    def _held(self, instruction: Instruction, operands: list[Any]) -> Lane:
        """The result of an instruction, with what did not fit taken down."""
        result = self.plan.bounds.of[instruction.result]
        count = next((count for count in self.plan.counts if count.value == instruction.result), None)
        if count and self.plan.strict and count.rule == Overflow.SATURATE and operands[0].bits == 32:
            # What does not fit ends the run, so nothing has to be brought into range.
            self._watch(count, operands[0])
            return Lane(operands[0].name, 32, result)
        held = PRIMITIVE_CODE[instruction.primitive](self.code, result, *operands)
        if count:
            self._count(count, operands[0], held)
        return held

    def _watch(self, count: Count, value: Lane) -> None:
        """Keep the value farthest up when counted from the least that fits, without a sign."""
        code, slot = self.code, self.counters[count.value]
        raised = code.put(f"add {I32} {value.name}, {splat(limits(count.bits)[1])}")
        highest = code.call(I32, "llvm.umax.v16i32", (I32, code.load(I32, slot, 64)), (I32, raised))
        code.store(I32, highest, slot, 64)
        self.watched.add(count)

    def _pair(self, pair: Pair, mode: Name) -> None:
        coefficients = [self._coefficients(name, mode) for name in (pair.plain, pair.signed)]
        values = [self._operand(half.wide, mode).name for half in (pair.low, pair.high)]
        held = multiply_pair(self.code, pair, Operands(*coefficients, *values), self.plan.bounds.of[pair.result])
        self.values[pair.result] = held
        if pair.result in self.later:
            self._to_memory(held, 32, self._later(pair.result, mode))

    def _coefficients(self, pair: str, mode: Name) -> Name:
        """The vector of a pair of coefficients."""
        name = f"pair.{pair}"
        if name not in self.values:
            self._read(self.plan.word("pair", pair), name, limits(32), mode)
        return str(self._operand(Symbol(name, self.plan.listing), mode).name)

    def _later(self, name: str, mode: Name) -> Name:
        unit = LANES * BYTES[lane_width(self.plan.bounds.of[name])]
        return self.code.at(self.later[name], self.code.times(mode, unit))

    def _operand(self, operand: Operand, mode: Name) -> Any:
        if not isinstance(operand, Symbol):
            return number(operand)
        if operand.name not in self.values:
            self._fetch(operand.name, mode)
        return self.values[operand.name]

    def _fetch(self, name: str, mode: Name) -> None:
        """A mode's coefficient, its register, or a value that an earlier loop left."""
        if name in self.later:
            span = self.plan.bounds.of[name]
            loaded = self.code.load(vector(lane_width(span)), self._later(name, mode), 8)
            self.values[name] = Lane(loaded, lane_width(span), span)
        else:
            role, _, word = name.partition(".")
            self._read(self.plan.word(role, word), name, mode=mode)

    def _count(self, count: Count, value: Lane, held: Lane) -> None:
        """Take down which lanes did not fit."""
        code, bits = self.code, max(value.bits, held.bits)
        if count.rule == Overflow.TRAP:
            changed = self._outside(value, count.bits)
        else:
            names = resize(code, value, bits), resize(code, held, bits)
            changed = code.put(f"icmp ne {vector(bits)} {names[0]}, {names[1]}")
        self._add_flags(self.counters[count.value], changed)

    def _outside(self, value: Lane, bits: int) -> Name:
        low, high = limits(bits)
        kind, name = vector(value.bits), value.name
        under = self.code.put(f"icmp slt {kind} {name}, {splat(low, value.bits)}")
        over = self.code.put(f"icmp sgt {kind} {name}, {splat(high, value.bits)}")
        return self.code.put(f"or {vector(1)} {under}, {over}")

    def _add_flags(self, slot: Name, flags: Name) -> None:
        ones = self.code.put(f"zext {vector(1)} {flags} to {I32}")
        self.code.store(I32, self.code.put(f"add {I32} {self.code.load(I32, slot, 64)}, {ones}"), slot, 64)

    def _store(self, register: str, mode: Name) -> None:
        """A stored register after the step."""
        value = self._operand(self.plan.listing.registers[register], mode)
        word = self.plan.word("state", register)
        self._to_memory(value, word.bits, self._place(word, mode))
        self._probe(register, value, mode)

    def _probe(self, register: str, value: Lane, mode: Name) -> None:
        for word in self.arrays:
            if (word.role, word.name) == ("probe", register):
                self._to_memory(value, word.bits, self._place(word, mode))

    def _to_memory(self, value: Lane, bits: int, address: Name) -> None:
        name = resize(self.code, value, max(bits, 32))
        if bits == 8:
            name = self.code.put(f"trunc {I32} {name} to {vector(8)}")
        self.code.store(vector(bits), name, address, BYTES[bits])

    def _finish(self) -> None:
        """Neurons' registers and the message, once everything that reads the old ones is done."""
        for word in self.arrays:
            if word.role == "state" and not word.modes:
                self._store(word.name, "")
        message = self._operand(self.plan.listing.message, "")
        if message.constant == 0:
            return
        bits = max(message.bits, 32)
        name = resize(self.code, message, bits)
        seen = self.code.put(f"select {vector(1)} {self.valid}, {vector(bits)} {name}, {vector(bits)} zeroinitializer")
        word = self.plan.word("message")
        self._to_memory(Lane(seen, bits, self.plan.message), word.bits, self._place(word, ""))
        self._add_flags(self.counters[SENT], self.code.put(f"icmp ne {vector(bits)} {seen}, zeroinitializer"))

    def _flush(self, inside: dict[Word, Name]) -> None:
        """Put the neurons' registers back, and add what the block counted to the totals."""
        code, wide = self.code, vector(64)
        for word in self.arrays:
            if word.role == "state" and not word.modes:
                kind = vector(word.bits)
                code.store(kind, code.load(kind, self.kept[word.name], 64), inside[word], BYTES[word.bits])
        sent = code.put(f"sext {I32} {code.load(I32, self.counters[SENT], 64)} to {wide}")
        total = inside[self.plan.word("sent")]
        code.store(wide, code.put(f"add {wide} {code.load(wide, total, 8)}, {sent}"), total, 8)
        for index, count in enumerate(self.plan.counts):
            counted = code.load(I32, self.counters[count.value], 64)
            if count in self.watched:
                highest = splat(2 * limits(count.bits)[1])
                counted = code.put(f"zext {vector(1)} {code.put(f'icmp ugt {I32} {counted}, {highest}')} to {I32}")
            seen = code.put(f"and {I32} {counted}, {self.mask}")
            new = code.put(f"sext i32 {code.call('i32', 'llvm.vector.reduce.add.v16i32', (I32, seen))} to i64")
            place = code.at(inside[self.plan.word("counts")], str(8 * index))
            code.store("i64", code.put(f"add i64 {code.load('i64', place, 8)}, {new}"), place, 8)
