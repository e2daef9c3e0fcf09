"""Programs as NIR: the integers of a program in standard primitives, for any tool that reads them.

Values are in the program's own integer units, the input in real ones. NIR has no rounding, no widths and no pipeline:
floor at the multiply-shifts is left out, and delays that only align the pipeline become edges within the step. What
comes out therefore computes with the program's integers but rounds nowhere; the record in its metadata says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from exporters.plain_nir import CUBA_UNIT, DECAY_ONE, DT, PlainNeuron, plain_neurons
from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import PRESETS, hint_for
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir
from toolchain.ir.neurons.soma import RESET_ZERO
from toolchain.ir.program import SEMANTICS_VERSION, Population, Program, Projection
from toolchain.ir.text import program_hash

NO_LEAK = 2.0**-60
"""Least loss a step that is written: none in float64."""

_NO_NIR = "NIR has no primitive for it"
UNSUPPORTED: Mapping[str, str] = {
    "ssm_graded": "its rectified or saturated readout has no primitive in NIR",
    "ssm_soma": "its modes are neurons of their own, whose saturated readouts have no primitive in NIR",
    "rectifier": _NO_NIR,
    "ternary": _NO_NIR,
    "sigmoid_gate": "NIR has no product and no sigmoid",
    "binary_gate": "NIR has no product",
    "product": "NIR has no product",
    "resonate_fire": "NIR has no neuron that spikes at a phase",
    "sigma_delta": "NIR has no neuron that sends changes",
}
"""Neuron types that NIR cannot say, with the reason."""


UNREACHED = 1 << 30
"""Stands for the level of what no path reaches yet."""


def export_nir(program: Program, path: Path) -> None:
    """Write a program as a NIR file.

    Raises:
        UnsupportedError: a neuron type or a delay that NIR cannot say.
    """
    write_nir(program_to_graph(program), path)


def program_to_graph(program: Program) -> Graph:
    """The program as a graph of NIR primitives.

    Raises:
        UnsupportedError: a neuron type or a delay that NIR cannot say.
    """
    levels = _levels(program)
    plain = plain_neurons(program)
    if plain:
        return _plain_graph(program, plain, levels)
    sketch = Sketch(DT)
    for source in program.inputs:
        sketch.add(source.name, "Input", source.size, {})
    ends = {source.name: source.name for source in program.inputs}
    for population in program.populations:
        if population.neuron in UNSUPPORTED or population.neuron not in SUPPORTED:
            reason = UNSUPPORTED.get(population.neuron, "no writer")
            raise UnsupportedError(population.name, f"a {population.neuron}: {reason}", "export it as Lava or ONNX")
        total = sketch.total(f"{population.name}.in", population.size, ())
        ends[population.name] = SUPPORTED[population.neuron](sketch, population, total)
    for projection in program.projections:
        _connect(sketch, program, projection, ends, levels)
    for output in program.outputs:
        sketch.add(output.name, "Output", program.population(output.population).size, {}, ends[output.population])
    return sketch.graph({"seamount": _record(program)})


def _plain_graph(program: Program, neurons: Mapping[str, PlainNeuron], levels: Mapping[str, int]) -> Graph:
    """Nothing but Linear or Affine and neurons, which every reader takes: biases in one matrix of each neuron."""
    sketch = Sketch(DT)
    inputs = {source.name: source.name if len(program.inputs) > 1 else "input" for source in program.inputs}
    for source in program.inputs:
        sketch.add(inputs[source.name], "Input", source.size, {})
    taken = {*inputs.values(), *(output.name for output in program.outputs)}
    names = {name: f"{name}_neurons" if name in taken else name for name in neurons}
    for population in program.populations:
        own = neurons[population.name]
        sketch.add(names[population.name], own.kind, population.size, own.params)
    biased: set[str] = set()
    for projection in program.projections:
        own, target = neurons[projection.target], projection.target
        weights = _weights(program, projection) * own.gain[:, None]
        first = target not in biased and projection.source != target and bool(np.any(own.bias))
        at = _delayed(sketch, projection, _extra(projection, levels), {**inputs, **names}[projection.source], "_")
        plain_name = f"{projection.source}_to_{target}"
        name = plain_name if plain_name not in sketch.nodes else projection.name.replace("->", "_to_")
        end = sketch.matrix(name, weights, at, own.bias * own.gain if first else None)
        biased |= {target} if first else set()
        sketch.edges.append((end, names[target]))
    for output in program.outputs:
        size = program.population(output.population).size
        sketch.add(output.name, "Output", size, {}, names[output.population])
    return sketch.graph({"seamount": _record(program)})


def _record(program: Program) -> dict[str, object]:
    conventions = PRESETS["nir"] if _is_strict(program) else PRESETS["seamount"]
    return hint_for(
        conventions,
        program=program_hash(program),
        semantics_version=SEMANTICS_VERSION,
        units="integers of the program; input in real units",
        rounding="none here; the program floors or truncates every multiply-shift",
    )


def _is_strict(program: Program) -> bool:
    """Whether spikes need a voltage above the threshold; one file has one rule.

    Raises:
        UnsupportedError: populations differ.
    """
    rules = {p.name: _strict(p) for p in program.populations if p.message_range == (0, 1)}
    if len(set(rules.values())) > 1:
        raise UnsupportedError(program.name, f"populations with > and with >= ({rules})", "export it as Lava or ONNX")
    return all(rules.values()) if rules else False


def _strict(population: Population) -> bool:
    return population.neuron == "cuba_lif" or bool(population.settings.get("strict", population.neuron in GENERAL))


def _levels(program: Program) -> dict[str, int]:
    """Shortest way from the inputs in steps: no projection is shorter than the difference of its ends' levels.

    What is over is a Delay's, of which every loop through several populations has one.
    """
    levels = {source.name: 0 for source in program.inputs}
    forward = [p for p in program.projections if p.source != p.target]
    left = [population.name for population in program.populations]
    fed = {p.target for p in forward}
    levels |= {name: 1 for name in left if name not in fed}
    while left := [name for name in left if name not in levels]:
        reached = True
        while reached:
            reached = False
            for p in forward:
                level = levels.get(p.source, UNREACHED) + p.delay_steps
                if level < levels.get(p.target, UNREACHED):
                    levels[p.target], reached = level, True
        # A loop that nothing enters begins anywhere.
        levels |= dict.fromkeys([name for name in left if name not in levels][:1], 1)
    return levels


def _connect(
    sketch: Sketch, program: Program, projection: Projection, ends: Mapping[str, str], levels: Mapping[str, int]
) -> None:
    """One Linear a projection; a delay beyond the pipeline's own becomes a Delay node."""
    at = _delayed(sketch, projection, _extra(projection, levels), ends[projection.source], ".")
    end = sketch.matrix(projection.name.replace("->", ".to."), _weights(program, projection), at)
    sketch.edges.append((end, f"{projection.target}.in"))


