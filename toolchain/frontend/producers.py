"""Marks of the tool that wrote a file: proposed and said with their reason, never acted upon.

No NIR file names its writer, and `/version` is that of the nir package. What each tool's exporter leaves behind was
read off files that it wrote (the versions stand in `presets.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from toolchain.frontend.graph import Finding, FloatArray, Graph, Node
from toolchain.frontend.presets import PRESETS
from toolchain.frontend.primitives import SPIKING, STATEFUL
from toolchain.frontend.rules import Conventions

_SINGLE = 2.0**-21
"""Relative error of a quotient and a product of float32 numbers."""
_GAIN_TOLERANCE = 1e-3
_SNNTORCH_DT = 1e-4
_SLOW_STEPS = 1000
_SNNTORCHS = ("snntorch-leaky", "snntorch-zero", "snntorch-subtract", "snntorch-none", "snntorch-delayed", "snntorch")


@dataclass(frozen=True)
class Proposal:
    """Who may have written a file.

    Attributes:
        presets: that then fit, the likeliest first.
        reason: the marks that were found.
    """

    presets: tuple[str, ...]
    reason: str


def recognise(graph: Graph) -> tuple[Proposal, ...]:
    """What speaks for which tool; empty where nothing does, or Seamount itself wrote the file."""
    neurons = graph.of_kind(*STATEFUL)
    if "seamount" in graph.metadata or not neurons:
        return ()
    found = [proposal for mark in _MARKS if (proposal := mark(graph, neurons)) is not None]
    return tuple(found)


def proposals(graph: Graph, chosen: Conventions) -> list[Finding]:
    """A finding for each tool whose marks the file bears and whose preset was not chosen."""
    return [
        Finding("conventions", f"{found.reason}: {_who(found)}", f"not applied: {_how(found)}", "note")
        for found in recognise(graph)
        if chosen.name not in found.presets
    ]


def _who(found: Proposal) -> str:
    tools = dict.fromkeys(name.partition("-")[0] for name in found.presets)
    return f"looks like {' or '.join(tools)}"


def _how(found: Proposal) -> str:
    return f"read under {chosen_text(found.presets)} if it is"


def chosen_text(presets: tuple[str, ...]) -> str:
    """Presets as options of the command line, those of the same meaning once."""
    distinct = {replace(PRESETS[name], name=""): name for name in reversed(presets)}
    return " or ".join(f"--convention {name}" for name in presets if name in distinct.values())


def dt_in_gain(graph: Graph, rule: str) -> float | None:
    """The time step in seconds that r tells under a preset's rule, None unless all neurons tell the same."""
    if not rule:
        return None
    steps = [_steps_of(node, rule) for node in graph.of_kind("LIF", "CubaLIF")]
    if not steps:
        return None
    each = np.concatenate(steps)
    low, high = float(each.min()), float(each.max())
    if not (np.isfinite(each).all() and low > 0 and high - low <= 1e-4 * high):
        return None
    return float(f"{np.median(each):.6g}")


def _steps_of(node: Node, rule: str) -> FloatArray:
    """dt of every neuron: from r = 1 - dt/tau, or r = tau exp(-dt/tau) / dt by bisection in dt/tau."""
    tau = np.ravel(node.params["tau" if node.kind == "LIF" else "tau_mem"])
    r = np.ravel(node.params["r"])
    if rule == "spyx":
        return np.asarray((1.0 - r) * tau, dtype=np.float64)
    low, high = np.full(tau.shape, 1e-9), np.full(tau.shape, 50.0)
    for _ in range(80):  # exp(-s)/s falls with s
        middle = np.sqrt(low * high)
        above = np.exp(-middle) / middle > r
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    fits = np.abs(np.exp(-low) / low - r) <= 1e-3 * np.abs(r)
    return np.where(fits, low * tau, np.nan)


def _close(values: FloatArray, right: FloatArray | float) -> bool:
    return bool(np.all(np.abs(values - right) <= _SINGLE * np.abs(right)))


def _single(node: Node) -> bool:
    """Whether a node's numbers fit float32."""
    arrays = [value for value in node.params.values() if isinstance(value, np.ndarray)]
    return all(np.array_equal(array.astype(np.float32).astype(np.float64), array) for array in arrays)


def _taus(node: Node) -> FloatArray:
    return np.ravel(node.params.get("tau", node.params.get("tau_mem", np.zeros(0))))


