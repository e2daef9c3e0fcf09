"""One layer a core against what Intel's compiler printed: cores equal or off by one, words within 2 %.

Where a layer takes one core more or less, the words are compared over the whole layer, which is what the table gives
for a core times its cores.
"""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks import compiler_tables as published
from benchmarks.compiler_tables import Row, network
from toolchain.ir.program import Program
from toolchain.mapping import Target, Usage, load_target
from toolchain.mapping.place import settle
from toolchain.mapping.usage import Demand

LOIHI2 = load_target("loihi2")
NAMES = ("pilotnet", "yolo", "oxford", "s4d")


def of_2022() -> Target:
    """The compiler of 2022 took two entries towards a kernel with a stride, that of 2023-24 one."""
    fields = LOIHI2.model_dump()
    fields["strided_entries"]["value"] = fields["strided_entries"]["high"]
    return Target.model_validate(fields)


@cache
def case(name: str) -> tuple[Program, tuple[Row, ...], Target]:
    if name == "pilotnet":
        rows = published.PILOTNET
        return network(name, published.PILOTNET_INPUT, rows, "sigma_delta"), rows, of_2022()
    if name == "yolo":
        return network(name, published.YOLO_INPUT, published.YOLO, "sigma_delta"), published.YOLO, LOIHI2
    if name == "oxford":
        return network(name, published.OXFORD_INPUT, published.OXFORD, "cuba_lif"), published.OXFORD, LOIHI2
    return published.s4d(), published.S4D, LOIHI2


@cache
def layers(name: str, rule: str = "layers") -> dict[str, list[Usage]]:
    """What each core takes, by its first population."""
    program, _, target = case(name)
    layout = settle(Demand(program, target), rule)[0]
    found: dict[str, list[Usage]] = {}
    for parts, usage in zip(layout.cores, layout.used, strict=True):
        found.setdefault(parts[0].population, []).append(usage)
    return found


ROWS = [(name, number) for name in NAMES for number in range(len(case(name)[1]))]


@pytest.mark.parametrize(("name", "number"), ROWS)
def test_cores_and_words_of_a_layer(name: str, number: int) -> None:
    row, found = case(name)[1][number], layers(name)[f"layer{number}"]
    assert abs(len(found) - row.cores) <= 1
    printed = row.words * row.cores
    assert sum(usage.core_words for usage in found) == pytest.approx(printed, rel=0.02)


@pytest.mark.parametrize(("name", "number"), [row for row in ROWS if case(row[0])[1][row[1]].kernel])
def test_tiles_of_a_convolution(name: str, number: int) -> None:
    """Cores and the room of a tile are exactly the compiler's, whatever the shape of the tile."""
    row, found = case(name)[1][number], layers(name)[f"layer{number}"]
    assert len(found) == row.cores
    assert {usage.neurons for usage in found} == {row.room}
    assert max(usage.axon_in for usage in found) <= 2
    assert {usage.synapse_words for usage in found} == {row.synapse_words}


def test_entries_that_name_tiles_follow_all_rows_of_one_table() -> None:
    """A rule read off these rows. Left out is the row whose next layer the compiler cut into other tiles (4, 14)."""
    for number, row in enumerate(published.YOLO):
        if number == 8:
            continue
        found = layers("yolo")[f"layer{number}"]
        assert max(usage.axon_memory for usage in found) == row.axon_memory


@pytest.mark.parametrize(("name", "cores"), [("pilotnet", 61), ("yolo", 574), ("oxford", 5), ("s4d", 5)])
def test_cores_of_whole_networks(name: str, cores: int) -> None:
    total = sum(map(len, layers(name).values()))
    assert abs(total - cores) <= max(1, 0.1 * cores)
    packed = sum(map(len, layers(name, "packed").values()))
    assert packed <= total
