"""Run an exported step model in whatever runtime is installed: ``run_model.py TOOL MODEL FEEDS FOUND``.

The interpreter is that of an environment which holds the runtime and numpy, nothing of Seamount. FEEDS has the payloads
of one sample, ``<tensor>`` by step; FOUND gets every output, by step. What cannot be run is said in one line on
standard error, with exit code 3.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]
Run = Callable[[Arrays], Arrays]


def onnxruntime_session(model: str, about: Mapping[str, Any], provider: str = "CPUExecutionProvider") -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=[provider])
    names = [output.name for output in session.get_outputs()]
    if provider not in session.get_providers():
        raise RuntimeError(f"{provider} did not start")
    return lambda feeds: dict(zip(names, session.run(names, dict(feeds)), strict=True))


def openvino_provider(model: str, about: Mapping[str, Any]) -> Run:
    return onnxruntime_session(model, about, "OpenVINOExecutionProvider")


def evaluator(model: str, about: Mapping[str, Any]) -> Run:
    import onnx.reference

    session = onnx.reference.ReferenceEvaluator(model)
    return lambda feeds: dict(zip(session.output_names, session.run(None, dict(feeds)), strict=True))


def openvino(model: str, about: Mapping[str, Any]) -> Run:
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU")
    return lambda feeds: {end.get_any_name(): np.array(values) for end, values in compiled(dict(feeds)).items()}


def tinygrad(model: str, about: Mapping[str, Any]) -> Run:
    from tinygrad import Tensor
    from tinygrad.nn.onnx import OnnxRunner

    runner = OnnxRunner(model)
    return lambda feeds: {n: t.numpy() for n, t in runner({k: Tensor(v) for k, v in feeds.items()}).items()}


def tvm(model: str, about: Mapping[str, Any]) -> Run:
    import onnx
    import tvm
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    proto = onnx.load(model)
    mod = relax.transform.LegalizeOps()(from_onnx(proto))
    machine = relax.VirtualMachine(relax.build(mod, target="llvm"), tvm.cpu())
    inputs = [value.name for value in proto.graph.input]
    outputs = [value.name for value in proto.graph.output]

    def run(feeds: Arrays) -> Arrays:
        found = machine["main"](*(tvm.runtime.tensor(feeds[name]) for name in inputs))
        return {name: values.numpy() for name, values in zip(outputs, found, strict=True)}

    return run


def tract(model: str, about: Mapping[str, Any]) -> Run:
    import tract

    loaded = tract.onnx().load(model).into_model().into_runnable()

    def run(feeds: Arrays) -> Arrays:
        found = loaded.run([feeds[name] for name in about["inputs"]])
        return {name: values.to_numpy() for name, values in zip(about["outputs"], found, strict=True)}

    return run


def iree(model: str, about: Mapping[str, Any]) -> Run:
    import subprocess
    import tempfile

    import iree.compiler as compiler
    import iree.runtime as runtime

    with tempfile.TemporaryDirectory() as name:
        text = Path(name, "model.mlir")
        subprocess.run([sys.executable, "-m", "iree.compiler.tools.import_onnx", model, "-o", text], check=True)
        made = compiler.compile_file(str(text), target_backends=["llvm-cpu"])
    module = runtime.load_vm_flatbuffer(made, driver="local-task")
    entry = module[about["graph"]]

    def run(feeds: Arrays) -> Arrays:
        found = entry(*(feeds[name] for name in about["inputs"]))
        return {name: np.asarray(values) for name, values in zip(about["outputs"], found, strict=True)}

    return run


TOOLS: dict[str, Callable[[str, Mapping[str, Any]], Run]] = {
    "onnxruntime": onnxruntime_session,
    "onnxruntime-openvino": openvino_provider,
    "onnx": evaluator,
    "openvino": openvino,
    "tinygrad": tinygrad,
    "tvm": tvm,
    "tract": tract,
    "iree": iree,
}


def steps_of(run: Run, about: Mapping[str, Any], feeds: Arrays) -> dict[str, list[Any]]:
    """Every output, step after step, from states that are 0."""
    state = {s["name"]: np.zeros((1, *s["shape"]), dtype=about["type"]) for s in about["states"]}
    found: dict[str, list[Any]] = {}
    for step in range(about["steps"]):
        given = {name: values[step].astype(about["type"]) for name, values in feeds.items()}
        after = run({**given, **state})
        for name in about["outputs"]:
            found.setdefault(name, []).append(np.asarray(after[name]))
        state = {s["name"]: np.ascontiguousarray(after[s["next"]], dtype=about["type"]) for s in about["states"]}
    return found


def main() -> None:
    tool, model, given, result = sys.argv[1:5]
    about = json.loads(Path(f"{model}.about.json").read_text(encoding="utf-8"))
    with np.load(given) as stored:
        feeds = {name: stored[name] for name in stored.files}
    try:
        found = steps_of(TOOLS[tool](model, about), about, feeds)
    except Exception as error:  # each runtime has exceptions of its own, and they derive from anything
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"{type(error).__name__}: {lines[0] if lines else ''}"[:300], file=sys.stderr)
        raise SystemExit(3) from None
    stacked: dict[str, Any] = {name: np.stack(values).astype(np.float64) for name, values in found.items()}
    np.savez(result, **stacked)


if __name__ == "__main__":
    main()
