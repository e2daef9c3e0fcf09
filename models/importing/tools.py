"""The frameworks by the names of their classes; none is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from torch import nn

from models.importing import norse, sinabs, snntorch, spikingjelly
from models.importing.neurons import Neuron
from toolchain.errors import InputError, UnsupportedError


@dataclass(frozen=True)
class Tool:
    """A framework.

    Attributes:
        name: of its package.
        bases: classes whose subclasses are its neurons, or stand for other things with state.
        neuron: (module, class, name) -> what it is.
        reset: puts all states of a network back.
        times: how a network may take time, the likeliest first.
    """

    name: str
    bases: tuple[str, ...]
    neuron: Callable[[nn.Module, str, str], Neuron]
    reset: Callable[[nn.Module], None]
    times: Callable[[nn.Module], tuple[str, ...]]

    @property
    def version(self) -> str:
        """Of the package that is installed; "" where it has none."""
        try:
            return version(self.name)
        except PackageNotFoundError:
            return ""

    def found(self, module: nn.Module, where: str) -> Neuron | None:
        """What a module is, where it is a neuron of this framework.

        Raises:
            UnsupportedError: a neuron of it that no program has.
        """
        classes = [kind for kind in type(module).__mro__ if kind.__module__.split(".")[0] == self.name]
        if not any(kind.__name__ in self.bases for kind in classes):
            return None
        return self.neuron(module, classes[0].__name__, where or "network")


_NORSE = ("SNNCell", "SNNRecurrentCell", "SNN", "SNNRecurrent", "LIBoxCell", "LILinearCell")
TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("snntorch", ("SpikingNeuron",), snntorch.neuron, snntorch.reset, snntorch.times),
        Tool("norse", _NORSE, norse.neuron, norse.reset, norse.times),
        Tool(
            "spikingjelly",
            ("BaseNode", "SimpleBaseNode", "NonSpikingBaseNode"),
            spikingjelly.neuron,
            spikingjelly.reset,
            spikingjelly.times,
        ),
        Tool("sinabs", ("StatefulLayer",), sinabs.neuron, sinabs.reset, sinabs.times),
    )
}
"""By name."""


def find_tool(net: nn.Module, name: str | None) -> Tool:
    """The framework whose neurons a network has.

    Args:
        net: the network.
        name: the one that is expected; None takes what there is.

    Raises:
        InputError: no neurons of a known framework, or of another than expected.
        UnsupportedError: of two frameworks.
    """
    packages = {kind.__module__.split(".")[0] for module in net.modules() for kind in type(module).__mro__}
    used = [tool for tool in TOOLS.values() if tool.name in packages and _neurons(tool, net)]
    if not used:
        what = f"{type(net).__name__} has no neurons of {', '.join(TOOLS)}"
        raise InputError("network", what, "give a module of one of these, or export it to NIR")
    if len(used) > 1:
        what = f"has neurons of {' and '.join(tool.name for tool in used)}"
        raise UnsupportedError("network", what, "use neurons of one framework")
    if name not in (None, used[0].name):
        raise InputError("network", f"its neurons are of {used[0].name}, not of {name}", f"use from_{used[0].name}")
    return used[0]


def _neurons(tool: Tool, net: nn.Module) -> bool:
    return any(
        kind.__name__ in tool.bases and kind.__module__.split(".")[0] == tool.name
        for module in net.modules()
        for kind in type(module).__mro__
    )
