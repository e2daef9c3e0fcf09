"""What a NIR file cannot say, as switches: time step, decay, gain, input, reset, comparison, start, precision.

NIR is continuous in time. Tools step the same file differently; `presets.py` names how each does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import Finding

Reset = Literal["to_v_reset", "subtract", "subtract-snntorch", "subtract-delayed", "subtract-spyx", "none"]
Compare = Literal[">", ">="]
InputRule = Literal["sampled", "jump", "decayed"]
Decay = Literal["euler", "exp"]
Gain = Literal["file", "unit"]
Start = Literal["zero", "v_leak", "v_reset"]
Precision = Literal["double", "single"]
Integration = Literal["second", "step"]


@dataclass(frozen=True)
class Conventions:
    """How a network in NIR is stepped.

    Attributes:
        name: of the preset.
        dt: time step in seconds.
        reset: what a spike does to the voltage. "to_v_reset": v = v_reset. "subtract": v -= threshold.
            "subtract-snntorch": snnTorch's subtract without delay, which counts a voltage above threshold at the start
            of the step too (r = v > thr; v = decay v + in - r thr; z = v > thr; v -= (z - r) thr). "subtract-delayed":
            snnTorch's default, where the subtraction waits for the next step and follows the decay. "subtract-spyx":
            the rule before for IF and LIF, "subtract" for CubaLIF. "none": the voltage goes on.
        compare: whether a voltage at the threshold spikes.
        input: how CubaLIF and CubaLI take input: "sampled" i += dt/tau_syn (w_in x - i); "jump" i += w_in x at the
            start of the step, decay at its end (norse's LIFCell); "decayed" i += w_in x, which decays before it acts
            (rockpool).
        decay: share of a voltage or current lost in a step: "euler" dt/tau, "exp" 1 - exp(-dt/tau).
        gain: "file": the lost share times r (for a current, w_in); "unit": 1, whatever r and w_in say.
        start: first voltage; "v_leak" means v_reset for an IF, which has no v_leak.
        precision: in which the tool computes: "single" rounds dt (where the file's numbers are single too), decays,
            gains and states to float32.
        integration: what r of IF and I counts: "second" v += dt r x, "step" v += r x.
        clamp_decay: whether shares kept are clamped to 0 .. 1, so that tau < dt forgets all, tau < 0 nothing.
        recurrent_bias_at_start: whether a recurrent Affine adds its bias at t = 0 already, before any spike.
        output_delay_steps: by how many steps spiking neurons emit late.
        loop_delay_steps: by how many steps a loop through several neurons is late, where it closes (`order`).
        tau_times_dt: whether the file holds tau times dt (norse <= 1.1 exports), to be divided out.
        findings: what choosing these conventions for a graph noticed.
    """

    name: str
    dt: float = 1e-4
    reset: Reset = "to_v_reset"
    compare: Compare = ">"
    input: InputRule = "sampled"
    decay: Decay = "euler"
    gain: Gain = "file"
    start: Start = "zero"
    precision: Precision = "double"
    integration: Integration = "second"
    clamp_decay: bool = False
    recurrent_bias_at_start: bool = True
    output_delay_steps: int = 0
    loop_delay_steps: int = 1
    tau_times_dt: bool = False
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no preset could have."""
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise InputError("conventions.dt", f"{self.dt} s is not a positive time", "give seconds")
        if self.output_delay_steps < 0:
            raise InputError("conventions.output_delay_steps", f"{self.output_delay_steps} < 0", "give 0 or more")
        if self.loop_delay_steps < 1:
            raise InputError("conventions.loop_delay_steps", f"{self.loop_delay_steps} < 1", "give 1 or more")
        for field, known in WORDS.items():
            if getattr(self, field) not in known:
                what = f"{getattr(self, field)!r} is not a known rule"
                raise InputError(f"conventions.{field}", what, f"use one of {', '.join(known)}")

    def reset_of(self, kind: str) -> Reset:
        """The reset rule of a NIR type."""
        if self.reset == "subtract-spyx":
            return "subtract" if kind == "CubaLIF" else "subtract-delayed"
        return self.reset


WORDS: Mapping[str, tuple[str, ...]] = {
    "reset": ("to_v_reset", "subtract", "subtract-snntorch", "subtract-delayed", "subtract-spyx", "none"),
    "compare": (">", ">="),
    "input": ("sampled", "jump", "decayed"),
    "decay": ("euler", "exp"),
    "gain": ("file", "unit"),
    "start": ("zero", "v_leak", "v_reset"),
    "precision": ("double", "single"),
    "integration": ("second", "step"),
}
"""The values of each switch that is a word."""
