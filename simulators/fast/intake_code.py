"""Inputs on their way into a block, as an LLVM function: narrowed, counted, and checked against their width.

What arrives from outside is 64 bits wide and may be long; one pass over it does all three.
"""

from __future__ import annotations

from simulators.fast.assembly import BYTES, LANES, Function, Name, splat, vector
from simulators.traced.ranges import Range

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
ARGUMENTS = (
    "values", "values_sample", "values_step", "messages", "messages_sample", "messages_step", "sent", "sent_sample",
    "size", "outside",
)  # fmt: skip
"""The table of arguments: addresses, strides in bytes, channels, and where to note that a payload does not fit."""


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
        self.outside = code.slot("i64", "outside")
        code.store("i64", "0", self.outside, 8)
        whole = code.times(code.put(f"udiv i64 {self.words['size']}, {LANES}"), LANES)
        with code.loop("sample", "%first", "%last") as sample, code.loop("step", "%from", "%to") as step:
            with code.loop("part", 0, whole, LANES) as channel:
                self._part(sample, step, channel, LANES)
            with code.loop("rest", whole, self.words["size"]) as channel:
                self._part(sample, step, channel, 1)
        code.store("i64", code.load("i64", self.outside, 8), self.pointers["outside"], 8)
        return code

    def _row(self, name: str, sample: Name, step: Name | None, channel: Name, bits: int) -> Name:
        code = self.code
        place = code.at(self.pointers[name], code.times(sample, self.words[f"{name}_sample"]))
        if step is not None:
            place = code.at(place, code.times(step, self.words[f"{name}_step"]))
        return code.at(place, code.times(channel, BYTES[bits]))

    def _part(self, sample: Name, step: Name, channel: Name, lanes: int) -> None:
        """Some channels side by side."""
        code, wide, flags = self.code, vector(64, lanes), vector(1, lanes)
        values = code.load(wide, self._row("values", sample, step, channel, 64), 8)
        narrow = values if self.bits == 64 else code.put(f"trunc {wide} {values} to {vector(self.bits, lanes)}")
        code.store(vector(self.bits, lanes), narrow, self._row("messages", sample, step, channel, self.bits), 1)
        sent = self._row("sent", sample, None, channel, 64)
        one = code.put(f"zext {flags} {code.put(f'icmp ne {wide} {values}, zeroinitializer')} to {wide}")
        code.store(wide, code.put(f"add {wide} {code.load(wide, sent, 8)}, {one}"), sent, 8)
        under = code.put(f"icmp slt {wide} {values}, {splat(self.payloads[0], 64, lanes)}")
        over = code.put(f"icmp sgt {wide} {values}, {splat(self.payloads[1], 64, lanes)}")
        either = code.put(f"or {flags} {under}, {over}")
        found = code.call("i1", f"llvm.vector.reduce.or.v{lanes}i1", (flags, either))
        noted = code.put(f"or i64 {code.load('i64', self.outside, 8)}, {code.put(f'zext i1 {found} to i64')}")
        code.store("i64", noted, self.outside, 8)
