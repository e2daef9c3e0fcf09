"""Where a population's arrays are, as its function computes it from its table of arguments."""

from __future__ import annotations

from simulators.fast.assembly import BYTES, LANES, Function, Name
from simulators.fast.lanes import Table
from simulators.fast.plan import Plan, Word

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
SIZES = ("first_block", "last_block", "modes", "size")
FIELDS = ("address", "sample_stride", "step_stride")
"""What the table of arguments holds for each array, after the sizes; a table's second field is its last index."""

Addresses = dict[Word, Name]


class Arrays:
    """The arrays of a plan.

    Attributes:
        sizes: by their names in `SIZES`.
        words: every array but the tables.
        tables: populations' tables, by what the listing calls them.
    """

    def __init__(self, code: Function, plan: Plan) -> None:
        self.code, self.plan = code, plan
        self.sizes = {size: code.word("%args", i) for i, size in enumerate(SIZES)}
        self.fields = {word: self._fields(i) for i, word in enumerate(plan.words)}
        self.words = [word for word in plan.words if word.role != "table"]
        self.tables = {f"own.{word.name}": self._table(word) for word in plan.words if word.role == "table"}

    def of_sample(self, sample: Name) -> Addresses:
        """Where each array begins for a sample."""
        return {word: self._moved(word, self._pointer(word), sample, "sample_stride") for word in self.words}

    def of_block(self, starts: Addresses, block: Name) -> Addresses:
        """Where a block of neurons begins in a sample's arrays."""
        return {word: self._in_block(word, address, block) for word, address in starts.items()}

    def of_step(self, inside: Addresses, step: Name) -> Addresses:
        """Where a step of a block is. Port sums are those of a turn, which begins with the first step that is run."""
        in_turn = self.code.put(f"sub i64 {step}, %from")
        rows = {word: in_turn if word.role == "port" else step for word in inside}
        return {word: self._moved(word, address, rows[word], "step_stride") for word, address in inside.items()}

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

    def _in_block(self, word: Word, address: Name, block: Name) -> Name:
        if word.role == "counts":
            return address
        unit = self.code.times(block, LANES * BYTES[word.bits])
        return self.code.at(address, self.code.times(unit, self.sizes["modes"]) if word.modes else unit)
