"""What a short memory can do on a text: an interpolated n-gram of characters, in bits per character.

    python -m models.tasks.ngram sotu

Modified Kneser-Ney smoothing, interpolated (Chen and Goodman, "An empirical study of smoothing techniques for language
modeling", 1998): with c the count of n-gram h w, or for shorter n-grams the number of symbols seen before it,

    p(w | h) = (c(h w) - D(c)) / c(h) + g(h) p(w | h without its oldest symbol)

where D takes one of three values, by c = 1, 2 and more, from the number of n-grams seen 1 to 4 times, and g(h) is what
the discounts took. The last p is uniform.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.tasks import sotu
from toolchain.errors import InputError

ORDER = 5
LARGEST_CODE = 2**62
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class _Level:
    """N-grams of one length.

    Attributes:
        grams: codes in order: the symbols as digits in base `symbols`, the oldest first.
        discounted: count less discount, of each.
        contexts: codes in order of all but the last symbol.
        totals: sum of the counts, of each context.
        held_back: sum of the discounts, of each context.
    """

    grams: Codes
    discounted: NDArray[np.float64]
    contexts: Codes
    totals: NDArray[np.float64]
    held_back: NDArray[np.float64]

    def mix(self, grams: Codes, contexts: Codes, shorter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of n-grams, given those of the n-grams without the oldest symbol."""
        place = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        seen = self.contexts[place] == contexts
        own = _look_up(self.grams, self.discounted, grams)
        return np.where(seen, (own + self.held_back[place] * shorter) / self.totals[place], shorter)


@dataclass(frozen=True)
class NGram:
    """A fitted model of symbols 0 .. symbols - 1; `levels` from one symbol to the longest n-gram."""

    symbols: int
    levels: tuple[_Level, ...]

    def probabilities(self, text: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Of each symbol of a text but the first, given those before it, up to one less than the longest n-gram."""
        first = np.arange(1, len(text))
        found = np.full(len(first), 1 / self.symbols)
        for length, level in enumerate(self.levels, 1):
            grams = _codes(text, length, self.symbols)
            # N-grams end at symbols length - 1, length, ..; symbol 0 itself is not asked for.
            grams = grams[1:] if length == 1 else grams
            there = first >= length - 1
            found[there] = level.mix(grams, grams // self.symbols, found[there])
        return found

    def bits(self, text: NDArray[np.uint8]) -> float:
        """Mean of -log2 p over all symbols of a text but the first."""
        return float(-np.log2(self.probabilities(text)).mean())


def fit(text: NDArray[np.uint8], symbols: int, order: int = ORDER) -> NGram:
    """A model of n-grams of up to `order` symbols of a text.

    Raises:
        InputError: the text is shorter than an n-gram, or there are too many symbols for so long ones.
    """
    if symbols**order > LARGEST_CODE or not 1 <= order < len(text):
        found = f"{order} symbols out of {symbols}, from a text of {len(text)}"
        raise InputError("n-gram", found, "give a longer text or a lower order")
    levels = []
    # Counts of the longest; then, each time, how many different symbols preceded what is one shorter.
    grams, counts = np.unique(_codes(text, order, symbols), return_counts=True)
    for length in range(order, 0, -1):
        levels.append(_level(grams, counts, symbols))
        grams, counts = np.unique(grams % symbols ** (length - 1), return_counts=True)
    return NGram(symbols, tuple(reversed(levels)))


def _level(grams: Codes, counts: Codes, symbols: int) -> _Level:
    discount = _discounts(counts)[np.minimum(counts, 3)]
    contexts, place = np.unique(grams // symbols, return_inverse=True)
    totals = np.bincount(place, weights=counts).astype(np.float64)
    held_back = np.bincount(place, weights=discount).astype(np.float64)
    return _Level(grams, counts - discount, contexts, totals, held_back)


def _discounts(counts: Codes) -> NDArray[np.float64]:
    """What is taken from counts of 0, 1, 2 and more: Chen and Goodman's estimate, from how many there are of 1 to 4."""
    ones, twos, threes, fours = (max(int((counts == value).sum()), 1) for value in (1, 2, 3, 4))
    ratio = ones / (ones + 2 * twos)
    wanted = (1 - 2 * ratio * twos / ones, 2 - 3 * ratio * threes / twos, 3 - 4 * ratio * fours / threes)
    # Where hardly any n-gram is rare the estimate means nothing; a discount stays between nothing and the count.
    return np.array([0.0, *(min(max(value, 0.0), float(count)) for count, value in enumerate(wanted, 1))])


def _codes(text: NDArray[np.uint8], length: int, symbols: int) -> Codes:
    """All n-grams of a text, one for each last symbol from the first possible."""
    count = max(len(text) - length + 1, 0)
    codes = np.zeros(count, dtype=np.int64)
    for offset in range(length):
        codes = codes * symbols + text[offset : offset + count]
    return codes


def _look_up(keys: Codes, values: NDArray[np.float64], wanted: Codes) -> NDArray[np.float64]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)


def main(arguments: list[str] | None = None) -> None:
    """Fit on the training years, print bits per character of validation and test years."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["sotu"])
    parser.add_argument("--order", type=int, default=ORDER, help=f"longest n-gram, default {ORDER}")
    chosen = parser.parse_args(arguments)
    text = sotu.load()
    model = fit(text.train, len(text.alphabet), chosen.order)
    for name, part in (("validation", text.validation), ("test", text.test)):
        print(f"{name}: {model.bits(part):.4f} bits per character, {chosen.order}-gram, {len(part)} characters")


if __name__ == "__main__":
    main()
