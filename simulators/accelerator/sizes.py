"""How much of a run is on the device at once: so many samples, over so many steps."""

from __future__ import annotations

import torch

from simulators.accelerator.engines import Engine
from simulators.accelerator.plan import Plan
from toolchain.ir.timestep import stored_registers

HOST_BYTES = 1_000_000_000
"""Room that a run takes on the host."""

SHARE = 0.5
"""Of a GPU's free memory; what is not taken holds the products' operands, which `synapses` keeps small."""

MOST_STEPS, FEW_STEPS = 256, 32


def room_bytes(engine: Engine) -> int:
    """How many bytes a run may take."""
    if engine.device != "cuda":
        return HOST_BYTES
    free, _ = torch.cuda.mem_get_info()
    return int(SHARE * free)


def choose(plans: dict[str, Plan], channels: int, samples: int, steps: int, room: int) -> tuple[int, int]:
    """(samples side by side, steps of a block): all samples if a block of `FEW_STEPS` steps then still has room.

    Args:
        plans: of all populations.
        channels: of all inputs together.
        samples, steps: of the whole run.
        room: bytes.
    """
    most = max(1, min(MOST_STEPS, steps))
    fixed = sum(_kept_bytes(plan) for plan in plans.values()) + 16 * channels
    a_step = sum(_step_bytes(plan) for plan in plans.values()) + 8 * channels + _widest_port_bytes(plans)
    few = min(FEW_STEPS, most)
    beside = max(1, min(samples, int(room / (fixed + few * a_step))))
    return beside, max(1, min(most, int((room / beside - fixed) / a_step)))


def _kept_bytes(plan: Plan) -> int:
    """A sample's registers and counts of messages; the past of messages counts as part of a block."""
    words = [plan.state_bits(r.name) * _product(plan.extent(r)) for r in stored_registers(plan.population)]
    return sum(words) + 16 * plan.population.size


def _step_bytes(plan: Plan) -> int:
    probes = sum(8 * _product(plan.extent(register)) for register in plan.probed)
    return probes + plan.message_bits * plan.population.size


def _widest_port_bytes(plans: dict[str, Plan]) -> int:
    """Port sums live while their population runs; two sets, since one is added to another."""
    return max((16 * len(plan.ports) * plan.population.size for plan in plans.values()), default=1)


def _product(extent: tuple[int, ...]) -> int:
    return extent[0] * (extent[1] if len(extent) == 2 else 1)
