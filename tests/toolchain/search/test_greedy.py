"""The search itself, on programs whose cost and errors are formulas: what is chosen, and what it may not depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toolchain.quantize.networks import state_space_case
from toolchain.errors import InputError
from toolchain.quantize.settings import Settings
from toolchain.search import Factor, Found, Measured, Space, search, space_of
from toolchain.search.figure import found_figure
from toolchain.search.table import found_dict, found_text

SAMPLES = 1000
FACTORS = (
    Factor("populations", "p", "c_bits", 4, 8),
    Factor("populations", "p", "state_bits", 12, 16),
    Factor("projections", "a->b", "weight_bits", 2, 8),
)
SPACE = Space(Settings(c_bits=8, state_bits=16), FACTORS)

Model = Callable[[tuple[int, ...]], Measured]


def bits_of(settings: Settings) -> tuple[int, ...]:
    own = settings.for_population("p")
    return own.c_bits, own.state_bits, settings.for_projection("a->b").weight_bits


def model(costs: Sequence[float] = (5, 1, 3), noises: Sequence[float] = (1, 30, 0.2), refused_below: int = 0) -> Model:
    """Memory that falls bit by bit, noise power that rises fourfold with each, and errors with the noise."""

    def measured(bits: tuple[int, ...]) -> Measured:
        if bits[2] < refused_below:
            return Measured(refused="a threshold rounds to nothing")
        power = sum(n * 4.0 ** (f.most - b) for n, f, b in zip(noises, FACTORS, bits, strict=True))
        wrong = min(900, int(power / 10))
        memory = int(100 * sum(c * b for c, b in zip(costs, bits, strict=True)))
        return Measured(SAMPLES, 950 - wrong, 950, power**0.5 / 1000, memory / 1e9, memory, 10.0, 1)

    return measured


def found_by(one: Model, loss: float = 5.0) -> Found:
    return search(SPACE, lambda asked: [one(bits_of(settings)) for settings in asked], "memory", loss)


def best_of_all(one: Model, loss: float) -> int:
    every = product(*(range(factor.least, factor.most + 1) for factor in FACTORS))
    return min(found.memory_bytes for found in map(one, every) if found.within(loss))


def test_lowers_what_saves_most_for_its_noise_up_to_the_loss() -> None:
    found = found_by(model())
    chosen = found.known[found.chosen]
    assert chosen.within(5.0) and chosen.points_lost > 0
    assert chosen.memory_bytes < found.known[SPACE.origin].memory_bytes
    assert chosen.memory_bytes == best_of_all(model(), 5.0)
    assert found.steps[0].factor.name == "a->b.weight_bits"


@given(
    costs=st.lists(st.floats(0, 9), min_size=3, max_size=3),
    noises=st.lists(st.floats(0, 60), min_size=3, max_size=3),
    loss=st.floats(0, 20),
    refused_below=st.integers(0, 6),
)
def test_what_is_chosen_holds_the_loss_and_is_the_cheapest_measured(
    costs: list[float], noises: list[float], loss: float, refused_below: int
) -> None:
    one = model(costs, noises, refused_below)
    if not one(SPACE.origin).within(loss):
        with pytest.raises(InputError, match="allow more"):
            found_by(one, loss)
        return
    found = found_by(one, loss)
    chosen = found.known[found.chosen]
    assert chosen == one(bits_of(SPACE.settings(found.chosen)))
    assert not chosen.refused and 950 - chosen.right <= loss * SAMPLES / 100
    assert all(m.memory_bytes >= chosen.memory_bytes for m in found.known.values() if m.within(loss))
    assert all(step.measured.within(loss) for step in found.steps)
    costs_along = [found.known[SPACE.origin].memory_bytes, *(step.measured.memory_bytes for step in found.steps)]
    assert costs_along == sorted(costs_along, reverse=True)


def test_nothing_beats_the_front() -> None:
    found = found_by(model())
    front = [found.known[point] for point in found.front()]
    assert len(front) > 2
    for measured in found.known.values():
        assert any(f.memory_bytes <= measured.memory_bytes and f.right >= measured.right for f in front)
    for one, other in pairwise(front):
        assert one.memory_bytes < other.memory_bytes and one.right < other.right


def test_a_width_that_saves_nothing_stays() -> None:
    found = found_by(model(costs=(0, 1, 3), noises=(0, 0, 0)))
    assert found.chosen == (8, 12, 2)


def test_what_lost_too_much_is_tried_again_at_the_end() -> None:
    """Here weights may be narrow only once C is, which alone saves little and so comes later."""

    def measured(bits: tuple[int, ...]) -> Measured:
        c, _, weight = bits
        wrong = 0 if weight == 8 or c == 4 else 10 if c == 8 and bits[1] == 16 else 100
        memory = 1000 * weight + 10 * c + 20 * bits[1]
        return Measured(SAMPLES, 950 - wrong, 950, 0.001 * (8 - weight + 8 - c), memory / 1e9, memory, 1.0, 1)

    found = found_by(measured, 2.0)
    assert found.chosen == (4, 12, 2)
    assert [step.factor.width for step in found.steps].index("c_bits") > 0


def test_nothing_is_measured_twice() -> None:
    asked: list[tuple[int, ...]] = []

    def measure(settings: Sequence[Settings]) -> list[Measured]:
        asked.extend(map(bits_of, settings))
        return [model()(bits_of(one)) for one in settings]

    search(SPACE, measure, "memory", 5.0)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("first", "what"), [(Measured(refused="too narrow"), "too narrow"), (None, "lose 3.00 points")]
)
def test_a_start_that_is_not_good_enough_is_refused(first: Measured | None, what: str) -> None:
    start = first or Measured(SAMPLES, 920, 950, 0.1, 1.0, 100, 1.0, 1)
    with pytest.raises(InputError, match=what):
        search(SPACE, lambda asked: [start for _ in asked], "memory", 0.5)


def test_settings_of_a_point_say_only_what_is_not_the_networks() -> None:
    assert SPACE.settings((8, 16, 8)) == SPACE.start
    found = SPACE.settings((8, 14, 3))
    assert found.as_dict()["populations"] == {"p": {"state_bits": 14}}
    assert found.as_dict()["projections"] == {"a->b": {"weight_bits": 3}}


def test_the_space_of_a_network_begins_where_the_settings_do() -> None:
    start = Settings(a_bits=12, populations={"block1": {"c_bits": 3, "a_bits": 14}})
    space = space_of(state_space_case().network, start)
    widths = {factor.name: (factor.least, factor.most) for factor in space.factors}
    assert widths["block0.a_bits"] == (8, 12)
    assert (widths["block1.a_bits"], widths["block1.c_bits"]) == ((8, 14), (3, 3))
    assert widths["block0->block1.weight_bits"] == (2, 8)
    assert space.settings(space.origin) == start
    room = Settings(populations={"sum": {"headroom_bits": 3}})
    assert (
        space_of(state_space_case().network, room).settings(space_of(state_space_case().network, room).origin) == room
    )
    with pytest.raises(InputError, match="block7"):
        space_of(state_space_case().network, Settings(populations={"block7": {"a_bits": 12}}))


def test_table_and_picture_hold_what_was_found() -> None:
    found = found_by(model())
    tested = {"chosen": Measured(10, 9, 10, 0.1, 1e-6, 3000, 12.0, 1)}
    text, plain, drawn = found_text(found, tested), found_dict(found, tested), found_figure(found)
    assert "9/10" in text and "+10.00" in text and f"{found.known[found.chosen].memory_bytes:,} B" in text
    assert plain["chosen"]["settings"] == SPACE.settings(found.chosen).as_dict()
    assert plain["alone"]["a->b.weight_bits"]["5"] == model()((8, 16, 5)).as_dict()
    assert len(plain["front"]) == len(found.front())
    assert drawn.startswith("<svg") and drawn.count("<circle") >= len(found.front()) + 2
    assert np.isfinite(plain["chosen"]["points_lost"])
