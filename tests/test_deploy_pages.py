"""The pages of docs/deploy do what they say: their lines are run as they stand, and give the program's classes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import simulators.c
import simulators.js
import simulators.lava
from benchmarks.portable import compiled_network
from exporters.c import export_c
from exporters.js import export_js
from exporters.lava import export_lava
from exporters.onnx import export_onnx
from seamount.network import find_source
from simulators import reference
from tests.backends.lava_programs import PYTHON
from toolchain.host.decode import decide
from toolchain.host.encode import encode
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program

PAGES = Path(__file__).resolve().parents[1] / "docs" / "deploy"
SAMPLES = 3


@dataclass(frozen=True, eq=False)
class Digits:
    """The network of the pages, some images of its test set, and the classes that it gives them."""

    program: Program
    payloads: IntArray
    classes: list[int]


@pytest.fixture(scope="module")
def digits() -> Iterator[Digits]:
    program = compiled_network("zoo:digits")
    payloads, _ = encode(program.inputs[0], find_source("zoo:digits").test.x[:SAMPLES])
    trace = reference.simulate(program, {"input": payloads}, strict=False)
    classes = decide(program, trace).tolist()
    assert len(set(classes)) > 1
    yield Digits(program, payloads, classes)


def lines(page: str, language: str) -> str:
    """A page's code of one language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def ran(command: list[str], folder: Path) -> list[int]:
    """The classes that a program prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in re.findall(r"\d+", done.stdout.splitlines()[-1])]


@pytest.mark.skipif(bool(simulators.c.available()), reason=str(simulators.c.available()))
def test_microcontroller(digits: Digits, tmp_path: Path) -> None:
    export_c(digits.program, tmp_path)
    images = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in digits.payloads[:, :, 0].tolist())
    steps = digits.payloads.shape[1]
    own = lines("microcontroller", "c")
    main = f"static const int8_t images[{SAMPLES}][{steps}] = {{{images}}};\n#include <stdio.h>\nint main(void) {{\n"
    main += f'for (int i = 0; i < {SAMPLES}; ++i) printf("%d ", classify(images[i], {steps}));\nreturn 0; }}\n'
    (tmp_path / "main.c").write_text(own + main)
    (tmp_path / "own.c").write_text(own)
    compiler = simulators.c.compiler() or "cc"
    strict = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
    subprocess.run([compiler, *strict, "main.c", "digits.c", "-o", "main"], cwd=tmp_path, check=True)
    assert ran([str(tmp_path / "main")], tmp_path) == digits.classes
    if cross := shutil.which("arm-none-eabi-gcc"):
        board = ("-mcpu=cortex-m4", "-mthumb", "-ffreestanding", "-c")
        subprocess.run([cross, *strict, *board, "own.c", "digits.c"], cwd=tmp_path, check=True)


@pytest.mark.skipif(bool(simulators.js.available()), reason=str(simulators.js.available()))
def test_browser(digits: Digits, tmp_path: Path) -> None:
    export_js(digits.program, tmp_path / "model.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "classify.js").write_text(lines("browser", "js"))
    numbers = digits.payloads[:, :, 0] * 2.0 ** -digits.program.inputs[0].exponent
    use = (
        f'import {{ classify }} from "./classify.js";\nconsole.log(...{json.dumps(numbers.tolist())}.map(classify));\n'
    )
    (tmp_path / "use.js").write_text(use)
    assert ran(["node", "use.js"], tmp_path) == digits.classes


def test_server(digits: Digits, tmp_path: Path) -> None:
    export_onnx(digits.program, tmp_path / "model.onnx")
    np.save(tmp_path / "payloads.npy", digits.payloads)
    (tmp_path / "use.py").write_text(lines("server", "python") + '\nprint(classify(np.load("payloads.npy")))\n')
    assert ran([sys.executable, "use.py"], tmp_path) == digits.classes


@pytest.mark.slow
@pytest.mark.skipif(bool(simulators.lava.available(PYTHON)), reason=str(simulators.lava.available(PYTHON)))
def test_loihi(digits: Digits, tmp_path: Path) -> None:
    export_lava(digits.program, tmp_path / "lava")
    np.savez(tmp_path / "x.npz", input=digits.payloads)
    run, show = lines("loihi", "sh").splitlines()
    python = str(PYTHON or sys.executable)
    subprocess.run([python, *run.split()[1:]], cwd=tmp_path, check=True, capture_output=True)
    assert ran([python, "-c", show.partition("-c ")[2].strip('"')], tmp_path) == digits.classes