def _scaled(node: Node) -> bool:
    """Whether r = tau/dt (and w_in = tau_syn/dt) at snnTorch's dt."""
    if node.kind not in ("LIF", "CubaLIF"):
        return False
    own = _close(np.ravel(node.params["r"]) * _SNNTORCH_DT, _taus(node))
    if node.kind == "CubaLIF":
        return own and _close(np.ravel(node.params["w_in"]) * _SNNTORCH_DT, np.ravel(node.params["tau_syn"]))
    return own


def _unit_r(node: Node) -> bool:
    return bool(np.all(node.params["r"] == 1))


def _names(graph: Graph, pattern: str) -> bool:
    """Whether the names of all nodes but Input and Output match."""
    inner = [name for name, node in graph.nodes.items() if node.kind not in ("Input", "Output")]
    return all(re.fullmatch(pattern, name) for name in inner)


def _snntorch(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    spiking = [node for node in neurons if node.kind in ("LIF", "CubaLIF")]
    recurrent = [node for node in spiking if node.name.endswith(".lif")]  # stored in double precision
    single = [node for node in spiking if _single(node) or node in recurrent]
    if not spiking or not all(map(_scaled, spiking)) or len(single) < len(spiking) or _names(graph, r"_\d+.*"):
        return None
    reason = f"r = tau/dt at dt {_SNNTORCH_DT:g} s in single precision"
    return Proposal(_SNNTORCHS, f"{reason}; the file has lost the reset rule, which by default subtracts a step late")


def _spikingjelly(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    spiking = [node for node in neurons if node.kind in SPIKING]
    integrating = [node for node in spiking if node.kind == "IF" and np.all(node.params["r"] > 1)]
    doubled = [n for n in spiking if not _single(n) and not n.name.endswith(".lif") and (_scaled(n) or _unit_r(n))]
    if spiking and len({*map(id, integrating), *map(id, doubled)}) == len(spiking) and _names(graph, r"_\d+"):
        return Proposal(("spikingjelly", "spikingjelly-soft"), "r = 1/dt or tau/dt in double precision, nodes _0, _1")
    return None


def _norse(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    short = [n for n in neurons if n.kind in ("LIF", "CubaLIF", "LI") and _unit_r(n) and np.all(_taus(n) < 1e-4)]
    if not any(np.all(_taus(node) > 0) for node in short):
        return None
    cuba = any(node.kind == "CubaLIF" for node in short)
    reason = f"time constants down to {min(float(_taus(n).min()) for n in short):g} s with r = 1 (norse <= 1.1 "
    presets = ("norse-lif",) if cuba else ("norse-lifbox", "norse-1.1-export", "norse-iaf")
    return Proposal(presets, reason + "writes tau times dt)")


def _whole_steps(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    if _norse(graph, neurons) or _spyx(graph, neurons):
        return None
    leaking = [n for n in neurons if n.kind in ("LIF", "LI") and _unit_r(n) and np.all(_taus(n) >= 1)]
    if leaking:
        reason = f"r = 1 and time constants of {float(_taus(leaking[0]).min()):g} and more: time steps, not seconds"
        return Proposal(("sinabs-lif", "sinabs-lif-unnormed"), reason)
    if not any(node.kind == "IF" and _unit_r(node) for node in neurons):
        return None
    lacking = any(f.where.endswith(".v_reset") and f.what == "is missing" for f in graph.findings)
    presets = ("sinabs-iaf", "sinabs-iaf-zero") if lacking else ("norse-iaf", "sinabs-iaf", "sinabs-iaf-zero")
    return Proposal(presets, "IF with r = 1, which means v + x a step and not dt times that")


def _rockpool(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    named = any(re.fullmatch(r"\d+_(Linear|LIF\w*|ExpSyn)Torch", name) for name in graph.nodes)
    dt = dt_in_gain(graph, "rockpool")
    marked = dt is not None and not any(map(_scaled, neurons)) and not any(map(_unit_r, neurons))
    return Proposal(("rockpool",), f"r = tau exp(-dt/tau)/dt at dt {dt:g} s") if named and marked else None


def _spyx(graph: Graph, neurons: tuple[Node, ...]) -> Proposal | None:
    named = any(re.fullmatch(r"layer_\d+.*", name) for name in graph.nodes)
    if not named:
        return None
    dt = dt_in_gain(graph, "spyx")
    return Proposal(
        ("spyx", "spyx-lif", "spyx-cubalif", "spyx-psu"),
        "nodes named layer_0, layer_1" + (f"; r = 1 - dt/tau at dt {dt:g} s" if dt else ""),
    )


_MARKS: tuple[Callable[[Graph, tuple[Node, ...]], Proposal | None], ...] = (
    _snntorch,
    _spikingjelly,
    _norse,
    _rockpool,
    _spyx,
    _whole_steps,
)


def doubts(graph: Graph, chosen: Conventions) -> list[Finding]:
    """What in a file speaks against the conventions chosen for it."""
    return [*_short_taus(graph, chosen), *_slow_taus(graph, chosen), *_gains(graph, chosen), *_lost(chosen)]


def _short_taus(graph: Graph, chosen: Conventions) -> Iterator[Finding]:
    """Time constants below dt are the mark of norse <= 1.1, which writes tau times dt (norse #411)."""
    if chosen.tau_times_dt:
        action = f"took every tau as tau / {chosen.dt:g} s"
        yield Finding("conventions", f"{chosen.name}: the file holds tau times dt", action)
        return
    for node in graph.of_kind("LIF", "CubaLIF"):
        for field in ("tau", "tau_mem", "tau_syn"):
            short = node.params.get(field)
            if short is not None and np.any((short < chosen.dt) & (short > 0)):
                below = int(np.sum((short < chosen.dt) & (short > 0)))
                what = f"{below} of {short.size} values are below dt {chosen.dt:g} s "
                what += f"(smallest {short[short > 0].min():g})"
                kept = "clamped: these neurons keep nothing" if chosen.clamp_decay else "left as it is"
                yield Finding(f"{node.name}.{field}", what, kept, "note")


def _slow_taus(graph: Graph, chosen: Conventions) -> Iterator[Finding]:
    """A neuron of 1000 steps and more hardly moves at all unless its gain makes up for it."""
    if chosen.tau_times_dt:
        return
    for node in graph.of_kind("LIF", "CubaLIF"):
        tau = _taus(node)
        gain = np.ravel(node.params["r"]) * chosen.dt / np.where(tau == 0, np.inf, tau)
        slow = (tau > _SLOW_STEPS * chosen.dt) & (gain < 1 / _SLOW_STEPS)
        if chosen.gain == "file" and np.any(slow):
            what = f"{int(slow.sum())} of {tau.size} neurons have a tau of more than {_SLOW_STEPS} steps "
            what += (
                f"(up to {float(tau[slow].max() / chosen.dt):.3g}) and take {float(gain[slow].max()):.2g} of a drive"
            )
            yield Finding(node.name, what, "left as it is; if tau counts steps, give --dt 1", "note")
    if chosen.integration == "second" and chosen.dt != 1:
        for node in graph.of_kind("IF"):
            if _unit_r(node):
                what = f"an IF with r = 1 takes {chosen.dt:g} of a drive a step"
                action = "left as it is; if r = 1 means v + x, give --dt 1 or a preset of the tool that wrote it"
                yield Finding(node.name, what, action, "note")


def _gains(graph: Graph, chosen: Conventions) -> Iterator[Finding]:
    """r dt/tau = 1 is how snnTorch writes a discrete neuron; another gain scales the input."""
    if not chosen.name.startswith("snntorch"):
        return
    for node in graph.of_kind(*STATEFUL):
        tau = node.params.get("tau", node.params.get("tau_mem"))
        if tau is None or not np.all(np.isfinite(tau)):
            continue
        gain = node.params["r"] * chosen.dt / tau
        if np.max(np.abs(gain - 1)) > _GAIN_TOLERANCE:
            what = f"r dt/tau is {gain.min():g} to {gain.max():g} where {chosen.name} writes 1"
            yield Finding(node.name, what, "kept: the input is scaled by it", "note")


def _lost(chosen: Conventions) -> Iterator[Finding]:
    """What a tool's exporter drops without a word."""
    if chosen.name == "snntorch":
        what = "the reset rule is not in the file; snntorch is read as reset to zero, snnTorch's default is to subtract"
        yield Finding("conventions", what, "give snntorch-zero, or snntorch-leaky for the default", "note")
    if chosen.output_delay_steps:
        what = f"spikes leave each layer {chosen.output_delay_steps} steps late, which a program takes as latency"
        yield Finding("conventions", what, "kept: its outputs come earlier by that than the tool's", "note")
    if chosen.name == "rockpool":
        what = "rockpool's exporter drops biases and recurrence of its neurons"
        yield Finding("conventions", what, "a network that has them is another one here", "note")
    if chosen.name.startswith(("sinabs", "rockpool")):
        what = f"{chosen.name.partition('-')[0]} may send several spikes a step, and its files do not say"
        yield Finding("conventions", what, "one a step is assumed", "note")
