#!/usr/bin/env bash
# onnxruntime 1.31.1 on a CPU (x86-64): Clip and Sign of int64 are wrong for values that 32 bits do not hold.
#
# Guess:   Clip of int64 lies between its bounds, and Sign is 1 for positive numbers: the operators are defined for
#          int64, and the file passes the checker.
# Instead: Clip(-2^32, -2^22, 2^22) gives -2^32, far below its own lower bound, and Clip of 2^31 gives 2^31; Sign(2^31)
#          is -1. The same operators on float64 are right.
# Matters: saturating a sum of synaptic products to a membrane's 24 bits is one Clip. Sums stay below 32 bits in small
#          networks, where every test passes; a large or strongly driven layer then sends unsaturated values on,
#          unnoticed.
set -euo pipefail

if [ "$(uname -m)" != x86_64 ]; then
    echo "this was seen on x86-64, not on $(uname -m)" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 onnx==1.22.0 onnxruntime==1.31.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper

print(*(f"{name} {version(name)}" for name in ("onnxruntime", "onnx", "numpy")))
TYPES = {"int64": TensorProto.INT64, "float64": TensorProto.DOUBLE}
LOW, HIGH = -(2**22), 2**22
VALUES = [-(2**32), -(2**31), 5, 2**31, 2**32]


def result(operator: str, kind: str) -> list[int]:
    """What one operator gives for the values, as integers."""
    bounds = [helper.make_tensor(name, TYPES[kind], [], [value]) for name, value in (("low", LOW), ("high", HIGH))]
    inputs = ["x", "low", "high"] if operator == "Clip" else ["x"]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TYPES[kind], [len(VALUES)])],
        [helper.make_tensor_value_info("y", TYPES[kind], [len(VALUES)])],
        bounds if operator == "Clip" else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [int(value) for value in session.run(None, {"x": np.array(VALUES, dtype=kind)})[0]]


clipped, signs = [min(max(value, LOW), HIGH) for value in VALUES], [-1, -1, 1, 1, 1]
for operator, right in (("Clip", clipped), ("Sign", signs)):
    found = {kind: result(operator, kind) for kind in TYPES}
    print(f"{operator} of {VALUES}: int64 {found['int64']}, float64 {found['float64']}, right {right}")
    if found["float64"] != right or found["int64"] == right:
        sys.exit(f"changed: {operator} of int64 is right now, or that of float64 is wrong")
if result("Clip", "int64")[0] != -(2**32) or result("Sign", "int64")[3] != -1:
    sys.exit("changed: other wrong values")
print("as stated: Clip and Sign of int64 are wrong for values that 32 bits do not hold")
PYTHON
