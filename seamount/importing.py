"""Networks in memory: graphs of the package nir, and live modules of PyTorch frameworks, checked against them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seamount.given import inputs_as_given
from toolchain.doctor import installed
from toolchain.errors import InputError, MissingPartError
from toolchain.folders import scratch
from toolchain.frontend.conventions import hint_for, imported_findings
from toolchain.frontend.divergence import compare, lower_bounds
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.read import read_nir
from toolchain.frontend.write import HINT_KEY, write_nir

if TYPE_CHECKING:
    import nir

    from models.importing.imported import Imported

SAMPLES, STEPS = 16, 200
"""Of what `deploy` is given to calibrate on, at most so much is run in the framework to compare with."""


def is_module(model: Any) -> bool:
    """Whether it is a module of PyTorch or flax; imports neither."""
    return _of_torch(model) or any(kind.__module__.startswith("flax.nnx") for kind in type(model).__mro__)


def _of_torch(model: Any) -> bool:
    return any(kind.__module__ == "torch.nn.modules.module" for kind in type(model).__mro__)


def from_torch(net: Any, sample: Any, *, time: str | None = None, tool: str | None = None) -> Graph:
    """Read a live module of snnTorch, norse, SpikingJelly or sinabs, and check it against the module's own run.

    Parameters come from the modules, topology from a run on the sample: recurrence, skips, pooling and flattening are
    followed wherever the forward pass puts them, batch normalization and dropout are evaluated. Then what every layer
    of neurons sent in that run is held against the graph's own run in floats, spike by spike. `from_snntorch`,
    `from_norse`, `from_spikingjelly` and `from_sinabs` are the same for one framework.

    Args:
        net: the module; it is left as it was, its states reset.
        sample: (sample, step, *shape of the input), an array or a tensor, e.g. a few calibration samples.
        time: how the module takes time: "step" (it is called once a step with (sample, ...)), "first" (once with (step,
            sample, ...)), "second" (once with (sample, step, ...)), "merged" (once with (sample x step, ...)), "static"
            (once with (sample, ...), which it repeats itself); by default what its framework makes likely is tried.
        tool: the framework that is expected; by default the one whose neurons it has.

    Returns:
        The graph, as `read` gives it, with its conventions and the outcome of the comparison in its metadata and
        findings. `deploy` takes it.

    Raises:
        InputError: no module of a known framework, a sample of another form.
        UnsupportedError: a neuron, an operation or a connection that no graph has, with the module's name.
        ConformanceError: the module computes something else than its parts say: the first layer, sample, step and
            neuron that part, with their values.
        MissingPartError: PyTorch is not installed.

    >>> import torch, snntorch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), snntorch.Leaky(beta=0.9, init_hidden=True))
    >>> graph = from_torch(net, x)
    >>> sorted(node.kind for node in graph.nodes.values())
    ['Affine', 'Input', 'LIF', 'Output']
    """
    if not _of_torch(net):
        what = f"is a {type(net).__module__}.{type(net).__qualname__}"
        raise InputError("network", what, "give a torch.nn.Module")
    if not installed("torch"):
        raise MissingPartError("network", "torch is not installed", "pip install '.[train]'")
    from models.importing import module

    x = _sample(sample)
    return _compared(module.imported(net, x, tool, time), x)


def _compared(found: Imported, x: FloatArray) -> Graph:
    """The graph with the outcome of its comparison with the framework."""
    shaped = x.reshape(*x.shape[:2], *found.graph.of_kind("Input")[0].input_shape)
    bounds = lower_bounds(found.graph, found.conventions, shaped, found.bounds) if found.bounds else ()
    compared = compare(found.graph, found.conventions, shaped, found.traces, found.tool, found.reduced)
    record = {"tool": found.tool, "version": found.version, "outcome": str(compared)}
    reading = {"decision": found.decision} if found.decision else {}
    hint = hint_for(found.conventions, checked=record, **reading)
    findings = (*found.findings, *bounds, *imported_findings(hint))
    return replace(found.graph, metadata={HINT_KEY: hint}, findings=findings)


def from_spyx(net: Any, sample: Any) -> Graph:
    """A live `spyx.nn.Sequential` of Linear, Flatten, IF, LIF, CuBaLIF and LI; see `from_torch`. Needs no PyTorch.

    Raises:
        InputError, UnsupportedError, ConformanceError: as `from_torch`.
    """
    from models.importing import spyx

    x = _sample(sample)
    return _compared(spyx.imported(net, x), x)


def read_module(net: Any, sample: Any) -> Graph:
    """A live module of whichever framework, by `from_torch` or `from_spyx`."""
    return from_torch(net, sample) if _of_torch(net) else from_spyx(net, sample)


def from_snntorch(net: Any, sample: Any, *, time: str | None = None) -> Graph:
    """A live network of snnTorch; see `from_torch`."""
    return from_torch(net, sample, time=time, tool="snntorch")


def from_norse(net: Any, sample: Any, *, time: str | None = None) -> Graph:
    """A live network of norse; see `from_torch`."""
    return from_torch(net, sample, time=time, tool="norse")


def from_spikingjelly(net: Any, sample: Any, *, time: str | None = None) -> Graph:
    """A live network of SpikingJelly; see `from_torch`."""
    return from_torch(net, sample, time=time, tool="spikingjelly")


def from_sinabs(net: Any, sample: Any, *, time: str | None = None) -> Graph:
    """A live network of sinabs; see `from_torch`."""
    return from_torch(net, sample, time=time, tool="sinabs")


def import_file(
    network: str,
    sample: Path,
    out: Path,
    *,
    weights: Path | None = None,
    tool: str | None = None,
    time: str | None = None,
) -> Graph:
    """What `seamount import` does: a network that a Python file makes, as a NIR file.

    Args:
        network: ``net.py:NAME`` or ``package.module:NAME``; the file is run.
        sample: npz of inputs, in any form that `deploy` takes.
        out: file to write.
        weights: safetensors file of its state dictionary.
        tool, time: as in `from_torch`.

    Raises:
        InputError: the network, weights or sample cannot be read.
        UnsupportedError, ConformanceError, MissingPartError: as `from_torch`.
    """
    if not installed("torch"):
        raise MissingPartError("import", "torch is not installed", "pip install '.[train]'")
    from models.importing.files import network_of

    graph = from_torch(network_of(network, weights), inputs_as_given(sample)[:SAMPLES, :STEPS], time=time, tool=tool)
    write_nir(graph, out)
    return graph


def _sample(sample: Any) -> FloatArray:
    if hasattr(sample, "detach"):
        sample = sample.detach().cpu().numpy()
    x = np.asarray(sample)
    if x.dtype.kind not in "fiub" or x.ndim < 3 or not x.size or not np.all(np.isfinite(x)):
        what = f"has shape {x.shape} of {x.dtype}"
        raise InputError("sample", what, "give finite numbers (sample, step, ...), whatever order the module takes")
    return x.astype(np.float64)


def from_nir(graph: nir.NIRGraph) -> Graph:
    """Read a graph of the package nir that lies in memory.

    Args:
        graph: as an exporter returned it, e.g. `snntorch.export_to_nir`.

    Returns:
        The flat graph, as `read` gives it: float64 parameters at the full shape of their nodes, and what was repaired
        in its `findings`.

    Raises:
        InputError: a network with faults that have no one repair.
        UnsupportedError: a node type that is neither a NIR primitive nor an extension.

    >>> graph = from_nir(nir.read("net.nir"))
    >>> sorted(node.kind for node in graph.nodes.values())
    ['Input', 'LIF', 'LIF', 'Linear', 'Linear', 'Output']
    """
    import nir

    with scratch("nir") as folder:
        path = folder / "network.nir"
        nir.write(path, graph)
        return read_nir(path)
