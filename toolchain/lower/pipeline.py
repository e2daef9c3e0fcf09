"""From a NIR graph and calibration data to a program, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.lower.calibrate import Calibration, calibrate
from toolchain.lower.program import Lowered, lower
from toolchain.lower.proven import unproven_findings, with_proven_ranges
from toolchain.lower.scales import choose_scales, hide_the_usual
from toolchain.quantize.inputs import USUAL_SHARE, InputStatistics
from toolchain.quantize.scheme import Scheme
from toolchain.quantize.settings import Settings
from toolchain.units.collapse import find_network
from toolchain.units.network import Network


@dataclass(frozen=True)
class Compiled:
    """A program and everything that led to it."""

    network: Network
    calibration: Calibration
    scheme: Scheme
    lowered: Lowered


def compile_graph(
    graph: Graph,
    conventions: Conventions,
    calibration_data: FloatArray,
    *,
    settings: Settings | None = None,
    name: str = "network",
    notes: Mapping[str, str] | None = None,
) -> Compiled:
    """Quantize and lower a network.

    Args:
        graph: as read.
        conventions: what NIR leaves open.
        calibration_data: (sample, step, channel) inputs from the training distribution.
        settings: bit widths; 8-bit weights, 16-bit A-bar, 8-bit C and D, 24-bit state by default.
        name, notes: for the program's header.

    Raises:
        InputError, UnsupportedError, QuantizationError, VerificationError: from the stages.
    """
    network, chosen = find_network(graph, conventions), settings or Settings()
    return compile_network(network, calibrated(network, calibration_data, chosen), chosen, name, notes)


def calibrated(network: Network, data: FloatArray, settings: Settings) -> Calibration:
    """Calibrate; on clipped data where a few outliers would take all resolution from an input's usual values.

    Args:
        network: as units.
        data: (sample, step, channel).
        settings: width and head-room of the input.

    Raises:
        InputError: as `calibrate`.
        QuantizationError: as `choose_scales`.
    """
    seen = calibrate(network, data)
    if all(found.usual >= found.peak for found in seen.inputs.values()):
        return seen
    hidden = {name: seen.inputs[name] for name in hide_the_usual(network, seen, settings)}
    clipped = {name: found for name, found in hidden.items() if found.usual < found.peak}
    if not clipped:
        return seen
    parts = network.by_input(data)
    for name, found in clipped.items():
        parts[name] = np.clip(parts[name], -found.usual, found.usual)
    notes = {name: _clipping(found) for name, found in clipped.items()}
    return replace(calibrate(network, np.concatenate([*parts.values()], axis=2)), notes=notes)


def _clipping(found: InputStatistics) -> str:
    usual, peak = found.usual, found.peak
    share = f"{100 * USUAL_SHARE:g} % of the non-zero calibration inputs lie within {usual:g}, the greatest is {peak:g}"
    return f"{share}; they are clipped at {usual:g}, so that it does not take all resolution from them"


def compile_network(
    network: Network,
    calibration: Calibration,
    settings: Settings,
    name: str,
    notes: Mapping[str, str] | None = None,
) -> Compiled:
    """The same from a network that was calibrated already; `Scheme.settings` holds any head-room that proofs needed.

    Raises:
        InputError, UnsupportedError, QuantizationError, VerificationError: from the stages.
    """

    def compiled(chosen: Settings) -> Compiled:
        scheme = choose_scales(network, calibration, chosen)
        return Compiled(network, calibration, scheme, lower(network, scheme, name, notes))

    if settings.ranges == "observed":
        return compiled(settings)
    steps = calibration.steps
    found = compiled(with_proven_ranges(lambda chosen: compiled(chosen).lowered, settings, steps))
    findings = (*found.lowered.findings, *unproven_findings(found.lowered.program, steps))
    return replace(found, lowered=replace(found.lowered, findings=findings))
