"""One population's step as an LLVM function: loops over samples, blocks of neurons, steps and modes around a listing.

For each sample and each block of `LANES` neurons, the whole range of steps runs before the next block begins, so a
block's registers and coefficients stay in the nearest cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.fast.arrays_code import PARAMETERS, Arrays
from simulators.fast.assembly import BYTES, LANES, Function, Name, vector
from simulators.fast.counting_code import Counters
from simulators.fast.lanes import PRIMITIVE_CODE, Emit, Lane, Table, narrowed, number, resize, splat_of
from simulators.fast.layout import BLOCKS_OF_TILE
from simulators.fast.pairs import Pair, Parts, join, multiply_pair, split
from simulators.fast.plan import Plan, Word
from simulators.fast.twins import Twins
from toolchain.bounds.counts import Count
from toolchain.bounds.ranges import Range, fits, lane_width
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.phases import Phases, is_sum, runs_in
from toolchain.ir.tracing import Instruction, Operand, Symbol

I32 = vector(32)

ABREAST = BLOCKS_OF_TILE
"""Blocks of neurons without modes whose steps run side by side: alone, each waits for its own step before."""


def neuron_function(plan: Plan) -> Function:
    """A population's function.

    Raises:
        UnsupportedError: the step uses a primitive that has no vector form here.
    """
    return _NeuronCode(Function(PARAMETERS), plan, plan.order).write()


@dataclass
class _Block:
    """What the code of one of the blocks that run abreast has of its own.

    Attributes:
        counters, kept: room on the stack, for what is counted and for the neurons' registers.
        inside: where the block's part of each array begins.
        fixed: values that are the same in all steps.
        valid, mask: which lanes are neurons, as flags and as a mask of all bits.
    """

    counters: Counters
    kept: dict[str, Name]
    inside: dict[Word, Name] = field(default_factory=dict)
    fixed: dict[str, Lane | Table] = field(default_factory=dict)
    valid: Name = ""
    mask: Name = ""


@dataclass
class _NeuronCode:
    code: Function
    plan: Plan
    order: Phases
    abreast: list[_Block] = field(default_factory=list)
    values: dict[str, Lane | Table] = field(default_factory=dict)
    parts: dict[tuple[str, str], Parts] = field(default_factory=dict)
    addresses: dict[Word, Name] = field(default_factory=dict)
    sums: dict[str, Name] = field(default_factory=dict)
    later: dict[str, Name] = field(default_factory=dict)

    def write(self) -> Function:
        """The whole function."""
        code = self.code
        self.arrays = Arrays(code, self.plan)
        self.sizes, self.words = self.arrays.sizes, self.arrays.words
        self.replaced = {name for pair in self.plan.pairs.values() for name in pair.products}
        self._make_slots()
        with code.loop("sample", "%first", "%last") as sample:
            starts = self.arrays.of_sample(sample)
            # The last blocks of a population may have no neurons: a tile's memory is whole.
            blocks = self.sizes["first_block"], self.sizes["last_block"], len(self.abreast)
            with code.loop("block", *blocks) as block:
                self._blocks(starts, block)
        return code

    def _make_slots(self) -> None:
        """Room for counters, for sums over modes, and for modes' values that a later loop needs."""
        listing, order = self.plan.listing, self.order
        own = [word for word in self.words if word.role == "state" and not word.modes]
        for _ in range(1 if self.plan.population.modes else ABREAST):
            kept = {word.name: self.code.slot(vector(word.bits), "kept") for word in own}
            self.abreast.append(_Block(Counters(self.code, self.plan.counts), kept))
        self.sums = {i.result: self._slot(i.result, "sum") for i in listing.instructions if is_sum(i, order)}
        needed = [(o, runs_in(i, order)) for i in listing.instructions for o in i.operands]
        needed += [(listing.registers[register], loop) for register, loop in order.stores.items()]
        results = {i.result for i in listing.instructions if i.result in order.in_modes}
        late = {str(operand) for operand, loop in needed if order.at(operand) < loop}
        self.later = {name: self._slot(name, "later", self.sizes["modes"]) for name in sorted(late & results)}

    def _slot(self, name: str, hint: str, count: Name = "") -> Name:
        return self.code.slot(vector(lane_width(self.plan.bounds.of[name])), hint, count)

    def _blocks(self, starts: dict[Word, Name], first: Name) -> None:
        """All steps of some blocks of `LANES` neurons."""
        code = self.code
        for index, block in enumerate(self.abreast):
            self._begin(block, starts, code.plus(first, index))
        with code.loop("step", "%from", "%to") as step:
            for block in self.abreast:
                self.addresses = self.arrays.of_step(block.inside, step)
                self._step(block)
        for block in self.abreast:
            self._turn_twins(block.inside, split_them=False)
            self._flush(block)

    def _begin(self, block: _Block, starts: dict[Word, Name], index: Name) -> None:
        """Neurons' own registers into slots, where all steps find them; the neurons' coefficients as values."""
        block.counters.clear()
        self._valid(block, index)
        block.inside = self.arrays.of_block(starts, index)
        self.values, self.addresses, self.block = dict(self.arrays.tables), block.inside, block
        for word in self.words:
            if word.role == "own" and not word.modes:
                self._read(word, f"own.{word.name}")
            if word.role == "state" and not word.modes:
                self._move(word, block.inside[word], block.kept[word.name])
        block.fixed = self.values
        self._turn_twins(block.inside, split_them=True)

    def _move(self, word: Word, start: Name, end: Name) -> None:
        """Copy a vector of an array."""
        kind = vector(word.bits)
        self.code.store(kind, self.code.load(kind, start, BYTES[word.bits]), end, BYTES[word.bits])

    def _valid(self, block: _Block, index: Name) -> None:
        """Which lanes of a block are neurons."""
        code = self.code
        past = code.put(f"sub i64 {self.sizes['size']}, {code.times(index, LANES)}")
        count = splat_of(code, code.put(f"trunc i64 {past} to i32"), 32)
        lanes = f"<{', '.join(f'i32 {lane}' for lane in range(LANES))}>"
        block.valid = code.put(f"icmp slt {I32} {lanes}, {count}", "valid")
        block.mask = code.put(f"sext {vector(1)} {block.valid} to {I32}", "mask")

    def _step(self, block: _Block) -> None:
        self.values, self.block = dict(block.fixed), block
        self._ports()
        for word in self.words:
            if word.role == "state" and not word.modes:
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
                count = next((count for count in self.plan.counts if count.value == name), None)
                rule, operands = PRIMITIVE_CODE[port.overflow.value], [raw, number(port.bits)]
                if count:
                    self.values[name] = self._counted(count, rule, limits(port.bits), operands)
                else:
                    self.values[name] = rule(self.code, limits(port.bits), *operands)

    def _read(self, word: Word, name: str, span: Range | None = None, mode: Name = "") -> Lane:
        """Load a vector as the value `name`."""
        span = span or self.plan.bounds.of[name]
        stored = Lane(self.code.load(vector(word.bits), self._place(word, mode), BYTES[word.bits]), word.bits, span)
        lane = Lane(resize(self.code, stored, max(32, word.bits)), max(32, word.bits), span)
        self.values[name] = lane = narrowed(self.code, lane.name, lane.bits, span)
        return lane

    def _place(self, word: Word, mode: Name) -> Name:
        if word.role == "state" and not word.modes:
            return self.block.kept[word.name]
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
        outside, self.parts = dict(self.values), {}
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
        if count:
            return self._counted(count, PRIMITIVE_CODE[instruction.primitive], result, operands)
        if result == (0, 0):
            # Often a factor of 0 in every neuron. Other constants stay data: populations then share their code.
            return number(0)
        return PRIMITIVE_CODE[instruction.primitive](self.code, result, *operands)

    def _counted(self, count: Count, rule: Emit, result: Range, operands: list[Any]) -> Lane:
        """What a register or port with a rule holds of the first operand, with what did not fit taken down."""
        if operands[0].bits == 32 and (self.plan.strict or count.rule == Overflow.TRAP):
            # What does not fit ends the run, so nothing has to be brought into range.
            self.block.counters.watch(count, operands[0])
            return Lane(operands[0].name, 32, result)
        held = rule(self.code, result, *operands)
        self.block.counters.count(count, operands[0], held)
        return held

    def _pair(self, pair: Pair, mode: Name) -> None:
        plain, signed = (self._coefficients(name, mode) for name in (pair.plain, pair.signed))
        parts, span = self._split(pair.values, pair.shift, mode), self.plan.bounds.of[pair.result]
        self.values[pair.result] = held = multiply_pair(self.code, pair, plain, signed, parts, span)
        if pair.result in self.later:
            self._to_memory(held, 32, self._later(pair.result, mode))

    def _split(self, values: tuple[str, str], shift: int, mode: Name) -> Parts:
        """Two values in parts: as twins are found in memory, otherwise split here, once for all that need it."""
        if values not in self.parts:
            stored = next((twins for twins in self.plan.twins if twins.old == values), None)
            if stored:
                self.parts[values] = Parts(*(self.code.load(I32, p, 4) for p in self._twin_places(stored, mode)))
            else:
                low, high = (self._operand(Symbol(name, self.plan.listing), mode) for name in values)
                self.parts[values] = split(self.code, resize(self.code, low, 32), resize(self.code, high, 32), shift)
        return self.parts[values]

    def _twin_places(self, twins: Twins, mode: Name) -> list[Name]:
        """Where the upper and the lower parts of twins are."""
        return [self._place(self.plan.word("state", name), mode) for name in (twins.low, twins.high)]

    def _store_parts(self, twins: Twins, parts: Parts, mode: Name) -> None:
        for part, place in zip((parts.upper, parts.lower), self._twin_places(twins, mode), strict=True):
            self.code.store(I32, part, place, 4)

    def _turn_twins(self, inside: dict[Word, Name], *, split_them: bool) -> None:
        """Split or join a block's twins where they are in memory."""
        self.addresses = inside
        for twins in self.plan.twins:
            with self.code.loop("mode", 0, self.sizes["modes"]) as mode:
                one, other = (self.code.load(I32, place, 4) for place in self._twin_places(twins, mode))
                if split_them:
                    turned = split(self.code, one, other, twins.shift)
                else:
                    turned = Parts(*join(self.code, Parts(one, other), twins.shift))
                self._store_parts(twins, turned, mode)

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

    def _store(self, register: str, mode: Name) -> None:
        """A stored register after the step."""
        value = self._operand(self.plan.listing.registers[register], mode)
        twins = next((twins for twins in self.plan.twins if register in (twins.low, twins.high)), None)
        word = self.plan.word("state", register)
        if twins is None:
            self._to_memory(value, word.bits, self._place(word, mode))
        elif register == twins.low:
            self._store_parts(twins, self._split(twins.new, twins.shift, mode), mode)
        self._probe(register, value, mode)

    def _probe(self, register: str, value: Lane, mode: Name) -> None:
        for word in self.words:
            if (word.role, word.name) == ("probe", register):
                self._to_memory(value, word.bits, self._place(word, mode))

    def _to_memory(self, value: Lane, bits: int, address: Name) -> None:
        name = resize(self.code, value, max(bits, 32))
        if bits == 8:
            name = self.code.put(f"trunc {I32} {name} to {vector(8)}")
        self.code.store(vector(bits), name, address, BYTES[bits])

    def _finish(self) -> None:
        """Neurons' registers and the message, once everything that reads the old ones is done."""
        for word in self.words:
            if word.role == "state" and not word.modes:
                self._store(word.name, "")
        message = self._operand(self.plan.listing.message, "")
        if message.constant == 0:
            return
        bits = max(message.bits, 32)
        name = resize(self.code, message, bits)
        seen = self.code.put(
            f"select {vector(1)} {self.block.valid}, {vector(bits)} {name}, {vector(bits)} zeroinitializer"
        )
        word = self.plan.word("message")
        self._to_memory(Lane(seen, bits, self.plan.message), word.bits, self._place(word, ""))
        self.block.counters.count_sent(self.code.put(f"icmp ne {vector(bits)} {seen}, zeroinitializer"))

    def _flush(self, block: _Block) -> None:
        """Put the neurons' registers back, and add what the block counted to the totals."""
        for word in self.words:
            if word.role == "state" and not word.modes:
                self._move(word, block.kept[word.name], block.inside[word])
        totals = block.inside[self.plan.word("sent")], block.inside[self.plan.word("counts")]
        block.counters.flush(*totals, block.mask)
