"""Complete the shape of every node, forward from the Inputs; repair what only repeats a shape, refuse what contradicts.

An Output, an inner Input and a Flatten's input_type repeat what their predecessor already says, so the predecessor is
believed. Weights and full-shaped neurons are never bent to fit.
"""

from __future__ import annotations

import heapq
from math import prod

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.draft import Draft, DraftNode, Shape
from toolchain.frontend.elementwise import fit, own_shape, strip_ones, widen
from toolchain.frontend.halves import SHAPED, accepts_halves, needed_halves, settle_halves
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.shapes import conv_channels, conv_output, flatten_output, linear_shapes, pool_output

MOST_NEURONS = 1 << 22
"""Of a node: four times what a chip of Loihi 2 holds."""
MOST_VALUES = 1 << 26
"""Of all parameters of nodes that act per element: 512 MiB."""


def infer_shapes(draft: Draft) -> None:
    """Give every node its shapes and check every edge.

    Raises:
        InputError: shapes that contradict each other or cannot be known, with all of them in its text.
    """
    for node in draft.nodes.values():
        if node.primitive.per_element:
            node.declared = own_shape(node, draft)
    draft.raise_faults()
    for node in draft.of_kind("Input"):
        if not draft.sources(node.name):
            _settle_input(node, draft)
    draft.raise_faults()
    _note_time_axes(draft)
    _propagate(draft)
    _check_edges(draft)
    draft.raise_faults()


def _settle_input(node: DraftNode, draft: Draft) -> None:
    """The declared shape, without the leading (batch or time) axes that no successor would take."""
    targets = draft.targets(node.name)
    if not node.declared or min(node.declared) < 1:
        needed = next((shape for target in targets if (shape := _needed(target, draft)) is not None), None)
        if needed is None:
            draft.fault(node.name, f"its shape is {node.declared}", "store the shape of one sample at one step")
            return
        record = draft.note if node.declared is None else draft.repair
        record(node.name, f"its shape is {node.declared}", f"took {needed} from its successor")
        _set(node, needed, needed)
        return
    options = [node.declared[axis:] for axis in range(len(node.declared))]
    accepted = [shape for shape in options if all(_accepts(target, shape, draft) for target in targets)]
    chosen = accepted[0] if accepted else node.declared
    if chosen != node.declared:
        what = f"its shape {node.declared} has {len(node.declared) - len(chosen)} leading batch or time axes"
        draft.repair(node.name, what, f"took {chosen}")
    _set(node, chosen, chosen)


def _note_time_axes(draft: Draft) -> None:
    """An Input of many elements straight before a neuron of scalars: NIR has no time axis, but files have had one."""
    for node in draft.of_kind("Input"):
        for target in draft.targets(node.name):
            size = prod(node.output_shape or ())
            if target.kind in STATEFUL and size > 1 and prod(target.declared or ()) == 1:
                what = f"its shape {node.output_shape} leads straight to {target.name}, a {target.kind} of one value"
                action = f"read as {size} neurons; if {size} counts time steps, store the shape of one step"
                draft.note(node.name, what, action)


def _accepts(first: DraftNode, shape: Shape, draft: Draft) -> bool:
    """Whether a node, and all that passes its shape on, can take a signal of `shape`."""
    seen, waiting = set[str](), [first]
    while waiting:
        node = waiting.pop()
        if node.name in seen or node.kind in ("Output", "Flatten"):
            continue
        seen.add(node.name)
        found = _accepts_itself(node, shape)
        if found is False:
            return False
        if found is None:
            waiting += draft.targets(node.name)
    return True


def _accepts_itself(node: DraftNode, shape: Shape) -> bool | None:
    """Whether a node takes a signal of `shape`; None where it does and passes it on."""
    if node.kind in ("Linear", "Affine"):
        return shape == linear_shapes(node.params["weight"].shape)[0]
    if node.kind in ("Conv1d", "Conv2d"):
        return len(shape) == node.params["weight"].ndim - 1 and shape[0] == conv_channels(node.params)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        return len(shape) == 3
    if node.kind in SHAPED:
        return accepts_halves(node, shape)
    return None if node.kind == "Input" or fit(node.declared, shape) == shape else False


def _needed(first: DraftNode, draft: Draft) -> Shape | None:
    """The one input shape that a node can have by what it and its successors hold; None if they leave it open."""
    seen: set[str] = set()
    waiting: list[tuple[DraftNode, bool]] = [(first, False)]
    while waiting:
        node, left = waiting.pop()
        if left:  # its successors leave it open
            if node.declared is not None:
                return node.declared
            continue
        if node.name in seen or node.kind == "Output":
            continue
        seen.add(node.name)
        found = _needed_itself(node)
        if found is not None:
            return found
        if node.primitive.per_element or node.kind == "Input":
            waiting.append((node, True))
            waiting += [(target, False) for target in reversed(draft.targets(node.name))]
    return None


