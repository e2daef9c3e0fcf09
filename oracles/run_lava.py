"""Stock Lava 0.10, `fixed_pt`: RingBuffer -> Dense -> LIF -> Dense -> LIF, registers read by Monitors.

Delays: Dense holds its sum for one step, which is delay_steps = 1; DelayDense with d - 1 is delay_steps = d.
RingBuffer sends column t - 1 at Lava's step t, so row s of every recording is step s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from exchange import PlainProgram, main
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor
from lava.utils.weightutils import SignMode

PORTS = {"spikes": "s_out", "current": "u", "voltage": "v"}


def run(network: PlainProgram) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build the processes, run them, read the monitors."""
    neurons = build(network)
    monitors = {}
    for name, process in neurons.items():
        for kind, port in PORTS.items():
            monitors[kind, name] = Monitor()
            monitors[kind, name].probe(getattr(process, port), network.steps)
    first = next(iter(neurons.values()))
    first.run(condition=RunSteps(num_steps=network.steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    arrays = {}
    for (kind, name), monitor in monitors.items():
        (data,) = monitor.get_data().values()
        arrays[f"{kind}/{name}"] = np.asarray(data[PORTS[kind]], dtype=np.int64)
    first.stop()
    return arrays, {"delays": "Dense is 1 step, DelayDense(d - 1) is d steps"}


def build(network: PlainProgram) -> dict[str, Any]:
    """The LIF processes by name, connected; `benchmarks/foreign` times the same."""
    sources = {name: RingBuffer(data=np.ascontiguousarray(spikes.T)) for name, spikes in network.spikes.items()}
    neurons = {population["name"]: _lif(population) for population in network.populations}
    for projection in network.projections:
        source = {**sources, **neurons}[projection["source"]]
        connection = _connection(projection)
        source.s_out.connect(connection.s_in)
        connection.a_out.connect(neurons[projection["target"]].a_in)
    return neurons


def _lif(population: dict[str, Any]) -> Any:
    constants = {key: population[key] for key in ("du", "dv", "vth", "bias_mant", "bias_exp")}
    return LIF(shape=(population["size"],), **constants)


def _connection(projection: dict[str, Any]) -> Any:
    settings = {
        "weights": projection["weights"].astype(np.int32),
        "weight_exp": projection["exponent"],
        "num_weight_bits": 8,
        "sign_mode": SignMode.MIXED,
    }
    if projection["delay_steps"] == 1:
        return Dense(**settings)
    return DelayDense(delays=np.full(projection["weights"].shape, projection["delay_steps"] - 1), **settings)


if __name__ == "__main__":
    main(run, "0.10.0")
