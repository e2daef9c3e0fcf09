"""What a search may change: the widths of each state space and of each projection, downwards from where it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolchain.quantize.settings import OWN_WIDTHS, Settings, Widths
from toolchain.units.network import Network

LEAST = {"weight_bits": 2, "a_bits": 8, "c_bits": 4, "state_bits": 12}
"""The narrowest that is tried."""

Point = tuple[int, ...]
"""One width a factor, in the order of the space's factors."""


@dataclass(frozen=True)
class Factor:
    """One width of one layer.

    Attributes:
        kind: "populations" or "projections".
        layer: name of the population or projection.
        width: name of the setting.
        least, most: bits.
    """

    kind: str
    layer: str
    width: str
    least: int
    most: int

    @property
    def name(self) -> str:
        """``layer.width``."""
        return f"{self.layer}.{self.width}"


@dataclass(frozen=True)
class Space:
    """The factors, and the settings that a search begins with."""

    start: Settings
    factors: tuple[Factor, ...]

    @property
    def origin(self) -> Point:
        """The start's own widths."""
        return tuple(factor.most for factor in self.factors)

    def settings(self, point: Point) -> Settings:
        """The start with a point's widths; those that are the whole network's are not said again."""
        own: dict[str, dict[str, dict[str, int]]] = {kind: _left(getattr(self.start, kind)) for kind in OWN_WIDTHS}
        for factor, bits in zip(self.factors, point, strict=True):
            if bits != getattr(self.start, factor.width):
                own[factor.kind].setdefault(factor.layer, {})[factor.width] = bits
        # Empty ones are left out, so that equal settings are equal texts.
        said = {kind: {layer: widths for layer, widths in layers.items() if widths} for kind, layers in own.items()}
        return replace(self.start, **said)  # type: ignore[arg-type]


def _left(layers: Widths) -> dict[str, dict[str, int]]:
    """What a search does not change: the head-room of single populations."""
    return {
        layer: {name: bits for name, bits in widths.items() if name not in LEAST} for layer, widths in layers.items()
    }


def space_of(network: Network, start: Settings) -> Space:
    """The factors of a network: A, C and D, and state of each state space, the weights of each projection.

    Args:
        network: the units.
        start: widths to begin with; a search only narrows them.

    Raises:
        InputError: the start has widths for what is no part of the network.
    """
    spaces = tuple(unit.name for unit in network.units if unit.has_modes)
    links = tuple(link.name for link in network.links)
    start.check_names({unit.name: unit.has_modes for unit in network.populations}, links)
    populations = [_factor("populations", name, width, start.for_population(name)) for name, width in _each(spaces)]
    projections = [_factor("projections", name, "weight_bits", start.for_projection(name)) for name in links]
    return Space(start, tuple(populations + projections))


def _each(spaces: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, width) for name in spaces for width in OWN_WIDTHS["populations"] if width in LEAST]


def _factor(kind: str, layer: str, width: str, own: Settings) -> Factor:
    most: int = getattr(own, width)
    return Factor(kind, layer, width, min(LEAST[width], most), most)
