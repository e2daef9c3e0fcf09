"""Live networks of spyx, which has an environment of its own: PYTHONPATH names it where it is to run here."""

from __future__ import annotations

from typing import Any

import pytest

from seamount.importing import from_spyx
from tests.models.importing.inputs import images, kinds, outcome, spikes, vectors
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend import conventions_for

pytestmark = pytest.mark.filterwarnings("ignore")
spyx = pytest.importorskip("spyx.nn", reason="spyx is not installed (.oracles has it)")


def sequential(*layers: Any) -> Any:
    """A network of spyx with matrices that make it spike."""
    for layer in layers:
        if hasattr(layer, "kernel"):
            layer.kernel.set_value(layer.kernel[...] * 3.0)
    return spyx.Sequential(*layers)


@pytest.mark.parametrize("kind", ["IF", "LIF", "CuBaLIF"])
def test_every_neuron_sends_a_step_late(kind: str) -> None:
    from flax import nnx

    rngs = nnx.Rngs(0)
    neuron = getattr(spyx, kind)
    net = sequential(
        nnx.Linear(6, 8, rngs=rngs), neuron((8,), rngs=rngs), nnx.Linear(8, 3, rngs=rngs), neuron((3,), rngs=rngs)
    )
    graph = from_spyx(net, vectors())
    nir = "CubaLIF" if kind == "CuBaLIF" else "LIF"
    assert kinds(graph) == {"layer_0": "Affine", "layer_1": nir, "layer_2": "Affine", "layer_3": nir}
    assert spikes(graph) > 30 and conventions_for(graph).output_delay_steps == 1


def test_a_readout_and_images() -> None:
    from flax import nnx

    rngs = nnx.Rngs(0)
    net = sequential(
        spyx.Flatten(), nnx.Linear(36, 8, use_bias=False, rngs=rngs), spyx.LIF((8,), rngs=rngs),
        nnx.Linear(8, 3, rngs=rngs), spyx.LI((3,), rngs=rngs),
    )  # fmt: skip
    graph = from_spyx(net, images())
    assert kinds(graph)["layer_4"] == "LI" and "voltages within" in outcome(graph)


def test_what_no_graph_says_is_refused() -> None:
    from flax import nnx

    rngs = nnx.Rngs(0)
    with pytest.raises(UnsupportedError, match="layer_1: spyx' ALIF has no form here"):
        from_spyx(sequential(nnx.Linear(6, 8, rngs=rngs), spyx.ALIF((8,), rngs=rngs)), vectors())
    with pytest.raises(InputError, match=r"give a spyx.nn.Sequential"):
        from_spyx(nnx.Linear(6, 8, rngs=rngs), vectors())


def test_weights_that_are_no_numbers_are_refused() -> None:
    from flax import nnx

    rngs = nnx.Rngs(0)
    net = sequential(nnx.Linear(6, 8, rngs=rngs), spyx.LIF((8,), rngs=rngs))
    net.layers[0].kernel.set_value(net.layers[0].kernel[...].at[0, 0].set(float("nan")))
    with pytest.raises(InputError, match=r"layer_0\.weight: 1 of 48 values is NaN or infinite"):
        from_spyx(net, vectors())
