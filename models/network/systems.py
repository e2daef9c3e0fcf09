"""The systems of the two papers and their relatives by name: which soma, which mixing.

| name | soma | mixing | source and file |
| --- | --- | --- | --- |
| `spiking-ssm` | LIF, learned threshold | linear | Shen et al., AAAI 2025, as we deploy it: `spiking_ssm.py` |
| `spiking-ssm-vt` | LIF, learned threshold | GLU | the same as published (VT): `layers/mixing.py` |
| `spiking-ssm-vf` | LIF, threshold 1 | GLU | the same as published (VF) |
| `spiking-ssm-sdn` | LIF through a surrogate network | GLU | the same as trained there: `layers/sdn.py` |
| `spiking-ssm-gate` | LIF, learned threshold | binary gate | a select in place of the product: `layers/mixing.py` |
| `binary-s4d` | stateless threshold, arctan | GLU | Stan & Rhodes, 2024: `layers/binary_s4d.py` |
| `binary-s4d-linear` | stateless threshold, arctan | linear | the same without a product |
| `gsu` | ternary, Delta of each token | GSU with GELU | the same paper: `layers/gsu.py` |
| `gsu-constant` | ternary, one Delta a channel | GSU | the same in the form that deploys |
| `prf` | stateless threshold, one mode a channel | two stages | below |

**One mode a channel.** "PRF: Parallel Resonate and Fire" (2024) is the member of the family that asks least of a core:
a channel is one damped oscillation, the spike is a threshold on its real part, and both matrices act on spikes.

    x[t] = exp(dt (-1/tau + i omega)) x[t-1] + u[t];   s[t] = 1 if 2 Re(C' x[t]) + D u[t] >= theta else 0
    u <- u + W_2 H(W_1 s + b_1 - theta_2) + b_2

PRF has C' = 1/2 and D = 0; here they are trained, which costs a core nothing that it does not do anyway. Oscillations
begin with omega = pi, so that the spread of dt is one of periods too: 2 / dt steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolchain.errors import InputError

SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    "spiking-ssm": {"soma": "lif", "mix": "linear"},
    "spiking-ssm-vt": {"soma": "lif", "mix": "glu"},
    "spiking-ssm-vf": {"soma": "lif", "mix": "glu", "theta": "fixed"},
    "spiking-ssm-sdn": {"soma": "sdn", "mix": "glu"},
    "spiking-ssm-gate": {"soma": "lif", "mix": "binary-gate"},
    "binary-s4d": {"soma": "threshold", "surrogate": "arctan", "mix": "glu"},
    "binary-s4d-linear": {"soma": "threshold", "surrogate": "arctan", "mix": "linear"},
    "gsu": {"soma": "ternary-token", "mix": "gsu", "activation": "gelu"},
    "gsu-constant": {"soma": "ternary", "mix": "gsu"},
    "prf": {"soma": "threshold", "surrogate": "arctan", "mix": "two-stage", "modes": 1},
}
"""Settings of `NetworkConfig` by the system's name."""


def system(name: str) -> Mapping[str, Any]:
    """Settings of a system.

    Raises:
        InputError: there is none of that name.
    """
    if name not in SYSTEMS:
        raise InputError("system", f"there is no system {name!r}", f"choose from {sorted(SYSTEMS)}")
    return SYSTEMS[name]
