"""Projections as LLVM functions: cost follows what was sent, not how large the populations are.

For each sample the messages that are not 0 are listed first, those of all steps of a turn; then each tile of `PAD`
targets adds up the listed sources' weights, step by step. Weights are bytes, a tile's together, so that they are still
in the nearest cache for the next step. Sums of spikes grow in 16-bit lanes for as many spikes as cannot overflow them.
Where a turn's list shows that most sources sent, all pairs are multiplied instead (`quads_code`).
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.fast.assembly import BYTES, LANES, Function, Name, vector
from simulators.fast.layout import PAD
from simulators.fast.quads_code import QUAD, STEPS_TOGETHER, sum_quads

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
ARGUMENTS = (
    "source", "source_sample", "source_step", "source_chunks", "many",
    "port", "port_sample", "port_step", "port_tiles",
    "first_tile", "last_tile", "up", "down", "weights", "quads", "starts", "rows",
    "events", "payloads", "ends",
)  # fmt: skip
"""The table of arguments: addresses, strides in bytes, the number of 64-neuron parts, which of them to deliver
to, the two shifts, the synapses, and room for the list."""

POINTERS = ("source", "port", "weights", "quads", "starts", "rows", "events", "payloads", "ends")

SHORT_MAX = 32767
WEIGHT_MAX = 128
"""The greatest magnitude of a weight of 8 bits."""

COMPRESS = "avx512vbmi2"
"""What the processor needs to have to move chosen bytes of a vector together."""

LEAST_GROUP = 8
"""So many messages must fit a 16-bit sum to make it worth while."""


def group(largest: int) -> int:
    """How many messages up to a magnitude can be added in 16-bit lanes; 0 where too few."""
    count = int(SHORT_MAX / (WEIGHT_MAX * max(largest, 1)))
    return count if count >= LEAST_GROUP else 0


@dataclass(frozen=True)
class Delivery:
    """What a projection's function depends on.

    Attributes:
        sparse: synapses are listed by source; otherwise every source has a weight a target.
        compress: messages are bytes, and the processor moves those that are not 0 together.
        quads: where messages are many, all pairs can be multiplied, four sources at once.
        spikes: a message is 0 or 1.
        group: so many products can be added in 16-bit lanes; 0 where they are not.
        adds: other projections have written to the port before.
        source_bits, sum_bits, port_bits: of a stored message, of the exact sum, of what the port holds.
    """

    sparse: bool
    compress: bool
    quads: bool
    spikes: bool
    group: int
    adds: bool
    source_bits: int
    sum_bits: int
    port_bits: int


def delivery_function(delivery: Delivery) -> Function:
    """A projection's function."""
    return _DeliveryCode(Function(PARAMETERS), delivery).write()


