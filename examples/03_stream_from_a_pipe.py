"""Read samples from a pipe, step a program sample by sample, print a decision as each window ends, and the latency.

    python examples/03_stream_from_a_pipe.py
    python examples/motion.py 2000 --raw | python examples/03_stream_from_a_pipe.py --raw --build build/hapt -

The first line reads the synthetic stream of motion.py; the second whatever comes on standard input: six channels a step
(acceleration in g, rotation in rad/s), a line of CSV or six float32. With a build folder (`seamount deploy zoo:hapt`)
its program is run. Without, the shipped weights become a program here, with scales chosen on the synthetic stream: good
enough to see it run, not to judge decisions on real samples.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from simulators.fast import Session, open_session
from toolchain import Program, compile_graph, conventions_for
from toolchain.doctor import installed
from toolchain.errors import InputError, MissingPartError, ToolchainError
from toolchain.host.encode import encode_counted
from toolchain.ir.storage import load_program

WINDOW_STEPS = 128
KEPT_LATENCIES = 100_000
ACTIVITIES = ("walking", "upstairs", "downstairs", "sitting", "standing", "lying")
MOTION = Path(__file__).with_name("motion.py")


def hapt_program() -> Program:
    """The shipped network, compiled; its scales fit the synthetic stream."""
    if installed("torch") is None:
        raise MissingPartError("zoo:hapt", "its weights need torch to be read", "give --build, or install '.[train]'")
    from models.network.to_nir import to_graph
    from models.shipped.zoo import load

    sys.path.insert(0, str(MOTION.parent))
    from motion import motion

    trained = load("hapt")
    graph = to_graph(trained.network, trained.task, WINDOW_STEPS)
    windows = motion(8 * WINDOW_STEPS, seed=1, knock=False).reshape(-1, WINDOW_STEPS, 6).astype(np.float64)
    return compile_graph(graph, conventions_for(graph), windows, name="hapt").lowered.program


def read_samples(stream: BinaryIO, channels: int, raw: bool) -> Iterator[np.ndarray]:
    """Samples (channel,) as they arrive, until the stream ends.

    Raises:
        InputError: a line holds anything but as many numbers, or the stream ends within a sample.
    """
    number = 0
    while piece := stream.read(4 * channels) if raw else stream.readline():
        number += 1
        if raw and len(piece) < 4 * channels:
            raise InputError(
                f"sample {number}", f"ends after {len(piece)} of {4 * channels} bytes", "send whole samples"
            )
        yield np.frombuffer(piece, "<f4").astype(np.float64) if raw else _from_line(piece, number, channels)


def _from_line(line: bytes, number: int, channels: int) -> np.ndarray:
    try:
        values = [float(text) for text in line.decode().split(",")]
    except ValueError as error:
        raise InputError(f"line {number}", f"is not numbers ({error})", "separate numbers by commas") from error
    if len(values) != channels:
        raise InputError(f"line {number}", f"holds {len(values)} numbers, not {channels}", "send one line a step")
    return np.array(values)


@dataclass
class Stream:
    """A program that is fed samples; windows follow one another, and each begins from rest.

    Attributes:
        session: of one stream; values that do not fit a register are counted, not refused.
        overflow: what becomes of a sample beyond the payload: "saturate" to its end, or "refuse".
        beyond: samples' values that were saturated so far.
        latencies_us: of the latest steps, microseconds from the sample to what the program made of it.
    """

    session: Session
    overflow: str = "saturate"
    window_steps: int = WINDOW_STEPS
    beyond: int = 0
    latencies_us: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_LATENCIES))
    _read: np.ndarray | int = 0

    def feed(self, sample: np.ndarray) -> int | None:
        """Run one step; returns the class if it was the last of a window.

        Raises:
            InputError: a value is not finite, or beyond the payload where that is refused.
        """
        source = self.session.program.inputs[0]
        begun = time.perf_counter()
        encoded = encode_counted(replace(source, overflow=self.overflow), sample[None, None])
        self._step(encoded.payload[:, 0])
        self.latencies_us.append(1e6 * (time.perf_counter() - begun))
        self.beyond += encoded.beyond
        return self._decide(source.size) if self.session.now == self.window_steps else None

    def _step(self, payload: np.ndarray) -> None:
        """A step; what the host reads is a register's last value, or how many messages came."""
        output = self.session.program.outputs[0]
        found = self.session.step(payload)[output.name]
        self._read = found if output.register else self._read + (found != 0)

    def _decide(self, channels: int) -> int:
        """Let the window's last samples reach the output, read it, begin again."""
        for _ in range(self.session.program.latency_steps):
            self._step(np.zeros((1, channels), dtype=np.int64))
        decision = int(np.argmax(self._read))
        self._read = 0
        self.session.reset()
        return decision


def name_of(decision: int) -> str:
    """The activity, for a program of six classes."""
    return ACTIVITIES[decision] if decision < len(ACTIVITIES) else f"class {decision}"


def run(program: Program, samples: Iterator[np.ndarray], overflow: str) -> Stream:
    """Feed all samples, print each decision; returns the stream for its figures."""
    stream = Stream(open_session(program, strict=False), overflow)
    for number, sample in enumerate(samples, 1):
        seen = stream.beyond
        try:
            decision = stream.feed(sample)
        except InputError as error:
            raise InputError(f"sample {number}: {error.where}", error.what, error.remedy) from error
        if stream.beyond > seen:
            print(
                f"sample {number}: {np.abs(sample).max():.3g} is beyond the input's range and took its end", flush=True
            )
        if decision is not None:
            print(f"samples {number - WINDOW_STEPS + 1} to {number}: {name_of(decision)}", flush=True)
    return stream


def print_figures(stream: Stream) -> None:
    """Say how long steps took, and what did not fit."""
    if not stream.latencies_us:
        print("no sample came")
        return
    taken = np.array(stream.latencies_us)
    p50, p95, p99 = np.percentile(taken, [50, 95, 99])
    print(f"latency of {len(taken)} steps in us: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}, max {taken.max():.1f}")
    print(f"{stream.beyond} input values were saturated; registers: {stream.session.overflows or 'all values fit'}")


@contextmanager
def source(name: str | None, raw: bool) -> Iterator[BinaryIO]:
    """Standard input where it is named, else a pipe from a process that makes the synthetic stream."""
    if name == "-":
        yield sys.stdin.buffer
        return
    command = [sys.executable, str(MOTION), *(["--raw"] if raw else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield cast(BinaryIO, process.stdout)


def main() -> int:
    """Run the stream; an error is one line and exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("input", nargs="?", choices=["-"], help="standard input; the synthetic stream otherwise")
    parser.add_argument("--build", type=Path, help="folder that seamount deploy wrote")
    parser.add_argument("--raw", action="store_true", help="float32, little endian, instead of lines of CSV")
    parser.add_argument("--overflow", choices=("saturate", "refuse"), default="saturate", help="of inputs out of range")
    options = parser.parse_args()
    try:
        program = load_program(options.build / "program.npz") if options.build else hapt_program()
        print(f"{program.name}: decisions {program.latency_steps} steps after the last sample of a window", flush=True)
        with source(options.input, options.raw) as pipe:
            samples = read_samples(pipe, program.inputs[0].size, options.raw)
            print_figures(run(program, samples, options.overflow))
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
