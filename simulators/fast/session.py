"""Streaming: a program fed step by step, its memory saved to a file and taken up again.

    session = open_session("build/digits")
    for x in stream:                       # (channel,) or (sample, channel) integers
        logits = session.step(x)["classes"]
    session.save(Path("state.npz"))
    session = open_session("build/digits", state=Path("state.npz"))

The steps of a session are those of one long run: what `step` returns is what `simulate` records at that step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from simulators.fast.blocks import Runner
from simulators.reference import check_inputs
from simulators.traced.replay import Checkpoint
from toolchain.bounds.verify import verify
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import SEMANTICS_VERSION, Program
from toolchain.ir.storage import load_program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import State

SESSION_STEPS = 32
"""Steps between two moves of the remembered messages to the front of their arrays."""

FORMAT = 1


def open_session(
    program: Program | str | Path, *, samples: int = 1, strict: bool = True, state: Path | None = None
) -> Session:
    """Begin a stream.

    Args:
        program: a program, a file that holds one, or the build folder of a deployed network.
        samples: streams side by side.
        strict: an unexpected wrap or saturation is an error; otherwise it is counted.
        state: a file that `Session.save` wrote, to go on from there.

    Raises:
        InputError: the program or the state is unreadable, or the state is of another program or number of samples.
    """
    if samples < 1:
        raise InputError("samples", f"{samples} is less than one", "give 1 or more")
    session = Session(program if isinstance(program, Program) else _load(Path(program)), samples, strict=strict)
    if state is not None:
        session.restore(state)
    return session


def _load(path: Path) -> Program:
    return load_program(path / "program.npz" if path.is_dir() else path)


class Session:
    """One stream of inputs through a program; made by `open_session`."""

    def __init__(self, program: Program, samples: int = 1, *, strict: bool = True) -> None:
        verify(program)
        self.program, self.samples = program, samples
        self._runner = Runner(program, samples, strict=strict, steps=SESSION_STEPS, threads=1)
        self._hash = program_hash(program)
        self._beginning = self._runner.checkpoint()

    @property
    def now(self) -> int:
        """The number of steps so far."""
        return self._runner.now

    @property
    def overflows(self) -> dict[str, int]:
        """Since it was opened, values that did not fit, by ``population.register`` (without strict mode)."""
        return self._runner.overflows()

    def step(self, x: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, IntArray]:
        """Run one step.

        Args:
            x: integers (sample, channel), or (channel,) for one sample; by input name where there are several.

        Returns:
            By output name what the host reads after the step: messages or a register, (sample, neuron[, mode]).

        Raises:
            InputError: an input is missing, has the wrong shape, or a payload does not fit.
            OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        """
        inputs = self._inputs(x)
        place = self._runner.feed(inputs)
        memory, found = self._runner.memory, {}
        for output in self.program.outputs:
            if output.register:
                found[output.name] = memory.state(output.population, output.register)
            else:
                found[output.name] = np.array(memory.sent_by(output.population, place)[:, 0], dtype=np.int64)
        return found

    def reset(self) -> None:
        """Forget everything: the next step is step 0 again, at the price of a copy of the registers."""
        self._runner.restore(self._beginning)

    def _inputs(self, x: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, IntArray]:
        """One step of every input, (sample, 1, channel), checked."""
        names = [source.name for source in self.program.inputs]
        if not isinstance(x, Mapping):
            if len(names) != 1:
                raise InputError("step", f"one array for the inputs {names}", "give a mapping from names to arrays")
            x = {names[0]: x}
        given = {name: np.atleast_2d(np.asarray(values))[:, None] for name, values in x.items()}
        samples, _ = check_inputs(self.program, given)
        if samples != self.samples:
            raise InputError("step", f"{samples} samples in a session of {self.samples}", "give one row a sample")
        return given

    def save(self, path: Path) -> None:
        """Write what the program remembers; the file appears whole or not at all.

        Raises:
            InputError: the path does not end in ``.npz``.
        """
        if path.suffix != ".npz":
            raise InputError(str(path), "does not end in .npz", "give the state's file that ending")
        arrays: dict[str, Any] = {}
        before = self._runner.checkpoint()
        for population, registers in before.states.items():
            arrays |= {f"state/{population}/{register}": values for register, values in registers.items()}
        for source, rows in before.sent.items():
            empty = np.zeros((self.samples, 0, self.program.sizes()[source]), dtype=np.int64)
            arrays[f"past/{source}"] = np.stack(rows, axis=1) if rows else empty
        header = {
            "format": FORMAT,
            "semantics_version": SEMANTICS_VERSION,
            "program": self._hash,
            "samples": self.samples,
            "step": self.now,
        }
        write_npz(path, {**header, "sha256": _digest(header, arrays)}, arrays)

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            InputError: the file is absent or damaged, or of another program, number of samples or meaning of programs.
        """
        if not path.is_file():
            raise InputError(str(path), "no such file", "give the path of a state written by a session")
        try:
            header, arrays = read_npz(path)
            if header.pop("sha256") != _digest(header, arrays):
                raise InputError(str(path), "its content does not match its hash", "save the session again")
            self._check(header, path)
            self._runner.restore(_checkpoint(header, arrays))
        except UNREADABLE as error:
            raise InputError(str(path), f"is not a session's state ({error})", "save the session again") from error

    def _check(self, header: Mapping[str, Any], path: Path) -> None:
        expected = {
            "format": FORMAT, "semantics_version": SEMANTICS_VERSION, "program": self._hash, "samples": self.samples,
        }  # fmt: skip
        for name, value in expected.items():
            if header[name] != value:
                raise InputError(str(path), f"its {name} is {header[name]}, not {value}", "open the session it is of")


def _checkpoint(header: Mapping[str, Any], arrays: Mapping[str, IntArray]) -> Checkpoint:
    states: dict[str, State] = {}
    sent: dict[str, list[IntArray]] = {}
    for key, values in arrays.items():
        role, _, name = key.partition("/")
        if role == "past":
            sent[name] = list(np.moveaxis(values, 1, 0))
        else:
            population, _, register = name.partition("/")
            states.setdefault(population, {})[register] = values
    return Checkpoint(header["step"], states, sent)


def _digest(header: Mapping[str, Any], arrays: Mapping[str, IntArray]) -> str:
    """A hash of everything in a state."""
    whole = hashlib.sha256(repr(sorted(header.items())).encode())
    for name in sorted(arrays):
        whole.update(f"{name} {arrays[name].shape} {arrays[name].dtype}".encode())
        whole.update(np.ascontiguousarray(arrays[name]).tobytes())
    return whole.hexdigest()
