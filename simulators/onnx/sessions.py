"""The runtimes that execute a model: onnxruntime with any of its providers, or the onnx package's evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast, get_args

from toolchain.errors import InputError, MissingPartError

NAME = "onnx"
CPU = "CPUExecutionProvider"

Evaluator = Literal["onnxruntime", "reference"]
EVALUATORS: tuple[Evaluator, ...] = get_args(Evaluator)

LEAST_EVALUATOR = (1, 22)
"""Release of onnx from which on its evaluator is right: earlier ones fail on Scan, or divide wrongly."""

Execute = Callable[[Sequence[str], Mapping[str, Any]], list[Any]]
"""(names of outputs, inputs by name) -> outputs."""


def load(model: bytes, where: str, evaluator: str, provider: str = CPU) -> tuple[Execute, Mapping[str, str]]:
    """Give the model to its evaluator; return how to run it and the file's ``metadata_props``.

    Raises:
        InputError: no such evaluator or provider, or it cannot read the model.
        MissingPartError: the evaluator is not installed, or is too old.
    """
    if evaluator not in EVALUATORS:
        raise InputError("evaluator", f"{evaluator!r} is unknown", f"choose one of {list(EVALUATORS)}")
    try:
        return _load_onnxruntime(model, where, provider) if evaluator == "onnxruntime" else _load_reference(model)
    except ImportError as error:
        remedy = "pip install 'seamount[onnx]'"
        raise MissingPartError(f"simulator {NAME!r}", f"{evaluator} cannot be imported ({error})", remedy) from error
    except (InputError, MissingPartError):
        raise
    except Exception as error:  # neither onnxruntime's nor protobuf's exceptions have a base class of their own
        reason = str(error).partition("\n")[0]
        raise InputError(where, f"is not an ONNX file that {evaluator} reads ({reason})", "export it again") from error


def _load_onnxruntime(model: bytes, where: str, provider: str) -> tuple[Execute, Mapping[str, str]]:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise InputError("--onnx-provider", f"{provider!r} is not installed", f"use one of {', '.join(available)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # small integer matrices: threads cost more than they bring
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=[provider])
    if provider not in session.get_providers():
        raise InputError(where, f"is not run by {provider}, which could not start", "see what onnxruntime says of it")
    return session.run, session.get_modelmeta().custom_metadata_map


def _load_reference(model: bytes) -> tuple[Execute, Mapping[str, str]]:
    import onnx
    import onnx.reference

    if tuple(map(int, onnx.__version__.split(".")[:2])) < LEAST_EVALUATOR:
        least = ".".join(map(str, LEAST_EVALUATOR))
        what = f"the evaluator of onnx {onnx.__version__} is wrong in places"
        raise MissingPartError(f"simulator {NAME!r}", what, f"pip install 'onnx>={least}'")
    proto = onnx.load_model_from_string(model)
    run = cast(Execute, onnx.reference.ReferenceEvaluator(proto).run)
    return run, {entry.key: entry.value for entry in proto.metadata_props}


__all__ = ["CPU", "EVALUATORS", "NAME", "Evaluator", "Execute", "load"]
