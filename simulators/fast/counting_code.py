"""What a block of neurons counts while its steps run: messages, and values that do not fit, in lanes of 32 bits."""

from __future__ import annotations

from collections.abc import Sequence

from simulators.fast.assembly import Function, Name, splat, vector
from simulators.fast.lanes import Lane, resize
from toolchain.bounds.counts import Count
from toolchain.ir.integer import Overflow, limits

I32 = vector(32)


class Counters:
    """One vector for each thing that is counted, on the stack of a population's function.

    Args:
        counts: what may not fit, in the order of the totals in memory.
    """

    def __init__(self, code: Function, counts: Sequence[Count]) -> None:
        self.code, self.counts = code, counts
        self.sent = code.slot(I32, "sent")
        self.slots = {count.value: code.slot(I32, "count") for count in counts}
        self.watched: set[Count] = set()

    def clear(self) -> None:
        """Begin a block."""
        for slot in (self.sent, *self.slots.values()):
            self.code.store(I32, "zeroinitializer", slot, 64)

    def watch(self, count: Count, value: Lane) -> None:
        """Keep the value farthest up when counted from the least that fits, without a sign."""
        code, slot = self.code, self.slots[count.value]
        raised = code.put(f"sub {I32} {value.name}, {splat(_least(count))}")
        highest = code.call(I32, "llvm.umax.v16i32", (I32, code.load(I32, slot, 64)), (I32, raised))
        code.store(I32, highest, slot, 64)
        self.watched.add(count)

    def count(self, count: Count, value: Lane, held: Lane) -> None:
        """Take down which lanes did not fit: where what is held is not the value, or where it ends the run."""
        code, bits = self.code, max(value.bits, held.bits)
        if count.rule == Overflow.TRAP:
            changed = self._outside(value, count.bits)
        else:
            names = resize(code, value, bits), resize(code, held, bits)
            changed = code.put(f"icmp ne {vector(bits)} {names[0]}, {names[1]}")
        self._add_flags(self.slots[count.value], changed)

    def count_sent(self, flags: Name) -> None:
        """Take down which lanes sent a message."""
        self._add_flags(self.sent, flags)

    def _outside(self, value: Lane, bits: int) -> Name:
        low, high = limits(bits)
        kind, name = vector(value.bits), value.name
        under = self.code.put(f"icmp slt {kind} {name}, {splat(low, value.bits)}")
        over = self.code.put(f"icmp sgt {kind} {name}, {splat(high, value.bits)}")
        return self.code.put(f"or {vector(1)} {under}, {over}")

    def _add_flags(self, slot: Name, flags: Name) -> None:
        ones = self.code.put(f"zext {vector(1)} {flags} to {I32}")
        self.code.store(I32, self.code.put(f"add {I32} {self.code.load(I32, slot, 64)}, {ones}"), slot, 64)

    def flush(self, sent: Name, totals: Name, mask: Name) -> None:
        """Add what the block counted to the totals: messages of each neuron, and of all neurons what did not fit.

        Args:
            mask: all bits set where a lane is a neuron.
        """
        code, wide = self.code, vector(64)
        new = code.put(f"sext {I32} {code.load(I32, self.sent, 64)} to {wide}")
        code.store(wide, code.put(f"add {wide} {code.load(wide, sent, 8)}, {new}"), sent, 8)
        for index, count in enumerate(self.counts):
            seen = code.put(f"and {I32} {self._counted(count)}, {mask}")
            more = code.put(f"sext i32 {code.call('i32', 'llvm.vector.reduce.add.v16i32', (I32, seen))} to i64")
            place = code.at(totals, str(8 * index))
            code.store("i64", code.put(f"add i64 {code.load('i64', place, 8)}, {more}"), place, 8)

    def _counted(self, count: Count) -> Name:
        counted = self.code.load(I32, self.slots[count.value], 64)
        if count not in self.watched:
            return counted
        highest = limits(count.bits)[1] - _least(count)
        over = self.code.put(f"icmp ugt {I32} {counted}, {splat(highest)}")
        return self.code.put(f"zext {vector(1)} {over} to {I32}")


def _least(count: Count) -> int:
    """The least value that fits."""
    low, high = limits(count.bits)
    return -high if count.rule == Overflow.SATURATE else low
