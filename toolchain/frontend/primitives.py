"""The NIR primitives as a table: which fields each has and what a value in them must be.

Source: nir 1.0.8, `nir/ir/*.py`. Reader, writer, checker and interpreter take their field names from here, so that a
field is spelled once. Shapes of inputs and outputs are not fields here: `Input.shape`, `Conv2d.input_shape` and
`Flatten.input_type` are derived from `Node.input_shape`, which is their only home in a `Graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Primitive:
    """What the file format says of one NIR type.

    Attributes:
        kind: the NIR type name.
        arrays: fields that hold float arrays.
        settings: fields that hold small integers, tuples of them, or (padding) a word.
        positive: those of `arrays` whose elements must be > 0 (time constants).
        defaults: value of an array field that older files leave out, for every element.
        derived: fields of the file that repeat the input shape.
        per_element: every array has the shape of the signal, which passes unchanged in shape.
    """

    kind: str
    arrays: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    derived: str = ""
    per_element: bool = False


def _neuron(kind: str, arrays: tuple[str, ...], positive: tuple[str, ...] = (), **defaults: float) -> Primitive:
    return Primitive(kind, arrays, positive=positive, defaults=defaults, per_element=True)


_CONV = ("stride", "padding", "dilation", "groups")
_POOL = ("kernel_size", "stride", "padding")
_TAUS = ("tau_syn", "tau_mem")

_TABLE = (
    Primitive("Input", derived="shape"),
    Primitive("Output", derived="shape"),
    Primitive("Linear", ("weight",)),
    Primitive("Affine", ("weight", "bias")),
    Primitive("Scale", ("scale",), per_element=True),
    Primitive("Conv1d", ("weight", "bias"), _CONV, derived="input_shape"),
    Primitive("Conv2d", ("weight", "bias"), _CONV, derived="input_shape"),
    Primitive("SumPool2d", settings=_POOL),
    Primitive("AvgPool2d", settings=_POOL),
    Primitive("Flatten", settings=("start_dim", "end_dim"), derived="input_type"),
    Primitive("Delay", ("delay",), per_element=True),
    Primitive("Threshold", ("threshold",), per_element=True),
    _neuron("I", ("r",)),
    _neuron("LI", ("tau", "r", "v_leak"), ("tau",)),
    _neuron("IF", ("r", "v_threshold", "v_reset"), v_reset=0.0),
    _neuron("LIF", ("tau", "r", "v_leak", "v_threshold", "v_reset"), ("tau",), v_reset=0.0),
    _neuron("CubaLI", (*_TAUS, "r", "v_leak", "w_in"), _TAUS, w_in=1.0),
    _neuron("CubaLIF", (*_TAUS, "r", "v_leak", "v_threshold", "v_reset", "w_in"), _TAUS, v_reset=0.0, w_in=1.0),
)

PRIMITIVES: Mapping[str, Primitive] = {primitive.kind: primitive for primitive in _TABLE}
"""Every type that a flat graph may hold, by name (`NIRGraph` is flattened away)."""

SPIKING = ("IF", "LIF", "CubaLIF")
STATEFUL = ("I", "LI", "CubaLI", *SPIKING)
