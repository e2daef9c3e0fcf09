"""The widths that a program is quantized to, and the rules by which scales are chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from toolchain.errors import InputError
from toolchain.ir.program import INPUT_OVERFLOWS, READINGS

MOST_HEADROOM = 16

Widths = Mapping[str, Mapping[str, int]]
"""By name of a population or projection: widths in place of those of the whole network."""


@dataclass(frozen=True)
class Settings:
    """Bit widths and head-room of post-training quantization.

    Attributes:
        weight_bits: synaptic weights (at most 8).
        a_bits: real and imaginary part of A-bar, one of them the sign.
        c_bits: C and D.
        state_bits: state of the modes.
        input_bits: payload of the input, where the data need no fewer.
        headroom_bits: factor 2^headroom_bits kept between what calibration saw and what a register holds.
        input_headroom: least factor between the input's peak in calibration and its payload's range, where the inputs
            are no multiples of a power of two: measured quantities, whose peak a calibration set underestimates. The
            range is the next power of two, so that 1.5 costs the last bit of resolution in about half of all cases.
        input_overflow: what becomes of an input beyond its payload: "saturate" (counted and reported) or "refuse". The
            program's inputs say it, so that whatever runs the program does the same.
        decision: how the class is read of an output: "count", "last", "sum", "max" or "step" (`ir.program.READINGS`);
            "inferred" from what reaches the output, by the rule of `host.infer`. "NAME=sum,NAME=last" sets some of
            several outputs.
        table_bits: a gate's sigmoid is a table of 2^table_bits entries over the drives that calibration saw.
        weight_scale: "max", "mse" or "percentile": how a projection's power of two is chosen (`quantize.weights`).
        weight_rounding: "fitted" to what arrived in calibration (`quantize.fitted`), where a LIF has at most 1024
            sources and no shared kernel; else, and with "nearest", each weight to the nearest.
        equalize: stretch each row of weights into a state space or a LIF over the whole width.
        c_scale: "neuron", or "layer" for one scale of C and D a layer (for comparison: it ruins accuracy).
        c_rounding: "fitted" to the calibration data, or "nearest" (`quantize.readout`).
        pole_tolerance: relative error of a pole's time constant, and radians of phase lost in one time constant, from
            which its real and imaginary part are rounded jointly (`quantize.poles`).
        widen_poles: give a layer as many bits beyond a_bits, up to 24, as its poles need to meet the tolerance.
        ranges: "observed" takes the same head-room for all populations; "proven" gives each as much more as it takes
            to prove that its registers fit, for any input (`lower.proven`).
        populations: a_bits, c_bits and state_bits of single state spaces, headroom_bits of any population, by name.
        projections: weight_bits of single projections, by projection.
    """

    weight_bits: int = 8
    a_bits: int = 16
    c_bits: int = 8
    state_bits: int = 24
    input_bits: int = 12
    headroom_bits: int = 1
    table_bits: int = 10
    input_headroom: float = 1.5
    input_overflow: str = "saturate"
    decision: str = "inferred"
    weight_scale: str = "max"
    weight_rounding: str = "fitted"
    equalize: bool = True
    c_scale: str = "neuron"
    c_rounding: str = "fitted"
    pole_tolerance: float = 0.05
    widen_poles: bool = False
    ranges: str = "observed"
    populations: Widths = field(default_factory=dict, hash=False)
    projections: Widths = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in _RANGES:
            _check_range(f"settings.{name}", name, getattr(self, name))
        for kind, widths in OWN_WIDTHS.items():
            _check_own(f"settings.{kind}", getattr(self, kind), widths)
        _check_decision(self.decision)
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                what = f"{getattr(self, name)!r} is not a known rule"
                raise InputError(f"settings.{name}", what, f"use one of {', '.join(map(str, known))}")
        if not _is_number(self.pole_tolerance) or not 0 < self.pole_tolerance <= 1:
            raise InputError("settings.pole_tolerance", f"{self.pole_tolerance!r} is not in 0 .. 1", "choose another")
        if not _is_number(self.input_headroom) or not 1 <= self.input_headroom <= 256:
            raise InputError("settings.input_headroom", f"{self.input_headroom!r} is not in 1 .. 256", "choose another")

    def for_labels(self, per_step: bool, outputs: Collection[str] = ()) -> Settings:
        """With a decision at each step where labels are given so and nothing else was asked for.

        Args:
            per_step: whether they are.
            outputs: those for which they are, by name, where there are several.
        """
        if not per_step or self.decision != "inferred":
            return self
        return replace(self, decision=",".join(f"{name}=step" for name in outputs) or "step")

    def reading(self, output: str) -> str:
        """How an output of that name is to be read; "inferred" where nothing says so."""
        if "=" not in self.decision:
            return self.decision
        return _own_decisions(self.decision).get(output, "inferred")

    def check_outputs(self, outputs: Collection[str]) -> None:
        """Refuse a decision of what is not an output.

        Raises:
            InputError: such a one.
        """
        for name in _own_decisions(self.decision) if "=" in self.decision else ():
            if name not in outputs:
                raise InputError("settings.decision", f"{name} is not an output", f"use {', '.join(outputs)}")

    def for_population(self, name: str) -> Settings:
        """What holds for one population."""
        return self._with(self.populations.get(name, {}))

    def for_projection(self, name: str) -> Settings:
        """What holds for one projection."""
        return self._with(self.projections.get(name, {}))

    def _with(self, widths: Mapping[str, Any]) -> Settings:
        return replace(self, **widths, populations={}, projections={})

    def check_names(self, populations: Mapping[str, bool], projections: tuple[str, ...]) -> None:
        """Refuse widths of what a network does not have.

        Args:
            populations: by name, whether it has a state space.
            projections: all.

        Raises:
            InputError: a name that is none of these, or a width that only a state space has.
        """
        for kind, known in (("populations", tuple(populations)), ("projections", projections)):
            for name in getattr(self, kind):
                if name not in known:
                    remedy = f"use {', '.join(known)}" if known else f"leave {kind} out"
                    raise InputError(f"settings.{kind}.{name}", f"the network has no such {kind[:-1]}", remedy)
        for name, own in self.populations.items():
            if not populations[name] and set(own) - {"headroom_bits"}:
                what = f"has no state space, so no {', '.join(sorted(set(own) - {'headroom_bits'}))}"
                raise InputError(f"settings.populations.{name}", what, "leave that out")

    def as_dict(self) -> dict[str, Any]:
        """The settings by name; widths of single layers only where there are some."""
        return {name: value for name, value in asdict(self).items() if name not in OWN_WIDTHS or value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Build settings from names and values; InputError on an unknown name."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"settings.{unknown[0]}", "no such setting", f"use {', '.join(sorted(known))}")
        return cls(**values)


_RANGES = {
    "weight_bits": (2, 8),
    "a_bits": (4, 24),
    "c_bits": (2, 16),
    "state_bits": (12, 32),
    "input_bits": (2, 24),
    "headroom_bits": (0, MOST_HEADROOM),
    "table_bits": (4, 14),
}
OWN_WIDTHS = {"populations": ("a_bits", "c_bits", "state_bits", "headroom_bits"), "projections": ("weight_bits",)}
"""The widths that a single population or projection can have of its own."""

_WORDS: dict[str, tuple[object, ...]] = {
    "ranges": ("observed", "proven"),
    "input_overflow": INPUT_OVERFLOWS,
    "weight_scale": ("max", "mse", "percentile"),
    "weight_rounding": ("fitted", "nearest"),
    "equalize": (True, False),
    "c_scale": ("neuron", "layer"),
    "c_rounding": ("fitted", "nearest"),
    "widen_poles": (True, False),
}


def _check_range(where: str, name: str, value: object) -> None:
    low, high = _RANGES[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(where, f"{value!r} is not an integer in {low} .. {high}", "choose another")


def _own_decisions(text: str) -> dict[str, str]:
    """Readings by output, of "NAME=sum,NAME=last"."""
    return {name.strip(): reading.strip() for name, _, reading in (part.rpartition("=") for part in text.split(","))}


def _check_decision(text: object) -> None:
    readings = _own_decisions(text).values() if isinstance(text, str) and "=" in text else [text]
    for reading in readings:
        if reading not in ("inferred", *READINGS):
            remedy = f"use one of inferred, {', '.join(READINGS)}; of several outputs NAME=sum,NAME=last"
            raise InputError("settings.decision", f"{reading!r} is not a known rule", remedy)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_own(where: str, layers: object, widths: tuple[str, ...]) -> None:
    """Refuse what is no mapping from names to these widths."""
    if not isinstance(layers, Mapping):
        raise InputError(where, f"{layers!r} is not a JSON object", 'give {"<name>": {"<width>": bits}}')
    for layer, own in layers.items():
        if not isinstance(own, Mapping):
            raise InputError(f"{where}.{layer}", f"{own!r} is not a JSON object", f"give some of {', '.join(widths)}")
        for name, value in own.items():
            if name not in widths:
                raise InputError(f"{where}.{layer}.{name}", "no such width", f"use {', '.join(widths)}")
            _check_range(f"{where}.{layer}.{name}", name, value)
