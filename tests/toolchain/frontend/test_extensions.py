"""Extension nodes: written and read back, run in float64, refused by stock nir, absent where they are not needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nir
import numpy as np
import pytest

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend import Graph, conventions_for, read_nir, run, write_nir
from toolchain.frontend.extensions import EXTENSIONS, METADATA_KEY, extension_kinds, extension_note
from toolchain.frontend.primitives import PRIMITIVES
from toolchain.frontend.sketch import Sketch

H = 3
RNG = np.random.default_rng(5)
LEFT, RIGHT = RNG.normal(size=(2, H, H))
BIAS = RNG.normal(size=H)
OPENS_AT = np.array([-0.5, 0.0, 0.7])
X = np.concatenate([RNG.normal(size=(2, 6, H)), np.zeros((2, 1, H))], axis=1)


def halves(sketch: Sketch) -> list[str]:
    """left x + bias in the first half, right x in the second."""
    return [sketch.halves("left", LEFT, "input", 0, BIAS), sketch.halves("right", RIGHT, "input", 1)]


def sketched(add: Callable[[Sketch], str]) -> Graph:
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", H, {})
    sketch.add("output", "Output", H, {}, add(sketch))
    return sketch.graph({})


LEFT_X, RIGHT_X = X @ LEFT.T + BIAS, X @ RIGHT.T
DECAY, PHASE, LEAST = np.array([0.9, 0.99, 0.5]), np.array([0.5, 2.0, 1.0]), np.array([0.1, 0.5, 0.8])


def turned() -> np.ndarray:
    """Whether each oscillator's real part is great enough as its imaginary part comes to 0, step by step."""
    state, sent = np.zeros((len(X), H), dtype=complex), []
    for real, imaginary in zip(np.moveaxis(LEFT_X, 1, 0), np.moveaxis(RIGHT_X, 1, 0), strict=True):
        before, state = state.imag, DECAY * np.exp(1j * PHASE) * state + real + 1j * imaginary
        sent.append((state.real >= LEAST) & (before < 0) & (state.imag >= 0))
    return np.stack(sent, axis=1).astype(float)


def changes() -> np.ndarray:
    """What is sent: the activation less all that was sent before, where that is enough."""
    activation, sent = np.maximum(np.cumsum(X, axis=1) + BIAS, 0), np.zeros_like(X)
    for t in range(X.shape[1]):
        owed = activation[:, t] - sent[:, :t].sum(axis=1)
        sent[:, t] = np.where(np.abs(owed) >= LEAST, owed, 0)
    return sent


CASES: dict[str, tuple[Callable[[Sketch], str], np.ndarray]] = {
    "seamount.SigmoidGate": (lambda s: s.sigmoid_gate("n", H, halves(s)), LEFT_X / (1 + np.exp(-RIGHT_X))),
    "seamount.BinaryGate": (
        lambda s: s.binary_gate("n", OPENS_AT, halves(s)),
        np.where(RIGHT_X >= OPENS_AT, LEFT_X, 0.0),
    ),
    "seamount.Product": (lambda s: s.product("n", H, halves(s)), LEFT_X * RIGHT_X),
    "seamount.Ternary": (
        lambda s: s.ternary("n", np.abs(X[0, 0]), "input"),
        np.sign(X) * (np.abs(X) >= np.abs(X[0, 0])),
    ),
    "seamount.Rectifier": (lambda s: s.rectifier("n", H, "input"), np.where(X > 0, X, 0.0)),
    "seamount.ResonateFire": (lambda s: s.resonate_fire("n", DECAY, PHASE, LEAST, halves(s)), turned()),
    "seamount.SigmaDelta": (lambda s: s.sigma_delta("n", BIAS, LEAST, "input"), changes()),
}


def test_every_extension_has_a_case() -> None:
    assert CASES.keys() == EXTENSIONS.keys()
    assert not EXTENSIONS.keys() & PRIMITIVES.keys()


@pytest.mark.parametrize("kind", CASES)
def test_it_computes_what_the_page_says(kind: str) -> None:
    graph = sketched(CASES[kind][0])
    found, _ = run(graph, X, conventions_for(graph))
    assert np.allclose(found, CASES[kind][1], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("kind", CASES)
def test_it_survives_a_file_and_says_that_stock_readers_will_not_take_it(kind: str, tmp_path: Path) -> None:
    graph = sketched(CASES[kind][0])
    write_nir(graph, tmp_path / "net.nir")
    read = read_nir(tmp_path / "net.nir", strict=True)
    assert read.metadata[METADATA_KEY] == kind
    assert [str(finding) for finding in read.findings] == [
        f"graph: holds {kind}, which NIR lacks: stock readers refuse the file; read as extensions"
    ]
    conventions = conventions_for(graph)
    assert np.array_equal(run(read, X, conventions)[0], run(graph, X, conventions)[0])
    write_nir(read, tmp_path / "again.nir")
    assert (tmp_path / "again.nir").read_bytes() == (tmp_path / "net.nir").read_bytes()


@pytest.mark.parametrize("kind", CASES)
def test_stock_nir_refuses_the_file(kind: str, tmp_path: Path) -> None:
    write_nir(sketched(CASES[kind][0]), tmp_path / "net.nir")
    with pytest.raises(AssertionError):
        nir.read(tmp_path / "net.nir")


def test_a_graph_that_needs_none_is_pure_nir(tmp_path: Path) -> None:
    graph = sketched(lambda s: s.threshold("fire", np.ones(H), s.matrix("mix", LEFT, "input", BIAS)))
    write_nir(graph, tmp_path / "net.nir")
    assert (extension_kinds(graph), extension_note(graph)) == ((), "")
    assert {type(node).__name__ for node in nir.read(tmp_path / "net.nir").nodes.values()} <= PRIMITIVES.keys()
    assert METADATA_KEY not in read_nir(tmp_path / "net.nir").metadata


def test_ternary_sends_the_sign_at_its_threshold_exactly() -> None:
    graph = sketched(lambda s: s.ternary("n", np.full(H, 0.5), "input"))
    found, _ = run(graph, np.array([[[0.5, -0.5, 0.4999]]]), conventions_for(graph))
    assert found.tolist() == [[[1.0, -1.0, 0.0]]]


def test_odd_halves_are_refused(tmp_path: Path) -> None:
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", H, {})
    sketch.product("n", 2, ["input"])
    sketch.add("output", "Output", 2, {}, "n")
    write_nir(sketch.graph({}), tmp_path / "net.nir")
    with pytest.raises(InputError, match=r"n: takes \(4,\) and gets \(3,\)"):
        read_nir(tmp_path / "net.nir")


def test_a_threshold_that_never_closes_is_refused(tmp_path: Path) -> None:
    write_nir(sketched(lambda s: s.ternary("n", np.array([1.0, 0.0, 1.0]), "input")), tmp_path / "net.nir")
    with pytest.raises(InputError, match=r"n\.threshold: 1 of 3 values are not positive \(smallest 0\); raise it"):
        read_nir(tmp_path / "net.nir")


def test_an_unknown_extension_is_named(tmp_path: Path) -> None:
    graph = sketched(lambda s: s.rectifier("n", H, "input"))
    write_nir(graph, tmp_path / "net.nir")
    data = (tmp_path / "net.nir").read_bytes().replace(b"seamount.Rectifier", b"seamount.Rectangle")
    (tmp_path / "net.nir").write_bytes(data)
    with pytest.raises(UnsupportedError, match=r"n: type seamount\.Rectangle is not a known extension; supported"):
        read_nir(tmp_path / "net.nir")
