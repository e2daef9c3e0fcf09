"""The streaming example decides what one batch run decides, and says what is wrong with a stream."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from simulators import reference
from simulators.fast import open_session
from tests.conftest import REPOSITORY
from toolchain.errors import InputError
from toolchain.host.decode import decide
from toolchain.host.encode import encode_counted
from toolchain.ir.program import Program
from toolchain.ir.storage import save_program

EXAMPLE = REPOSITORY / "examples" / "03_stream_from_a_pipe.py"
WINDOWS = 3


@cache
def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def example() -> ModuleType:
    return loaded(EXAMPLE)


@cache
def hapt() -> Program:
    program: Program = loaded(EXAMPLE).hapt_program()
    return program


@pytest.fixture
def program() -> Program:
    """The shipped network on the example's own scales."""
    pytest.importorskip("torch", reason="the shipped weights need torch to be read")
    return hapt()


def recording(example: ModuleType, more: int = 0) -> np.ndarray:
    """Some windows and the beginning of another, (step, channel) float32."""
    samples: np.ndarray = loaded(example.MOTION).motion(WINDOWS * example.WINDOW_STEPS + more, seed=7)
    return samples


def pipe(example: ModuleType, samples: np.ndarray, raw: bool) -> io.BytesIO:
    return io.BytesIO(b"".join(loaded(example.MOTION).written(sample, raw) for sample in samples))


@pytest.mark.parametrize("raw", [False, True])
def test_samples_come_through_the_pipe_unchanged(example: ModuleType, raw: bool) -> None:
    samples = recording(example)
    read = np.array(list(example.read_samples(pipe(example, samples, raw), 6, raw)))
    assert np.array_equal(read.astype(np.float32), samples)


def test_decisions_are_those_of_the_batch_run(example: ModuleType, program: Program) -> None:
    """Each window begins from rest, so the stream's windows are the samples of one run of the reference."""
    samples = recording(example, more=50)
    stream = example.Stream(open_session(program, strict=False))
    found = [stream.feed(sample) for sample in example.read_samples(pipe(example, samples, True), 6, True)]
    ends = [index for index, decision in enumerate(found, 1) if decision is not None]
    assert ends == [example.WINDOW_STEPS * (window + 1) for window in range(WINDOWS)]
    windows = samples[: WINDOWS * example.WINDOW_STEPS].reshape(WINDOWS, -1, 6).astype(np.float64)
    encoded = encode_counted(program.inputs[0], windows)
    trace = reference.simulate(program, {program.inputs[0].name: encoded.payload}, strict=False)
    assert [decision for decision in found if decision is not None] == decide(program, trace).tolist()
    assert stream.beyond == encoded.beyond == 1
    assert len(stream.latencies_us) == len(samples)


def test_each_step_is_a_step_of_the_batch_run(example: ModuleType, program: Program) -> None:
    """What the host reads after every step of a window, not its decision alone."""
    window = recording(example)[: example.WINDOW_STEPS].astype(np.float64)
    stream = example.Stream(open_session(program, strict=False), window_steps=len(window) + 1)
    read = []
    for sample in window:
        stream.feed(sample)
        read.append(stream._read)
    payload = encode_counted(program.inputs[0], window[None]).payload
    probes = [probe for probe in program.all_probes() if probe.population == program.outputs[0].population]
    trace = reference.simulate(program, {program.inputs[0].name: payload}, probes=probes, strict=False)
    register = f"{program.outputs[0].population}.{program.outputs[0].register}"
    assert np.array_equal(np.concatenate(read), trace.registers[register][0, : len(window)])
    assert np.any(trace.registers[register] != 0)


@pytest.mark.parametrize(
    ("raw", "content", "told"),
    [
        (False, b"0,0,0,0,0,1\n1,2,3\n", "line 2: holds 3 numbers, not 6"),
        (False, b"1,2,3,4,5,six\n", "line 1: is not numbers"),
        (False, b"\xff\xfe\n", "line 1: is not numbers"),
        (True, bytes(24 + 23), "sample 2: ends after 23 of 24 bytes"),
        (False, b"1,2,3,4,5,nan\n", "sample 1: input: 1 values are not finite"),
        (False, b"0,0,0,0,0,0\n0,0,0,0,0,1e9\n", r"sample 2: input: 1e\+09 is beyond the payload's range"),
    ],
)
def test_what_is_wrong_with_a_stream(
    example: ModuleType, program: Program, raw: bool, content: bytes, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        example.run(program, example.read_samples(io.BytesIO(content), 6, raw), "refuse")


@pytest.fixture
def build(program: Program, tmp_path: Path) -> Path:
    save_program(program, tmp_path / "program.npz")
    return tmp_path


def test_a_build_runs_on_standard_input_and_saturation_is_seen(
    example: ModuleType, program: Program, build: Path
) -> None:
    samples = recording(example)
    assert np.abs(samples).max() > 7
    command = [sys.executable, str(EXAMPLE), "--raw", "--build", str(build), "-"]
    given = pipe(example, samples, True).getvalue()
    ran = subprocess.run(command, input=given, capture_output=True, cwd=REPOSITORY, check=False)
    said = ran.stdout.decode().splitlines()
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert said[0] == f"hapt: decisions {program.latency_steps} steps after the last sample of a window"
    assert [line.partition(":")[0] for line in said[1:-2]] == [
        "samples 1 to 128", "samples 129 to 256", "sample 301", "samples 257 to 384",
    ]  # fmt: skip
    assert said[-2].startswith("latency of 384 steps in us: p50 ")
    assert said[-1].startswith("1 input values were saturated; ")
    refused = subprocess.run(
        [*command, "--overflow", "refuse"], input=given, capture_output=True, cwd=REPOSITORY, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr.decode().startswith("error: sample 301: input: 7.5 is beyond the payload's range")
