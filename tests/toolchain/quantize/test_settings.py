"""Widths of single populations and projections: what they change, what they leave alone, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.toolchain.quantize.networks import state_space_case
from toolchain.errors import InputError
from toolchain.ir.program import Program
from toolchain.ir.text import write_program
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize.settings import Settings

OWN = {
    "populations": {"block1": {"a_bits": 11, "c_bits": 5, "state_bits": 17}},
    "projections": {"block0->block1": {"weight_bits": 3}},
}


def compiled(settings: Settings) -> Compiled:
    case = state_space_case()
    return compile_graph(case.graph, case.conventions, case.x, settings=settings)


def without_block1(program: Program) -> Program:
    populations = tuple(p for p in program.populations if p.name != "block1")
    projections = tuple(p for p in program.projections if "block1" not in (p.source, p.target))
    return dataclasses.replace(program, populations=populations, projections=projections)


def test_a_width_of_its_own_holds_for_its_layer_alone() -> None:
    program = compiled(Settings.from_dict(OWN)).lowered.program
    before = compiled(Settings()).lowered.program
    own = program.population("block1")
    assert [own.setting(name) for name in ("a_bits", "c_bits", "state_bits")] == [11, 5, 17]
    assert np.abs(own.coefficients["c_re"]).max() <= 15
    assert np.abs(own.coefficients["a_re"]).max() < 1 << 10
    weights = {p.name: int(np.abs(p.connection.values).max()) for p in program.projections}
    assert weights["block0->block1"] <= 3 < weights["block1->sum"]
    assert write_program(without_block1(program)) == write_program(without_block1(before))


def test_widths_for_every_layer_are_the_widths_of_the_network() -> None:
    everywhere = Settings(a_bits=12, c_bits=6, state_bits=20, weight_bits=5)
    network = state_space_case().network
    spaces = [unit.name for unit in network.units if unit.has_modes]
    names = [p.name for p in compiled(Settings()).lowered.program.projections]
    each = Settings(
        populations={name: {"a_bits": 12, "c_bits": 6, "state_bits": 20} for name in spaces},
        projections={name: {"weight_bits": 5} for name in names},
    )
    assert write_program(compiled(each).lowered.program) == write_program(compiled(everywhere).lowered.program)


def test_rows_of_tensors_name_the_width_that_was_used() -> None:
    bits = {tensor.name: tensor.bits for tensor in compiled(Settings.from_dict(OWN)).lowered.tensors}
    assert (bits["block1.a_re"], bits["block1.d"], bits["block0->block1.weights"]) == (11, 5, 3)
    assert (bits["block0.a_re"], bits["block0.d"], bits["input->block0.weights"]) == (16, 8, 8)


def test_head_room_can_be_given_to_any_population() -> None:
    before, after = compiled(Settings()), compiled(Settings(populations={"sum": {"headroom_bits": 9}}))
    assert after.scheme.units["sum"].drive_exponent < before.scheme.units["sum"].drive_exponent
    assert after.scheme.units["block0"].drive_exponent == before.scheme.units["block0"].drive_exponent


def test_settings_survive_their_own_text() -> None:
    own = Settings.from_dict(OWN)
    assert Settings.from_dict(own.as_dict()) == own
    assert set(Settings().as_dict()).isdisjoint(OWN)
    assert own.for_population("block0") == own.for_projection("no such") == Settings()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"populations": {"block9": {"a_bits": 12}}}, r"settings\.populations\.block9: .*block0, block1"),
        ({"populations": {"sum": {"c_bits": 6, "headroom_bits": 2}}}, r"settings\.populations\.sum: .* no c_bits"),
        ({"projections": {"block0": {"weight_bits": 6}}}, r"settings\.projections\.block0: .*block0->block1"),
    ],
)
def test_widths_of_what_is_not_there_are_refused(wrong: dict[str, object], where: str) -> None:
    with pytest.raises(InputError, match=where):
        compiled(Settings.from_dict(wrong))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"populations": [1]}, r"settings\.populations: "),
        ({"populations": {"block0": 12}}, r"settings\.populations\.block0: "),
        ({"populations": {"block0": {"weight_bits": 6}}}, r"settings\.populations\.block0\.weight_bits: "),
        ({"ranges": "hoped"}, r"settings\.ranges: 'hoped' .* observed, proven"),
        ({"populations": {"block0": {"a_bits": 40}}}, r"settings\.populations\.block0\.a_bits: 40 .* 4 \.\. 24"),
        ({"projections": {"a->b": {"weight_bits": True}}}, r"settings\.projections\.a->b\.weight_bits: True"),
    ],
)
def test_bad_widths_are_refused_by_name(wrong: dict[str, object], where: str) -> None:
    with pytest.raises(InputError, match=where):
        Settings.from_dict(wrong)
