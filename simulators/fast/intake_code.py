"""Inputs on their way into a block, as an LLVM function: narrowed, counted, and checked against their width.

What arrives from outside is 64 bits wide and may be long; one pass over it does all three.
"""

from __future__ import annotations

from simulators.fast.assembly import BYTES, LANES, Function, Name, splat, vector
from toolchain.bounds.ranges import Range

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
ARGUMENTS = (
    "values", "values_sample", "values_step", "messages", "messages_sample", "messages_step", "sent", "sent_sample",
    "size", "outside",
)  # fmt: skip
"""The table of arguments: addresses, strides in bytes, channels, and where to note that a payload does not fit."""

TOGETHER = 8
"""Steps whose messages are counted before the count goes to memory."""


def intake_function(bits: int, payloads: Range) -> Function:
    """The function for an input whose messages are stored in `bits`."""
    return _IntakeCode(bits, payloads).write()


class _IntakeCode:
    def __init__(self, bits: int, payloads: Range) -> None:
        self.code, self.bits, self.payloads = Function(PARAMETERS), bits, payloads

    def write(self) -> Function:
        """The whole function."""
        code = self.code
        self.words = {name: code.word("%args", i) for i, name in enumerate(ARGUMENTS)}
        self.pointers = {
            name: code.put(f"inttoptr i64 {self.words[name]} to ptr", "p")
            for name in ("values", "messages", "sent", "outside")
        }
        self.farthest = {lanes: code.slot(vector(64, lanes), "farthest") for lanes in (LANES, 1)}
        self.count = {lanes: code.slot(vector(64, lanes), "count") for lanes in (LANES, 1)}
        for lanes, slot in self.farthest.items():
            code.store(vector(64, lanes), "zeroinitializer", slot, 64)
        whole = code.times(code.put(f"udiv i64 {self.words['size']}, {LANES}"), LANES)
        with code.loop("sample", "%first", "%last") as sample, code.loop("start", "%from", "%to", TOGETHER) as start:
            stop = code.call("i64", "llvm.smin.i64", ("i64", code.plus(start, TOGETHER)), ("i64", "%to"))
            with code.loop("part", 0, whole, LANES) as channel:
                self._part(sample, (start, stop), channel, LANES)
            with code.loop("rest", whole, self.words["size"]) as channel:
                self._part(sample, (start, stop), channel, 1)
        self._note()
        return code

    def _row(self, name: str, sample: Name, step: Name | None, channel: Name, bits: int) -> Name:
        code = self.code
        place = code.at(self.pointers[name], code.times(sample, self.words[f"{name}_sample"]))
        if step is not None:
            place = code.at(place, code.times(step, self.words[f"{name}_step"]))
        return code.at(place, code.times(channel, BYTES[bits]))

    def _part(self, sample: Name, steps: tuple[Name, Name], channel: Name, lanes: int) -> None:
        """Some channels side by side in some steps."""
        code, wide, count = self.code, vector(64, lanes), self.count[lanes]
        code.store(wide, "zeroinitializer", count, 64)
        with code.loop("step", *steps) as step:
            values = code.load(wide, self._row("values", sample, step, channel, 64), 8)
            narrow = values if self.bits == 64 else code.put(f"trunc {wide} {values} to {vector(self.bits, lanes)}")
            code.store(vector(self.bits, lanes), narrow, self._row("messages", sample, step, channel, self.bits), 1)
            sent = code.put(f"icmp ne {wide} {values}, zeroinitializer")
            self._add(count, code.put(f"zext {vector(1, lanes)} {sent} to {wide}"), lanes)
            self._watch(values, lanes)
        self._add(self._row("sent", sample, None, channel, 64), code.load(wide, count, 64), lanes)

    def _add(self, address: Name, more: Name, lanes: int) -> None:
        wide = vector(64, lanes)
        total = self.code.put(f"add {wide} {self.code.load(wide, address, 8)}, {more}")
        self.code.store(wide, total, address, 8)

    def _watch(self, values: Name, lanes: int) -> None:
        """Keep the payload farthest up when counted from the least that fits, without a sign."""
        code, wide, slot = self.code, vector(64, lanes), self.farthest[lanes]
        raised = code.put(f"sub {wide} {values}, {splat(self.payloads[0], 64, lanes)}")
        highest = code.call(wide, f"llvm.umax.v{lanes}i64", (wide, code.load(wide, slot, 64)), (wide, raised))
        code.store(wide, highest, slot, 64)

    def _note(self) -> None:
        """Write down whether any payload did not fit."""
        code, span, found = self.code, self.payloads[1] - self.payloads[0], "false"
        for lanes, slot in self.farthest.items():
            over = code.put(
                f"icmp ugt {vector(64, lanes)} {code.load(vector(64, lanes), slot, 64)}, {splat(span, 64, lanes)}"
            )
            some = code.call("i1", f"llvm.vector.reduce.or.v{lanes}i1", (vector(1, lanes), over))
            found = code.put(f"or i1 {found}, {some}")
        code.store("i64", code.put(f"zext i1 {found} to i64"), self.pointers["outside"], 8)
