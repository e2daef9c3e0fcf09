"""What is timed: networks, numbers of samples, and how long every contender may run."""

from __future__ import annotations

from benchmarks.measure import Case
from benchmarks.networks import lif_input, lif_network, ssm_input, ssm_network

OURS, ONE_CORE, LAVA, ONNX, FLOAT = "seamount", "seamount, one core", "Lava", "onnxruntime", "snnTorch (float)"
SMNIST_STEPS, SMNIST_IMAGES = 784, 10_000
SHARES = (0.02, 0.1, 0.5)


def ssm_case(samples: int, *, others: bool) -> Case:
    """Four layers of 128 neurons with 32 modes."""
    lengths = {OURS: (256, 256 + 32768 // samples)}
    lengths[LAVA] = (40, 640) if samples == 1 else (10, 70)
    if others:
        lengths |= {ONE_CORE: lengths[OURS], ONNX: (10, 310 if samples == 1 else 110), FLOAT: (20, 220)}
    return Case(f"SSM 128 x 32 x 4, batch {samples}", ssm_network(), ssm_input, samples, lengths)


def smnist_case() -> Case:
    """Two layers of 256 neurons with 32 modes, as long as an image of sMNIST has pixels."""
    ours = (SMNIST_STEPS, 8 * SMNIST_STEPS)
    lengths = {OURS: ours, LAVA: (32, 432), ONE_CORE: ours, ONNX: (10, 310), FLOAT: (20, 220)}
    return Case("SSM 256 x 32 x 2 (sMNIST)", ssm_network(256, 32, 2), ssm_input, 1, lengths)


def lif_case(share: float, *, others: bool) -> Case:
    """Three layers of 1000 LIF neurons of which a share spikes."""
    lengths = {OURS: (256, 8448 if share < 0.05 else 2304), LAVA: (20, 320)}
    if others:
        lengths |= {ONE_CORE: lengths[OURS], ONNX: (5, 105), FLOAT: (20, 220)}
    name = f"LIF 3 x 1000 at {share:.0%}"
    return Case(name, lif_network(share), lambda n, steps: lif_input(n, steps, share), 1, lengths)


def start_case(kind: str) -> Case:
    """The network whose start-up and memory are measured, by the name that `fresh` gives it."""
    return lif_case(SHARES[0], others=True) if kind == "lif" else ssm_case(1, others=True)