def _needed_itself(node: DraftNode) -> Shape | None:
    """The input shape that a node's own fields ask for."""
    if node.kind in ("Linear", "Affine"):
        return linear_shapes(node.params["weight"].shape)[0]
    if node.kind in ("Conv1d", "Conv2d"):
        axes = node.params["weight"].ndim - 2
        return (conv_channels(node.params), *node.declared[-axes:]) if node.declared else None
    if node.kind in SHAPED:
        return needed_halves(node)
    return node.declared if node.primitive.per_element and node.declared != (1,) else None


def _propagate(draft: Draft) -> None:
    """Forward from what is known, in rounds: in each, every node in the file's order that has a known source."""
    order = {name: number for number, name in enumerate(draft.nodes)}
    names = list(order)
    waiting = [(0, number) for number, name in enumerate(names) if draft.nodes[name].output_shape is None]
    while True:
        while waiting:
            turn, number = heapq.heappop(waiting)
            node = draft.nodes[names[number]]
            if node.output_shape is None and _settle_from_source(node, draft):
                for target in draft.targets(node.name):
                    place = order[target.name]
                    heapq.heappush(waiting, (turn + (place <= number), place))
        open_nodes = [node for node in draft.nodes.values() if node.output_shape is None]
        if not open_nodes:
            return
        if not any(_settle_alone(node, draft) for node in open_nodes):
            listed = ", ".join(node.name for node in open_nodes)
            raise InputError(
                open_nodes[0].name, f"the shape of {listed} is not known", "lead an edge from an Input to it"
            )
        waiting = [(0, order[node.name]) for node in open_nodes]


def _settle_from_source(node: DraftNode, draft: Draft) -> bool:
    shapes = [source.output_shape for source in draft.sources(node.name) if source.output_shape is not None]
    if shapes:
        _settle(node, shapes[0], draft)
    return bool(shapes)


def _settle_alone(node: DraftNode, draft: Draft) -> bool:
    """A node without known predecessor (the head of a loop, a source of bias) takes the shape of what it holds."""
    needed = _needed(node, draft)
    if needed is not None:
        _settle(node, needed, draft)
    return needed is not None


def _settle(node: DraftNode, signal: Shape, draft: Draft) -> None:
    if node.kind in ("Linear", "Affine"):
        _set(node, *linear_shapes(node.params["weight"].shape))
        _settle_bias(node, draft)
    elif node.primitive.per_element:
        shape = fit(node.declared, signal)
        if shape != signal and _is_uniform(node) and _all_agree(draft.targets(node.name), signal, draft):
            shape = _reduce_uniform(node, signal, draft)
        _set(node, shape, shape)
        _refuse_total(node, shape, draft)
        widen(node, shape, draft)
    elif node.kind in ("Input", "Output"):
        _settle_port(node, signal, draft)
    elif node.kind == "Flatten":
        _settle_flatten(node, signal, draft)
    elif node.kind in ("Conv1d", "Conv2d"):
        _settle_conv(node, signal, draft)
    elif node.kind in SHAPED:
        settle_halves(node, signal, draft)
    else:
        _set(node, signal, pool_output(node.name, node.params, signal))


def _refuse_total(node: DraftNode, shape: Shape, draft: Draft) -> None:
    """A scalar becomes an array: few bytes of a file may mean many here."""
    draft.values += prod(shape) * len(node.primitive.arrays)
    if draft.values > MOST_VALUES:
        what = f"with its {prod(shape):,} neurons, parameters have more than {MOST_VALUES:,} values"
        raise InputError(node.name, what, "check the shapes; export a smaller network")


def _is_uniform(node: DraftNode) -> bool:
    """Whether each array repeats one value, so that it says the same at any width."""
    return all(np.all(node.params[field] == node.params[field].flat[0]) for field in node.primitive.arrays)


def _all_agree(targets: list[DraftNode], shape: Shape, draft: Draft) -> bool:
    return all(
        target.declared in (None, shape) if target.kind == "Output" else _accepts(target, shape, draft)
        for target in targets
    )


def _reduce_uniform(node: DraftNode, signal: Shape, draft: Draft) -> Shape:
    what = f"its parameters have shape {node.declared} where its predecessor gives {signal}; each repeats one value"
    draft.repair(node.name, what, f"took that value at {signal}")
    for field in node.primitive.arrays:
        node.params[field] = np.full(signal, node.params[field].flat[0])
    return signal


