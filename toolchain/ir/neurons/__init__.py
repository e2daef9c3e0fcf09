"""The neuron types that a program may use: one file each, listed here by hand."""

from toolchain.ir.neurons.base import (
    Coefficient,
    Keep,
    NeuronType,
    Port,
    Register,
    Setting,
    Values,
)
from toolchain.ir.neurons.cuba_lif import CUBA_LIF
from toolchain.ir.neurons.current_lif import CURRENT_LIF
from toolchain.ir.neurons.gate import BINARY_GATE, SIGMOID_GATE
from toolchain.ir.neurons.integrate_fire import INTEGRATE_FIRE
from toolchain.ir.neurons.integrator import INTEGRATOR
from toolchain.ir.neurons.lif import LIF
from toolchain.ir.neurons.product import PRODUCT
from toolchain.ir.neurons.rectifier import RECTIFIER, TERNARY
from toolchain.ir.neurons.relay import RELAY
from toolchain.ir.neurons.resonate_fire import RESONATE_FIRE
from toolchain.ir.neurons.sigma_delta import SIGMA_DELTA
from toolchain.ir.neurons.ssm_graded import SSM_GRADED
from toolchain.ir.neurons.ssm_lif import SSM_LIF
from toolchain.ir.neurons.ssm_soma import SSM_SOMA
from toolchain.ir.neurons.ssm_threshold import SSM_THRESHOLD

NEURONS: tuple[NeuronType, ...] = (
    SSM_LIF,
    SSM_THRESHOLD,
    SSM_GRADED,
    SSM_SOMA,
    CUBA_LIF,
    LIF,
    CURRENT_LIF,
    INTEGRATE_FIRE,
    RELAY,
    INTEGRATOR,
    RECTIFIER,
    TERNARY,
    SIGMOID_GATE,
    BINARY_GATE,
    PRODUCT,
    RESONATE_FIRE,
    SIGMA_DELTA,
)

NEURONS_BY_NAME: dict[str, NeuronType] = {neuron.name: neuron for neuron in NEURONS}

__all__ = [
    "NEURONS",
    "NEURONS_BY_NAME",
    "Coefficient",
    "Keep",
    "NeuronType",
    "Port",
    "Register",
    "Setting",
    "Values",
]
