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
from toolchain.ir.neurons.integrator import INTEGRATOR
from toolchain.ir.neurons.relay import RELAY
from toolchain.ir.neurons.ssm_lif import SSM_LIF

NEURONS: tuple[NeuronType, ...] = (SSM_LIF, CUBA_LIF, RELAY, INTEGRATOR)

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
