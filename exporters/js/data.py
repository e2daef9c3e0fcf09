"""Integers in a JavaScript module: short ones as they read, long ones as the bytes of a typed array in base64."""

from __future__ import annotations

import base64

import numpy as np

from exporters.js.values import array_type
from toolchain.ir.integer import IntArray

SHORT = 16
"""Elements up to which an array is written as numbers."""

DTYPES = {
    "Int8Array": "<i1", "Int16Array": "<i2", "Int32Array": "<i4", "Float64Array": "<f8", "BigInt64Array": "<i8",
}  # fmt: skip


def typed(values: IntArray) -> str:
    """An expression that makes a typed array of the values, in the narrowest type that holds them all."""
    kind = array_type((int(values.min()), int(values.max()))) if values.size else "Int8Array"
    flat = values.ravel()
    if flat.size <= SHORT:
        suffix = "n" if kind == "BigInt64Array" else ""
        return f"{kind}.of({', '.join(f'{value}{suffix}' for value in flat.tolist())})"
    if kind == "Float64Array" and not np.array_equal(flat.astype(np.float64).astype(np.int64), flat):
        raise AssertionError("a double does not hold the value that it was chosen for")
    encoded = base64.b64encode(flat.astype(DTYPES[kind]).tobytes()).decode()
    return f'decode({kind}, "{encoded}")'
