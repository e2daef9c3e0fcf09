"""Conventions named for a tool, its neuron and the version that they were checked against.

Each is held to traces that the tool itself made, under ``tests/golden/frameworks`` (``python -m oracles.frameworks``
makes them again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from toolchain.errors import InputError
from toolchain.frontend.rules import Conventions


@dataclass(frozen=True)
class Preset:
    """Conventions and where they come from.

    Attributes:
        conventions: named as the preset.
        tool, version: whose, "" where it is no one tool's.
        neurons: of the tool that step so, in words.
        older: whether the name is only kept for those who used it.
        dt_in_gain: how r tells the time step: "rockpool" r = tau exp(-dt/tau) / dt, "spyx" r = 1 - dt/tau; "" where
            it doesn't.
    """

    conventions: Conventions
    tool: str = ""
    version: str = ""
    neurons: str = ""
    dt_in_gain: str = ""
    older: bool = False


_SNNTORCH = Conventions("snntorch", precision="single", clamp_decay=True)
_NORSE = Conventions(
    "norse", precision="single", start="v_leak", integration="step", recurrent_bias_at_start=False
)  # its own exports write r = 1 for an IF whatever dt is
_NORSE_EXPORT = replace(_NORSE, dt=1e-3, tau_times_dt=True)
_SINABS = Conventions("sinabs", dt=1.0, reset="subtract", compare=">=", integration="step", precision="single")
_ROCKPOOL = Conventions(
    "rockpool", dt=1e-3, reset="subtract", compare=">=", input="decayed", decay="exp", gain="unit", precision="single"
)
_JELLY = Conventions("spikingjelly", compare=">=", start="v_reset", precision="single")
_SPYX = Conventions(
    "spyx", reset="subtract-spyx", gain="unit", precision="single", clamp_decay=True, output_delay_steps=1
)
_LAVA_DL = Conventions("lava-dl", dt=1.0, input="jump", gain="unit")


def _named(name: str, base: Conventions, **switches: Any) -> Conventions:
    return replace(base, name=name, **switches)


_LEAKY = "Leaky, Synaptic, RLeaky, RSynaptic"
_ALL = (
    Preset(Conventions("nir"), neurons="the equations of NIR by forward Euler"),
    Preset(_SNNTORCH, "snntorch", "1.0.0", f"{_LEAKY} with reset zero", older=True),
    Preset(
        _named("snntorch-leaky", _SNNTORCH, reset="subtract-delayed"),
        "snntorch", "1.0.0", f"{_LEAKY} as they come: reset by subtraction, a step late",
    ),
    Preset(_named("snntorch-zero", _SNNTORCH), "snntorch", "1.0.0", f"{_LEAKY} with reset zero, late or not"),
    Preset(
        _named("snntorch-subtract", _SNNTORCH, reset="subtract-snntorch"),
        "snntorch", "1.0.0", f"{_LEAKY} with reset by subtraction, not late",
    ),
    Preset(
        _named("snntorch-delayed", _SNNTORCH, reset="subtract-delayed"),
        "snntorch", "1.0.0", "as snntorch-leaky", older=True,
    ),
    Preset(_named("snntorch-none", _SNNTORCH, reset="none"), "snntorch", "1.0.0", f"{_LEAKY} without reset"),
    Preset(_NORSE, "norse", "1.1.0", "LIFBoxCell, IAFCell, LIBoxCell in files of right time constants"),
    Preset(_named("norse-lif", _NORSE_EXPORT, input="jump"), "norse", "1.1.0", "LIFCell, as its exporter writes it"),
    Preset(
        _named("norse-lifbox", _NORSE_EXPORT), "norse", "1.1.0", "LIFBoxCell and LIBoxCell, as its exporter writes them"
    ),
    Preset(_named("norse-iaf", _NORSE_EXPORT), "norse", "1.1.0", "IAFCell, as its exporter writes it"),
    Preset(_named("norse-1.1-export", _NORSE_EXPORT), "norse", "1.1.0", "as norse-lifbox", older=True),
    Preset(_named("sinabs-iaf", _SINABS), "sinabs", "3.1.3", "IAF with SingleSpike"),
    Preset(
        _named("sinabs-iaf-zero", _SINABS, reset="to_v_reset"), "sinabs", "3.1.3", "IAF with SingleSpike, MembraneReset"
    ),
    Preset(_named("sinabs-lif", _SINABS, decay="exp"), "sinabs", "3.1.3", "LIF, ExpLeak with norm_input, SingleSpike"),
    Preset(
        _named("sinabs-lif-unnormed", _SINABS, decay="exp", gain="unit"),
        "sinabs", "3.1.3", "LIF, ExpLeak without norm_input, SingleSpike",
    ),
    Preset(_ROCKPOOL, "rockpool", "3.1.0", "LIFTorch, LIFNeuronTorch", "rockpool"),
    Preset(_JELLY, "spikingjelly", "2.0.0", "IF, LIF, ParametricLIF, CUBALIF with hard reset"),
    Preset(
        _named("spikingjelly-soft", _JELLY, reset="subtract", start="zero"),
        "spikingjelly", "2.0.0", "IF, LIF, ParametricLIF with v_reset=None",
    ),
    Preset(_SPYX, "spyx", "1.0.0", "IF, LIF, RLIF, CuBaLIF", "spyx"),
    Preset(_named("spyx-lif", _SPYX, reset="subtract-delayed"), "spyx", "1.0.0", "IF, LIF, RIF, RLIF", "spyx"),
    Preset(_named("spyx-cubalif", _SPYX, reset="subtract"), "spyx", "1.0.0", "CuBaLIF, RCuBaLIF", "spyx"),
    Preset(_named("spyx-psu", _SPYX, dt=1.0), "spyx", "1.0.0", "PSU_LIF and LI, exported at the default dt of 1"),
    Preset(_LAVA_DL, "lava-dl", "0.6.0", "CUBA of netx, in units of steps"),
    Preset(Conventions("seamount", compare=">=")),
)  # fmt: skip

PRESET_OF: Mapping[str, Preset] = {preset.conventions.name: preset for preset in _ALL}
"""Presets by name."""

PRESETS: Mapping[str, Conventions] = {name: preset.conventions for name, preset in PRESET_OF.items()}
"""Conventions by name."""

LISTED = tuple(name for name, preset in PRESET_OF.items() if not preset.older)
"""The names to choose from."""


def find_preset(name: str) -> Conventions:
    """The conventions of that name.

    Raises:
        InputError: there are none.
    """
    if name not in PRESETS:
        raise InputError("conventions", f"no preset is named {name!r}", f"use one of {', '.join(LISTED)}")
    return PRESETS[name]
