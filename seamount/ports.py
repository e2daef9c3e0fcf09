"""What a network's inputs and outputs are called and how wide they are, and which arrays of a file belong to which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from toolchain.frontend.graph import Graph
from toolchain.ir.program import Program
from toolchain.units.ends import output_names

OWN_KEYS = ("x", "y", "lengths")
"""Arrays of an npz file, or keys of a mapping, with a meaning of their own."""


@dataclass(frozen=True)
class Port:
    """An input or output.

    Attributes:
        name: of its node in the NIR file.
        shape: of what enters or leaves in a step.
        output: what the program calls an output.
    """

    name: str
    shape: tuple[int, ...]
    output: str = ""

    @property
    def size(self) -> int:
        """Number of channels or neurons."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Ports:
    """All inputs and outputs of a network, in the order of its program's."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...] = ()

    @classmethod
    def of_graph(cls, graph: Graph) -> Ports:
        """Those of a network as read."""
        inputs = tuple(Port(node.name, tuple(map(int, node.output_shape))) for node in graph.of_kind("Input"))
        ends = zip(graph.of_kind("Output"), output_names(graph), strict=True)
        return cls(inputs, tuple(Port(node.name, tuple(map(int, node.input_shape)), name) for node, name in ends))

    @classmethod
    def of_build(cls, manifest: Mapping[str, Any], program: Program) -> Ports:
        """Those that a build's manifest lists; of an older one the program's own, flat."""
        sizes = program.sizes()
        inputs = manifest.get("inputs") or [{"name": i.name, "shape": [i.size]} for i in program.inputs]
        outputs = manifest.get("outputs") or [{"name": o.name, "shape": [sizes[o.population]]} for o in program.outputs]
        ends = zip(outputs, program.outputs, strict=True)
        return cls(
            tuple(Port(str(one["name"]), tuple(map(int, one["shape"]))) for one in inputs),
            tuple(Port(str(one["name"]), tuple(map(int, one["shape"])), end.name) for one, end in ends),
        )

    def as_dict(self) -> dict[str, Any]:
        """As a manifest lists them."""
        return {
            kind: [{"name": port.name, "shape": list(port.shape)} for port in ports]
            for kind, ports in (("inputs", self.inputs), ("outputs", self.outputs))
        }

    @property
    def channels(self) -> int:
        """Channels of all inputs side by side."""
        return sum(port.size for port in self.inputs)

    def is_read(self, key: str) -> bool:
        """Whether an array of this name can have a meaning."""
        return key in OWN_KEYS or key.startswith(("x/", "y/")) or any(key in input_keys(port) for port in self.inputs)


def input_keys(port: Port) -> tuple[str, ...]:
    """Names under which an input's array is looked for, the plainest first."""
    own = (port.name, port.name.replace(".", "_"))
    return tuple(dict.fromkeys([*(name for name in own if name not in OWN_KEYS[1:]), *(f"x/{name}" for name in own)]))


def output_keys(port: Port) -> tuple[str, ...]:
    """Names under which an output's labels are looked for."""
    return tuple(dict.fromkeys(f"y/{name}" for name in (port.name, port.output) if name))


def listed(ports: Iterable[Port]) -> str:
    """Their names in words."""
    return ", ".join(port.name for port in ports)