def _weights(program: Program, projection: Projection) -> FloatArray:
    """(target, source) in the program's units a unit of input or a spike."""
    unit = 2.0**projection.exponent
    if projection.source not in {population.name for population in program.populations}:
        unit *= 2.0 ** program.input(projection.source).exponent
    matrix = projection.connection.matrix()
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray(), dtype=np.float64) * unit


def _extra(projection: Projection, levels: Mapping[str, int]) -> int:
    """Steps of a Delay: those beyond the pipeline's; of a neuron's loop all but one alone, since a Delay closes it."""
    if projection.source == projection.target:
        return projection.delay_steps if projection.delay_steps > 1 else 0
    return projection.delay_steps - levels[projection.target] + levels[projection.source]


def _delayed(sketch: Sketch, projection: Projection, extra: int, at: str, join: str) -> str:
    if not extra:
        return at
    size = sketch.nodes[at].output_shape[0]
    name = f"{projection.name.replace('->', f'{join}to{join}')}{join}delay"
    return sketch.add(name, "Delay", size, {"delay": np.full(size, extra * DT)}, at)


def _add_bias(sketch: Sketch, population: Population, total: str, bias: FloatArray) -> str:
    """A constant drive: an Affine of the unit matrix."""
    if not np.any(bias):
        return total
    return sketch.matrix(f"{population.name}.bias", np.eye(population.size), total, bias)


