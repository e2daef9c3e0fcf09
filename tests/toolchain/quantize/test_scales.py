"""How scales are chosen, and what a worse choice costs: on training and validation data, never on test data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from simulators.reference import simulate
from tests.toolchain.quantize.networks import digits, state_space_case
from toolchain.errors import InputError
from toolchain.frontend.links import Link
from toolchain.host.decode import decide
from toolchain.host.encode import encode
from toolchain.lower.floating import float_network
from toolchain.lower.ladder import Ladder
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize.readout import choose_readout, features
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import row_gains, weight_exponent

CALIBRATION, VALIDATION = slice(0, 1221, 5), slice(1221, None)


def compiled_digits(**choices: Any) -> Compiled:
    case = digits()
    return compile_graph(case.graph, case.conventions, case.x[CALIBRATION], settings=Settings(**choices))


def validation_accuracy(compiled: Compiled) -> float:
    case, program = digits(), compiled.lowered.program
    payload, _ = encode(program.inputs[0], case.x[VALIDATION])
    trace = simulate(program, {"input": payload}, record_messages=False, strict=False)
    return float(np.mean(decide(program, trace) == case.y[VALIDATION]))


def float_accuracy() -> float:
    case = digits()
    ladder = Ladder(float_network(case.network), case.x[VALIDATION], case.y[VALIDATION])
    correct = ladder.top().correct
    assert correct is not None
    return correct / len(case.x[VALIDATION])


def test_integers_of_the_digits_lose_at_most_a_third_of_a_point() -> None:
    assert validation_accuracy(compiled_digits()) >= float_accuracy() - 0.0034


@pytest.mark.slow
def test_one_scale_a_layer_for_c_and_d_fails_where_one_a_neuron_does_not() -> None:
    """At 6 bits, where it shows on 216 samples: the same rounding rule, the same data, only the scales differ."""
    float_right = float_accuracy()
    layer = validation_accuracy(compiled_digits(c_scale="layer", c_bits=6))
    neuron = validation_accuracy(compiled_digits(c_scale="neuron", c_rounding="nearest", c_bits=6))
    assert layer < float_right - 0.05
    assert neuron > layer + 0.03


def output_error(**choices: Any) -> float:
    case, compiled = digits(), compiled_digits(**choices)
    ladder = Ladder(float_network(case.network), case.x[VALIDATION], None)
    return ladder.together(compiled.lowered.tensors).output_error


@pytest.mark.slow
def test_the_default_is_the_choice_that_loses_least() -> None:
    default = output_error()
    others: list[dict[str, Any]] = [
        {"weight_scale": "mse"},
        {"weight_scale": "percentile"},
        {"equalize": False},
        {"c_rounding": "nearest"},
    ]
    assert all(default <= output_error(**other) + 1e-12 for other in others)
    assert default < 0.8 * output_error(equalize=False)
    assert default < 0.8 * output_error(c_rounding="nearest")


def rounding_error(case_seed: int, rule: str, bits: int) -> tuple[float, float]:
    """(error in the measure of the moments, plain squared error) of rounding a random readout."""
    rng = np.random.default_rng(case_seed)
    c = rng.normal(size=(5, 4)) + 1j * rng.normal(size=(5, 4))
    d, mixing = rng.normal(size=5), rng.normal(size=(5, 9, 4))
    moments = mixing @ mixing.transpose(0, 2, 1) + 0.01 * np.eye(9)
    top = (1 << (bits - 1)) - 1
    most = top / np.abs(np.stack([c.real, c.imag])).max(axis=(0, 2))
    found = choose_readout(c, d, moments, most, 0, Settings(c_rounding=rule, c_bits=bits))
    back = np.asarray((found.c_re + 1j * found.c_im) / found.c_gain[:, None], np.complex128)
    error = features(back, found.d / found.d_scale) - features(c, d)
    assert max(np.abs(found.c_re).max(), np.abs(found.c_im).max(), np.abs(found.d).max()) <= top
    return float(np.einsum("hf,hfg,hg->", error, moments, error)), float(np.square(error).sum())


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_fitted_rounding_errs_less_where_states_go_together(bits: int) -> None:
    fitted = np.array([rounding_error(seed, "fitted", bits) for seed in range(6)])
    nearest = np.array([rounding_error(seed, "nearest", bits) for seed in range(6)])
    assert np.all(fitted[:, 0] < 0.7 * nearest[:, 0])
    assert np.all(fitted[:, 1] > 0)


def link_of(weights: np.ndarray) -> Link:
    return Link("a", "b", scipy.sparse.csr_array(weights), 0, "w")


@pytest.mark.parametrize(
    ("rule", "expected"), [("max", 3), ("mse", 4), ("percentile", 5)], ids=["max", "mse", "percentile"]
)
def test_weight_scales_by_hand(rule: str, expected: int) -> None:
    """Many weights up to 3.9 and one of 8: 3 bits of fraction hold it whole, 4 cut off 0.06 of it, 5 cut off half."""
    weights = np.full((40, 60), 3.9) * np.linspace(-1, 1, 60)
    weights[0, 0] = 8.0
    assert weight_exponent(link_of(weights), np.ones(40), Settings(weight_scale=rule)) == expected


def test_cut_weights_stay_inside_their_width() -> None:
    case = state_space_case()
    compiled = compile_graph(
        case.graph, case.conventions, case.x, settings=Settings(weight_scale="percentile", weight_bits=4)
    )
    for projection in compiled.lowered.program.projections:
        assert np.abs(projection.connection.values).max() <= 7


def test_rows_are_stretched_where_it_costs_nothing_else() -> None:
    case = state_space_case()
    block, integrator = case.network.unit("block1"), case.network.unit("sum")
    gains = block.free_gains(case.network.into("block1"), Settings())
    assert gains.min() >= 1 and gains.max() > 1.5
    assert np.all(integrator.free_gains(case.network.into("sum"), Settings()) == 1)
    assert np.all(block.free_gains(case.network.into("block1"), Settings(equalize=False)) == 1)


def _in_sixteenths(link: Link) -> Link:
    weights = link.weights.copy()
    weights.data = np.clip(np.rint(weights.data * 16), -127, 127) / 16
    return dataclasses.replace(link, weights=weights)


def test_exact_weights_are_left_alone() -> None:
    case = state_space_case()
    small = tuple(_in_sixteenths(link) for link in case.network.into("block1"))
    assert np.all(row_gains(12, small, Settings()) == 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight_bits": 9},
        {"a_bits": True},
        {"weight_scale": "best"},
        {"c_rounding": 1},
        {"equalize": 2},
        {"pole_tolerance": 0.0},
        {"pole_tolerance": "much"},
        {"no_such": 1},
    ],
)
def test_bad_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"settings\."):
        Settings.from_dict(wrong)
