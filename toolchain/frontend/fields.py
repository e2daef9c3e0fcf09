"""One node's stored fields -> typed parameters: arrays to float64, settings to int, faults by field and count."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.frontend.draft import Draft, DraftNode, Shape
from toolchain.frontend.extensions import NODE_TYPES, PREFIX
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.primitives import Primitive
from toolchain.frontend.raw import RawNode
from toolchain.frontend.time_constants import MAY_BE_INFINITE, TIME_CONSTANTS, check_time_constants

_MISSING_ARRAYS = {"bias": 0.0}  # a layer without bias adds zero, whatever the file's release
_MISSING_SETTINGS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "start_dim": 1, "end_dim": -1}
_LEAST = {"stride": 1, "dilation": 1, "groups": 1, "kernel_size": 1, "padding": 0}
MOST_SETTING, MOST_AXES = 1 << 15, 8
"""Greatest kernel, stride, padding, dilation, number of groups; most axes of a shape."""
_WEIGHT_AXES = {"Conv1d": 3, "Conv2d": 4}


def clean_node(raw: RawNode, name: str, draft: Draft) -> DraftNode:
    """The node `name` with checked parameters; findings and faults go to `draft`.

    Raises:
        UnsupportedError: a type that neither NIR nor its extensions have.
    """
    kind = _kind(raw.kind, name, draft)
    primitive = NODE_TYPES[kind]
    node = DraftNode(name, kind, {}, raw.metadata)
    fields = dict(raw.fields)
    node.declared = _declared(node, fields, draft)
    _read_arrays(node, primitive, fields, draft)
    for field in primitive.settings:
        _read_setting(node, field, fields, draft)
    if fields:
        draft.note(name, f"unknown field {', '.join(sorted(fields))}", "left out")
    _check_weight(node, draft)
    check_time_constants(node, draft)
    return node


def _kind(kind: str, name: str, draft: Draft) -> str:
    if kind in NODE_TYPES:
        return kind
    by_lower = {known.lower(): known for known in NODE_TYPES}
    if kind.lower() in by_lower:
        draft.repair(name, f"its type is spelled {kind}", f"read as {by_lower[kind.lower()]}")
        return by_lower[kind.lower()]
    what = f"type {kind} is not " + ("a known extension" if kind.startswith(PREFIX) else "a NIR primitive")
    raise UnsupportedError(name, what, "supported types: " + ", ".join(NODE_TYPES))


def _declared(node: DraftNode, fields: dict[str, Any], draft: Draft) -> Shape | None:
    """The input shape that the file repeats; None where it is absent or no shape."""
    if not node.primitive.derived:
        return None
    value = None
    for field in dict.fromkeys((node.primitive.derived, "shape", "input_type", "output_type")):
        found = fields.pop(field, None)
        value = found if value is None else value
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    if value is None:
        return None
    sizes = np.atleast_1d(np.asarray(value))
    whole = (
        sizes.dtype.kind in "iuf" and sizes.ndim == 1 and bool(np.all(np.isfinite(sizes)) and np.all(sizes % 1 == 0))
    )
    if not whole or sizes.size > MOST_AXES or np.any(sizes.astype(np.float64) > 1 << 31):
        draft.fault(f"{node.name}.{node.primitive.derived}", f"{value!r} is not a shape", "store integers")
        return None
    return tuple(int(size) for size in sizes)


def _read_arrays(node: DraftNode, primitive: Primitive, fields: dict[str, Any], draft: Draft) -> None:
    odd: dict[str, list[str]] = {}
    for field in primitive.arrays:
        if field not in fields:
            _missing_array(node, field, primitive, draft)
            continue
        value = fields.pop(field)
        array = _array(node, field, value, draft)
        if array is None:
            continue
        node.params[field] = array
        dtype = np.asarray(value).dtype
        if dtype.kind != "f" or dtype.itemsize not in (4, 8):
            odd.setdefault(str(dtype), []).append(field)
    for dtype_name, names in odd.items():
        draft.note(node.name, f"{', '.join(names)} stored as {dtype_name}", "read as float64")


def _missing_array(node: DraftNode, field: str, primitive: Primitive, draft: Draft) -> None:
    default = primitive.defaults.get(field, _MISSING_ARRAYS.get(field))
    if default is None:
        fields = ", ".join(primitive.arrays)
        draft.fault(node.name, f"{node.kind} lacks {field}", f"its fields are: {fields}")
        return
    node.params[field] = np.array(default, dtype=np.float64)
    record = draft.note if field in primitive.defaults else draft.repair  # older releases lack it rightly
    record(f"{node.name}.{field}", "is missing", f"took {default:g}")


def _array(node: DraftNode, field: str, value: Any, draft: Draft) -> FloatArray | None:
    where = f"{node.name}.{field}"
    array = np.asarray(value) if not isinstance(value, dict) else np.asarray(None)
    if array.dtype.kind not in "iuf" and array.dtype.kind == "b":
        draft.fault(where, f"is the boolean {array.tolist()}, not numbers", "store an array of numbers")
    elif array.dtype.kind not in "iuf":
        draft.fault(where, f"dtype {array.dtype} is not a real number", "store an array of floats")
    elif array.size == 0:
        draft.fault(where, f"is empty (shape {array.shape})", "store one value per neuron")
    elif _finite(where, field, array, draft) and _in_range(node, field, array, draft):
        return np.asarray(array, dtype=np.float64)
    return None


def _finite(where: str, field: str, array: Any, draft: Draft) -> bool:
    nans, infinities = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    if field in MAY_BE_INFINITE:
        infinities = 0
    if nans:
        draft.fault(where, f"{nans} of {array.size} values are NaN", "repair the network before exporting it")
    if infinities:
        draft.fault(where, f"{infinities} of {array.size} values are infinite", "store finite values")
    return not nans and not infinities


def _in_range(node: DraftNode, field: str, array: Any, draft: Draft) -> bool:
    """Ternary thresholds are > 0, delays >= 0; time constants see `check_time_constants`."""
    if field in node.primitive.positive and field not in TIME_CONSTANTS:
        bad, rule = int(np.sum(array <= 0)), "positive"
    elif field == "delay":
        bad, rule = int(np.sum(array < 0)), "at least 0"
    else:
        return True
    if bad:
        what = f"{bad} of {array.size} values are not {rule} (smallest {array.min():g})"
        remedy = "raise it" if field == "threshold" else "store seconds; check the exporter's units and signs"
        draft.fault(f"{node.name}.{field}", what, remedy)
    return not bad


def _read_setting(node: DraftNode, field: str, fields: dict[str, Any], draft: Draft) -> None:
    where = f"{node.name}.{field}"
    default = node.params.get("kernel_size") if node.kind.endswith("Pool2d") and field == "stride" else None
    if field not in fields:
        default = _MISSING_SETTINGS.get(field) if default is None else default
        if default is None:
            draft.fault(
                node.name, f"{node.kind} lacks {field}", f"its fields are: {', '.join(node.primitive.settings)}"
            )
            return
        draft.repair(where, "is missing", f"took {default}")
    value = fields.pop(field, default)
    if isinstance(value, str):
        _read_word(node, field, value, draft)
        return
    numbers = _integers(where, value, draft)
    if numbers is not None:
        _store_setting(node, field, numbers, draft)


def _read_word(node: DraftNode, field: str, value: str, draft: Draft) -> None:
    if field != "padding" or value not in ("same", "valid"):
        draft.fault(f"{node.name}.{field}", f"is the word {value!r}", "store integers, or 'same'/'valid' as padding")
        return
    node.params[field] = value


def _integers(where: str, value: Any, draft: Draft) -> Shape | None:
    array = np.atleast_1d(np.asarray(value))
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
    if not whole or array.ndim != 1 or array.size not in (1, 2):
        draft.fault(where, f"{value!r} is not one or two integers", "store integers")
        return None
    return tuple(int(number) for number in array)


def _store_setting(node: DraftNode, field: str, numbers: Shape, draft: Draft) -> None:
    where = f"{node.name}.{field}"
    least = _LEAST.get(field)
    if least is not None and min(numbers) < least:
        draft.fault(where, f"{numbers} is less than {least}", "store a value in range")
        return
    if max(map(abs, numbers)) > MOST_SETTING:
        draft.fault(where, f"{numbers} is more than {MOST_SETTING}", "store a value in range")
        return
    paired = node.kind in ("Conv2d", "SumPool2d", "AvgPool2d") and field != "groups"
    if paired:
        node.params[field] = numbers * 2 if len(numbers) == 1 else numbers
    elif len(set(numbers)) == 1:
        node.params[field] = numbers[0]
    else:
        draft.fault(where, f"{numbers} has two values where one axis is", "store one integer")


def _check_weight(node: DraftNode, draft: Draft) -> None:
    weight = node.params.get("weight")
    if weight is None:
        return
    where, axes = f"{node.name}.weight", _WEIGHT_AXES.get(node.kind)
    if axes is None and weight.ndim < 2:
        draft.fault(where, f"shape {weight.shape} is no matrix", "store (out, in)")
    elif axes is not None and weight.ndim != axes:
        draft.fault(where, f"shape {weight.shape} has {weight.ndim} axes, not {axes}", "store (out, in, kernel...)")
    elif axes is not None and weight.shape[0] % node.params.get("groups", 1):
        what = f"{weight.shape[0]} output channels do not divide into {node.params['groups']} groups"
        draft.fault(where, what, "correct groups")