def _ssm(sketch: Sketch, population: Population, total: str) -> str:
    own = population.values()
    one = float(1 << (own.a_bits - 1))
    drive = _add_bias(sketch, population, total, own.bias.astype(np.float64))
    poles = (own.a_re + 1j * own.a_im) / one
    b = np.full(poles.shape, 2.0**own.input_shift)
    readout = (own.c_re + 1j * own.c_im) / 2.0 / 2.0**own.c_shift
    y = sketch.state_space(population.name, poles, b, readout, own.d / np.exp2(own.d_shift), drive)
    threshold = own.threshold.astype(np.float64)
    if population.neuron == "ssm_threshold":
        return sketch.lif(f"{population.name}.soma", np.zeros(population.size), threshold, y)
    return sketch.lif(f"{population.name}.soma", own.leak / 2.0 ** (own.leak_bits - 1), threshold, y)


def _cuba(sketch: Sketch, population: Population, total: str) -> str:
    own = population.values()
    kept_current, kept = (4095 - own.du) / DECAY_ONE, (4096 - own.dv) / DECAY_ONE
    bias = own.bias_mant * 2.0**own.bias_exp / CUBA_UNIT
    voltages = own.vth * 1.0, np.zeros(population.size)
    return _current_lif(sketch, population, total, (kept_current, kept), voltages, bias)


def _general(sketch: Sketch, population: Population, total: str) -> str:
    own = population.values()
    if own.reset != RESET_ZERO:
        raise UnsupportedError(population.name, f"reset rule {own.reset}: NIR resets to a value only", "export as Lava")
    one = 2.0 ** own.get("leak_fraction", 0)
    kept = own.get("leak", np.ones(population.size)) / one
    current = own.get("current_leak", np.zeros(population.size)) / one
    drive = _add_bias(sketch, population, total, np.asarray(own.get("current_bias", 0.0) + np.zeros(population.size)))
    voltages = own.threshold * 1.0, own.reset_to * 1.0
    return _current_lif(sketch, population, drive, (current, kept), voltages, own.bias * 1.0)


def _current_lif(
    sketch: Sketch,
    population: Population,
    total: str,
    shares: tuple[FloatArray, FloatArray],
    voltages: tuple[FloatArray, FloatArray],
    bias: FloatArray,
) -> str:
    """LIF, CubaLIF or IF with v <- kept v + current + bias; shares kept of current and voltage; threshold and reset."""
    (kept_current, kept), (threshold, reset) = shares, voltages
    name, size = f"{population.name}.soma", population.size
    if np.all(kept == 1.0) and not np.any(kept_current):
        drive = _add_bias(sketch, population, total, bias)
        params = {"r": np.full(size, 1 / DT), "v_threshold": threshold, "v_reset": reset}
        return sketch.add(name, "IF", size, params, drive)
    # A time constant of 2^60 steps loses nothing in float64.
    ratio = 1 / np.maximum(1 - kept, NO_LEAK)
    params = {"r": ratio, "v_leak": bias * ratio, "v_threshold": threshold, "v_reset": reset}
    if not np.any(kept_current):
        return sketch.add(name, "LIF", size, {"tau": DT * ratio, **params}, total)
    slow = 1 / (1 - kept_current)
    params |= {"tau_mem": DT * ratio, "tau_syn": DT * slow, "w_in": slow}
    return sketch.add(name, "CubaLIF", size, params, total)


def _relay(sketch: Sketch, population: Population, total: str) -> str:
    return _add_bias(sketch, population, total, population.values().bias.astype(np.float64))


def _integrator(sketch: Sketch, population: Population, total: str) -> str:
    return sketch.integrator(f"{population.name}.total", population.size, _relay(sketch, population, total))


GENERAL = ("lif", "current_lif", "integrate_fire")
SUPPORTED: Mapping[str, Callable[[Sketch, Population, str], str]] = {
    "ssm_lif": _ssm,
    "ssm_threshold": _ssm,
    "cuba_lif": _cuba,
    "lif": _general,
    "current_lif": _general,
    "integrate_fire": _general,
    "relay": _relay,
    "integrator": _integrator,
}
"""Neuron type -> writer; what is in neither table is refused, and a test holds both to the list of types."""
