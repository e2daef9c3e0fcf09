"""The neuron types' own rules beyond widths (poles have a file of their own): what passes, and the whole message."""

from __future__ import annotations

import numpy as np
import pytest

from toolchain.ir.neurons import NEURONS_BY_NAME, Values
from toolchain.ir.neurons.gate import shares_at_most_one


def test_a_share_is_at_most_one() -> None:
    assert shares_at_most_one(Values({"table_bits": 3, "table": np.array([0, 8])})) == []
    assert shares_at_most_one(Values({"table_bits": 3, "table": np.array([0, 8, 9, 10])})) == [
        "entry 2 of the table is 9, over 8 (1 at 3 bits); lower it"
    ]


@pytest.mark.parametrize(
    ("neuron", "rules"),
    [
        ("ssm_lif", ["poles_inside_unit_disc"]),
        ("ssm_threshold", ["poles_inside_unit_disc"]),
        ("ssm_graded", ["poles_inside_unit_disc"]),
        ("sigmoid_gate", ["shares_at_most_one"]),
    ],
)
def test_types_have_their_rules(neuron: str, rules: list[str]) -> None:
    assert [rule.__name__ for rule in NEURONS_BY_NAME[neuron].rules] == rules
