"""The kinds of units that a float network is made of: one file each, listed here by hand.

The order is that of recognition: a kind takes in its nodes before those after it look for theirs.
"""

from toolchain.units.base import Unit
from toolchain.units.binary_gate import BinaryGate
from toolchain.units.input import Input
from toolchain.units.integrator import Integrator
from toolchain.units.leaky_integrator import LeakyIntegrator, SharedModes
from toolchain.units.lif import Lif
from toolchain.units.product import Product
from toolchain.units.rectifier import Rectifier
from toolchain.units.relay import Relay
from toolchain.units.resonate_fire import ResonateFire
from toolchain.units.sigma_delta import SigmaDelta
from toolchain.units.sigmoid_gate import SigmoidGate
from toolchain.units.state_space import StateSpace
from toolchain.units.ternary import Ternary

KINDS: tuple[type[Unit], ...] = (
    StateSpace,
    Input,
    LeakyIntegrator,
    SharedModes,
    Integrator,
    Lif,
    SigmoidGate,
    BinaryGate,
    Product,
    Ternary,
    Rectifier,
    ResonateFire,
    SigmaDelta,
    Relay,
)

__all__ = ["KINDS", "Unit"]