class _DeliveryCode:
    def __init__(self, code: Function, delivery: Delivery) -> None:
        self.code, self.delivery = code, delivery
        self.sum_kind = vector(delivery.sum_bits, PAD)

    def write(self) -> Function:
        """The whole function: all steps' messages are listed, then a tile's weights serve all steps in turn."""
        code = self.code
        self.words = {name: code.word("%args", i) for i, name in enumerate(ARGUMENTS)}
        self.pointers = {name: self._pointer(name) for name in POINTERS}
        self.found, self.bits = code.slot("i64", "found"), code.slot("i64", "bits")
        self.places, self.sent = (code.slot(vector(8, PAD), hint) for hint in ("places", "sent"))
        if self.delivery.sparse:
            self.sums = code.slot(self.sum_kind, "sums", self.words["port_tiles"])
        with code.loop("sample", "%first", "%last") as sample:
            code.store("i64", "0", self.found, 8)
            with code.loop("listed", "%from", "%to") as step:
                self._list_events(self._row("source", sample, step))
                code.store("i64", code.load("i64", self.found, 8), self._end(step), 8)
            if self.delivery.sparse:
                self._deliver_listed(sample)
            elif self.delivery.quads:
                limit = code.times(self.words["many"], code.put("sub i64 %to, %from"))
                many = code.put(f"icmp sge i64 {code.load('i64', self.found, 8)}, {limit}")
                with code.when(many):
                    self._deliver_all(sample)
                with code.when(code.put(f"xor i1 {many}, true")):
                    self._deliver_rows(sample)
            else:
                self._deliver_rows(sample)
        return code

    def _pointer(self, name: str) -> Name:
        return self.code.put(f"inttoptr i64 {self.words[name]} to ptr", "p")

    def _row(self, name: str, sample: Name, step: Name) -> Name:
        code = self.code
        start = code.at(self.pointers[name], code.times(sample, self.words[f"{name}_sample"]))
        return code.at(start, code.times(step, self.words[f"{name}_step"]))

    def _end(self, step: Name) -> Name:
        """Where it is written how many messages were listed up to the end of a step."""
        return self.code.at(self.pointers["ends"], self.code.times(step, 8))

    def _range(self, step: Name) -> tuple[Name, Name]:
        """The listed messages of a step, first and one past the last."""
        code = self.code
        first = code.put(f"icmp eq i64 {step}, %from")
        before = code.load("i64", self._end(code.plus(step, code.put(f"select i1 {first}, i64 0, i64 -1"))), 8)
        return code.put(f"select i1 {first}, i64 0, i64 {before}"), code.load("i64", self._end(step), 8)

    def _deliver_rows(self, sample: Name) -> None:
        code = self.code
        with code.loop("tile", self.words["first_tile"], self.words["last_tile"]) as tile:
            rows = code.times(self.words["source_chunks"], PAD * PAD)
            column = code.at(self.pointers["weights"], code.times(tile, rows))
            with code.loop("step", "%from", "%to") as step:
                total = self._sum_rows(column, *self._range(step))
                self._deliver(total, self._port(sample, step, tile))

    def _deliver_all(self, sample: Name) -> None:
        """Multiply all pairs, in some steps at once and then in those that are left."""
        code = self.code
        steps = code.put("sub i64 %to, %from")
        whole = code.plus("%from", code.times(code.put(f"udiv i64 {steps}, {STEPS_TOGETHER}"), STEPS_TOGETHER))
        size = code.times(self.words["source_chunks"], PAD * PAD)
        with code.loop("tile", self.words["first_tile"], self.words["last_tile"]) as tile:
            column = code.at(self.pointers["quads"], code.times(tile, size))
            with code.loop("steps", "%from", whole, STEPS_TOGETHER) as step:
                self._deliver_steps(sample, column, tile, [code.plus(step, i) for i in range(STEPS_TOGETHER)])
            with code.loop("step", whole, "%to") as step:
                self._deliver_steps(sample, column, tile, [step])

    def _deliver_steps(self, sample: Name, column: Name, tile: Name, steps: list[Name]) -> None:
        quads = self.code.put(f"udiv i64 {self.code.times(self.words['source_chunks'], PAD)}, {QUAD}")
        totals = sum_quads(self.code, column, [self._row("source", sample, step) for step in steps], quads)
        for step, total in zip(steps, totals, strict=True):
            self._deliver(total, self._port(sample, step, tile))

    def _deliver_listed(self, sample: Name) -> None:
        code = self.code
        with code.loop("step", "%from", "%to") as step:
            self._scatter(*self._range(step))
            with code.loop("tile", self.words["first_tile"], self.words["last_tile"]) as tile:
                self._deliver(code.load(self.sum_kind, self._tile(tile), 64), self._port(sample, step, tile))

    def _port(self, sample: Name, step: Name, tile: Name) -> Name:
        row = self._row("port", sample, self.code.put(f"sub i64 {step}, %from"))
        return self.code.at(row, self.code.times(tile, PAD * BYTES[self.delivery.port_bits]))

    def _list_events(self, row: Name) -> None:
        """Write down the index and the payload of every message of a step; `found` counts on."""
        code, bits = self.code, self.delivery.source_bits
        kind = vector(bits, PAD)
        with code.loop("chunk", 0, self.words["source_chunks"]) as chunk:
            part = code.load(kind, code.at(row, code.times(chunk, PAD * BYTES[bits])), BYTES[bits])
            flags = code.put(f"icmp ne {kind} {part}, zeroinitializer")
            left = code.put(f"bitcast {vector(1, PAD)} {flags} to i64")
            first = code.times(chunk, PAD)
            if self.delivery.compress:
                self._list_together(part, flags, left, first)
            else:
                self._list_one_by_one(row, left, first)

    def _list_one_by_one(self, row: Name, bits: Name, first: Name) -> None:
        code = self.code
        code.store("i64", bits, self.bits, 8)
        with code.while_not_zero(self.bits) as left:
            lane = code.call("i64", "llvm.cttz.i64", ("i64", left), ("i1", "true"))
            self._list_event(row, code.plus(first, lane))
            code.store("i64", code.put(f"and i64 {left}, {code.plus(left, -1)}"), self.bits, 8)

    def _list_together(self, part: Name, flags: Name, bits: Name, first: Name) -> None:
        """List the messages of a chunk without a decision for each, which a processor can't foresee."""
        code, found = self.code, self.code.load("i64", self.found, 8)
        self._compress(f"<{', '.join(f'i8 {lane}' for lane in range(PAD))}>", flags, self.places)
        if not self.delivery.spikes:
            self._compress(part, flags, self.sent)
        count = code.call("i64", "llvm.ctpop.i64", ("i64", bits))
        base = self._splat(code.put(f"trunc i64 {first} to i32"), 32, LANES)
        # At least once: few messages in a chunk, or none, then make no difference either.
        stop = code.call("i64", "llvm.smax.i64", ("i64", count), ("i64", "1"))
        with code.loop("some", 0, stop, LANES) as some:
            place = code.plus(found, some)
            lanes = self._widened(self.places, some, "zext", 32)
            sources = code.put(f"add {vector(32)} {lanes}, {base}")
            code.store(vector(32), sources, code.at(self.pointers["events"], code.times(place, 4)), 4)
            if not self.delivery.spikes:
                payloads = self._widened(self.sent, some, "sext", 64)
                code.store(vector(64), payloads, code.at(self.pointers["payloads"], code.times(place, 8)), 8)
        code.store("i64", code.plus(found, count), self.found, 8)

    def _compress(self, values: Name, flags: Name, slot: Name) -> None:
        """The flagged bytes of a vector side by side in a slot."""
        kind = vector(8, PAD)
        name = f"llvm.experimental.vector.compress.v{PAD}i8"
        self.code.store(
            kind, self.code.call(kind, name, (kind, values), (vector(1, PAD), flags), (kind, "poison")), slot, 64
        )

    def _widened(self, slot: Name, start: Name, how: str, bits: int) -> Name:
        """Some bytes of a slot in wider lanes."""
        some = self.code.load(vector(8), self.code.at(slot, start), 1)
        return self.code.put(f"{how} {vector(8)} {some} to {vector(bits)}")

    def _list_event(self, row: Name, source: Name) -> None:
        code, bits = self.code, self.delivery.source_bits
        count = code.load("i64", self.found, 8)
        place = code.at(self.pointers["events"], code.times(count, 4))
        code.store("i32", code.put(f"trunc i64 {source} to i32"), place, 4)
        if not self.delivery.spikes:
            payload = code.load(f"i{bits}", code.at(row, code.times(source, BYTES[bits])), BYTES[bits])
            wide = payload if bits == 64 else code.put(f"sext i{bits} {payload} to i64")
            code.store("i64", wide, code.at(self.pointers["payloads"], code.times(count, 8)), 8)
        code.store("i64", code.plus(count, 1), self.found, 8)

    def _event(self, index: Name, bits: int) -> tuple[Name, Name]:
        """The source of a listed message, and its payload in lanes of `bits`."""
        code = self.code
        short = code.load("i32", code.at(self.pointers["events"], code.times(index, 4)), 4)
        source = code.put(f"zext i32 {short} to i64")
        if self.delivery.spikes:
            return source, "1"
        payload = code.load("i64", code.at(self.pointers["payloads"], code.times(index, 8)), 8)
        return source, payload if bits == 64 else code.put(f"trunc i64 {payload} to i{bits}")

    def _sum_rows(self, column: Name, start: Name, stop: Name) -> Name:
        """The sums of a tile's `PAD` targets over listed messages."""
        code = self.code
        total = code.slot(self.sum_kind, "total")
        code.store(self.sum_kind, "zeroinitializer", total, 64)
        if self.delivery.group and self.delivery.sum_bits == 32:
            self._add_in_groups(column, total, start, stop)
        else:
            with code.loop("event", start, stop) as index:
                self._add(total, self._products(column, index, self.delivery.sum_bits))
        return code.load(self.sum_kind, total, 64)

    def _add_in_groups(self, column: Name, total: Name, start: Name, stop: Name) -> None:
        code, kind = self.code, vector(16, PAD)
        part = code.slot(kind, "part")
        with code.loop("group", start, stop, self.delivery.group) as first:
            last = code.call("i64", "llvm.smin.i64", ("i64", code.plus(first, self.delivery.group)), ("i64", stop))
            code.store(kind, "zeroinitializer", part, 64)
            with code.loop("event", first, last) as index:
                products = self._products(column, index, 16)
                code.store(kind, code.put(f"add {kind} {code.load(kind, part, 64)}, {products}"), part, 64)
            self._add(total, code.put(f"sext {kind} {code.load(kind, part, 64)} to {self.sum_kind}"))

    def _products(self, column: Name, index: Name, bits: int) -> Name:
        """A listed message times its source's weights to a tile, in lanes of `bits`."""
        code, bytes_kind, kind = self.code, vector(8, PAD), vector(bits, PAD)
        source, payload = self._event(index, bits)
        row = code.at(column, code.times(source, PAD))
        weights = code.put(f"sext {bytes_kind} {code.load(bytes_kind, row, 1)} to {kind}")
        return weights if self.delivery.spikes else code.put(f"mul {kind} {weights}, {self._splat(payload, bits)}")

    def _splat(self, scalar: Name, bits: int, lanes: int = PAD) -> Name:
        kind = vector(bits, lanes)
        first = self.code.put(f"insertelement {kind} poison, i{bits} {scalar}, i64 0")
        return self.code.put(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer")

    def _add(self, total: Name, more: Name) -> None:
        before = self.code.load(self.sum_kind, total, 64)
        self.code.store(self.sum_kind, self.code.put(f"add {self.sum_kind} {before}, {more}"), total, 64)

    def _scatter(self, start: Name, stop: Name) -> None:
        """Add every listed source's synapses to the sums in memory."""
        code, scalar = self.code, f"i{self.delivery.sum_bits}"
        with code.loop("clear", 0, self.words["port_tiles"]) as tile:
            code.store(self.sum_kind, "zeroinitializer", self._tile(tile), 64)
        starts, rows, weights = (self.pointers[name] for name in ("starts", "rows", "weights"))
        with code.loop("event", start, stop) as index:
            source, payload = self._event(index, self.delivery.sum_bits)
            place = code.at(starts, code.times(source, 8))
            ends = code.load("i64", place, 8), code.load("i64", code.at(place, "8"), 8)
            with code.loop("synapse", *ends) as synapse:
                row = code.load("i32", code.at(rows, code.times(synapse, 4)), 4)
                weight = code.put(f"sext i8 {code.load('i8', code.at(weights, synapse), 1)} to {scalar}")
                target = code.put(f"getelementptr {scalar}, ptr {self.sums}, i32 {row}", "p")
                product = code.put(f"mul {scalar} {weight}, {payload}")
                after = code.put(f"add {scalar} {code.load(scalar, target, 4)}, {product}")
                code.store(scalar, after, target, 4)

    def _tile(self, tile: Name) -> Name:
        return self.code.at(self.sums, self.code.times(tile, PAD * BYTES[self.delivery.sum_bits]))

    def _deliver(self, total: Name, port: Name) -> None:
        """Shift a tile's sums once, and write or add them to the port."""
        code, bits, kind = self.code, self.delivery.sum_bits, self.sum_kind
        up, down = (self._shift(name) for name in ("up", "down"))
        shifted = code.put(f"ashr {kind} {code.put(f'shl {kind} {total}, {up}')}, {down}")
        held = vector(self.delivery.port_bits, PAD)
        if bits != self.delivery.port_bits:
            shifted = code.put(f"{'trunc' if bits == 64 else 'sext'} {kind} {shifted} to {held}")
        if self.delivery.adds:
            shifted = code.put(f"add {held} {code.load(held, port, 4)}, {shifted}")
        code.store(held, shifted, port, 4)

    def _shift(self, name: str) -> Name:
        bits = self.delivery.sum_bits
        scalar = self.words[name] if bits == 64 else self.code.put(f"trunc i64 {self.words[name]} to i{bits}")
        return self._splat(scalar, bits)


def driver_function() -> Function:
    """The function that runs a schedule.

    `entries` is a list of (function, table of arguments) addresses. For each sample and each stretch of `%by` steps
    every entry runs once, in order.
    """
    code = Function("ptr %entries, i64 %count, i64 %from, i64 %to, i64 %by, i64 %first, i64 %last")
    with code.loop("sample", "%first", "%last") as sample, code.loop("start", "%from", "%to", "%by") as start:
        stop = code.call("i64", "llvm.smin.i64", ("i64", code.plus(start, "%by")), ("i64", "%to"))
        after = code.plus(sample, 1)
        with code.loop("entry", 0, "%count") as entry:
            place = code.at("%entries", code.times(entry, 16))
            function, table = code.word(place, 0, "ptr"), code.word(place, 1, "ptr")
            code.line(f"call void {function}(ptr {table}, i64 {start}, i64 {stop}, i64 {sample}, i64 {after})")
    return code