def _set(node: DraftNode, input_shape: Shape, output_shape: Shape) -> None:
    for shape in (input_shape, output_shape):
        if prod(shape) > MOST_NEURONS:
            what = f"a signal of {shape}, {prod(shape):,} values; at most {MOST_NEURONS:,} are read"
            raise InputError(node.name, what, "check the shapes, and paddings; export a smaller network")
    node.input_shape, node.output_shape = input_shape, output_shape


def _settle_port(node: DraftNode, signal: Shape, draft: Draft) -> None:
    if node.declared is None:
        draft.note(node.name, "no shape is stored", f"took {signal}")
    elif node.declared != signal:
        source = ", ".join(source.name for source in draft.sources(node.name))
        draft.repair(node.name, f"its shape is {node.declared} where {source} gives {signal}", f"took {signal}")
    _set(node, signal, signal)


def _settle_bias(node: DraftNode, draft: Draft) -> None:
    if "bias" not in node.params:
        return
    assert node.output_shape is not None
    full = node.output_shape[:1] if node.kind.startswith("Conv") else node.output_shape
    bias = node.params["bias"]
    if fit(bias.shape or None, full) != full:
        draft.fault(f"{node.name}.bias", f"shape {bias.shape} where {full} is", "store one bias an output")
        return
    if bias.shape != full and not any(f.where == f"{node.name}.bias" for f in draft.findings):
        draft.repair(f"{node.name}.bias", f"its shape is {bias.shape}", f"broadcast to {full}")
    node.params["bias"] = np.broadcast_to(bias.reshape(strip_ones(bias.shape)), full).copy()


def _settle_conv(node: DraftNode, signal: Shape, draft: Draft) -> None:
    axes = node.params["weight"].ndim - 2
    spatial = signal[1:]
    if node.declared is None:
        draft.repair(f"{node.name}.input_shape", "is missing", f"took {spatial} from its predecessor")
    elif node.declared[-axes:] != spatial:
        what = f"input_shape {node.declared} where its predecessor gives {signal}"
        raise InputError(node.name, what, "export the network again, or correct one of the two")
    elif node.declared != spatial:
        draft.repair(f"{node.name}.input_shape", f"{node.declared} has more than {axes} axes", f"took {spatial}")
    _set(node, signal, conv_output(node.name, node.params, signal))
    _settle_bias(node, draft)


def _settle_flatten(node: DraftNode, signal: Shape, draft: Draft) -> None:
    start, end = node.params["start_dim"], node.params["end_dim"]
    shifted = {"start_dim": max(start - 1, 0) if start >= 0 else start, "end_dim": end - 1 if end > 0 else end}
    with_batch = node.declared is not None and len(node.declared) == len(signal) + 1
    if with_batch or (shifted != node.params and _fits_only_shifted(node, shifted, signal, draft)):
        was = f"input_type {node.declared}, start_dim {start} and end_dim {end} count a batch axis"
        node.params = shifted
        new = f"took start_dim {shifted['start_dim']} and end_dim {shifted['end_dim']} on {signal}"
        draft.repair(node.name, was, new)
    elif node.declared is not None and node.declared != signal:
        draft.repair(node.name, f"input_type {node.declared} where its predecessor gives {signal}", f"took {signal}")
    _set(node, signal, flatten_output(node.name, node.params, signal))


def _fits_only_shifted(node: DraftNode, shifted: dict[str, int], signal: Shape, draft: Draft) -> bool:
    """Whether what follows takes the shape only if the axes are counted without batch."""
    try:
        plain: Shape | None = flatten_output(node.name, node.params, signal)
    except InputError:
        plain = None
    targets = draft.targets(node.name)
    moved = flatten_output(node.name, shifted, signal)
    fits = [
        plain is not None and all(_accepts(target, shape, draft) for target in targets)
        for shape in (plain or (), moved)
    ]
    return not fits[0] and all(_accepts(target, moved, draft) for target in targets)


def _check_edges(draft: Draft) -> None:
    for source_name, target_name in draft.edges:
        source, target = draft.nodes[source_name], draft.nodes[target_name]
        if source.output_shape != target.input_shape:
            what = f"{source_name} gives {source.output_shape} and {target_name} takes {target.input_shape}"
            draft.fault(f"edge {source_name} -> {target_name}", what, _mismatch_remedy(source, target))


def _mismatch_remedy(source: DraftNode, target: DraftNode) -> str:
    gives, takes = source.output_shape or (), target.input_shape or ()
    if target.kind in ("Linear", "Affine") and target.output_shape == gives:
        shape = target.params["weight"].shape
        return f"the weight of {target.name} {shape} looks transposed; NIR stores (out, in)"
    if len(gives) > 1 and len(takes) == 1 and int(np.prod(gives)) == takes[0]:
        return "put a Flatten between them"
    return "correct the shapes where the network was exported"
