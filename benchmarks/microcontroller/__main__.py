"""Cross-compile a network, run it in qemu: `make microcontroller`, or `python -m benchmarks.microcontroller [network]`.

Every board must hold the very bytes of the state after every step that this machine holds; the suite over all
simulators says that those are the reference's. Printed are flash (code, weights and coefficients), RAM (the state) and
instructions of a mean step. WebAssembly is compiled by clang and run by node, where both are there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import simulators.c
from benchmarks.portable import compiled_network
from exporters.c import build_source
from seamount.network import find_source
from toolchain.host.encode import encode
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Board:
    """A machine: how to compile for it, and how to run what was compiled."""

    name: str
    compiler: str
    flags: tuple[str, ...]
    runner: tuple[str, ...]
    size: str = ""


ICOUNT = ("-nographic", "-icount", "shift=0", "-semihosting-config", "enable=on,target=native", "-kernel")
RISCV = ("-march=rv32imac_zicsr", "-mabi=ilp32", "-mcmodel=medany")
RWX = ("-Wl,--no-warn-rwx-segments",)
BOARDS = (
    Board(
        "Cortex-M4",
        "arm-none-eabi-gcc",
        ("-mcpu=cortex-m4", "-mthumb", "-nostdlib", "-T", str(FOLDER / "cortex_m4.ld"), str(FOLDER / "cortex_m4.c")),
        ("qemu-system-arm", "-M", "mps2-an386", *ICOUNT),
        "arm-none-eabi-size",
    ),
    Board(
        "RISC-V (rv32imac)",
        "riscv64-unknown-elf-gcc",
        (*RISCV, "-nostdlib", *RWX, "-T", str(FOLDER / "riscv32.ld"), str(FOLDER / "riscv32.c")),
        ("qemu-system-riscv32", "-M", "virt", "-bios", "none", *ICOUNT),
        "riscv64-unknown-elf-size",
    ),
    Board(
        "WebAssembly",
        "clang",
        ("--target=wasm32", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=main", "-Wl,--allow-undefined"),
        ("node", "run.mjs"),
    ),
)  # fmt: skip
HOST = """
#include <stdio.h>
#include <stdlib.h>
void board_print(const char *text) { fputs(text, stdout); }
uint32_t board_instructions(void) { return 0; }
void board_end(int code) { exit(code); }
"""


def write(program: Program, payloads: IntArray, folder: Path) -> None:
    """The network, its payloads and the host's board."""
    source = build_source(program, prefix="network")
    (folder / "network.h").write_text(source.header())
    (folder / "network.c").write_text(source.source())
    (entry,) = program.inputs
    rows = ",\n".join("{" + ", ".join(map(str, row)) + "}" for row in payloads.tolist())
    kind = source.input_type(entry)
    text = f"static const {kind} payloads[STEPS][{entry.size}] = {{\n{rows}}};\n"
    text = f"#define STEPS {len(payloads)}\n{text}"
    (folder / "payloads.h").write_text(text)
    (folder / "host.c").write_text('#include "board.h"\n' + HOST)
    for name in ("main.c", "board.h", "run.mjs"):
        shutil.copyfile(FOLDER / name, folder / name)


def built(folder: Path, compiler: str, *flags: str) -> Path:
    """Compile everything into one file, without a remark of the compiler about the network."""
    out = folder / f"{Path(compiler).name}.out"
    common = ["-std=c99", "-O2", "-ffreestanding", "-fno-tree-loop-distribute-patterns"]
    if "clang" in compiler:
        common = ["-std=c99", "-O2", "-fno-builtin"]
    subprocess.run([compiler, *common, "-I", str(folder), "-o", str(out), "main.c", "network.c", *flags],
                   cwd=folder, check=True)  # fmt: skip
    return out


def run(board: Board, folder: Path, expected: list[str]) -> str:
    """What a board takes; SystemExit where its state is another."""
    absent = [tool for tool in (board.compiler, board.runner[0]) if shutil.which(tool) is None]
    if absent:
        return f"{board.name}: left out, {', '.join(absent)} not on this machine"
    out = built(folder, board.compiler, "-I", str(FOLDER / "bare"), *board.flags)
    ran = subprocess.run([*board.runner, str(out)], cwd=folder, capture_output=True, text=True, timeout=300)
    said = ran.stdout + ran.stderr
    states = re.findall(r"state (\d+)", said)
    if states != expected:
        raise SystemExit(f"{board.name}: the state differs from this machine's, {len(states)} steps:\n{said[-300:]}")
    facts = f"{board.name}: the same state in all {len(states)} steps"
    steps = re.findall(r"instructions (\d+)", said)
    if board.size:
        facts += f", {int(steps[0]):,} instructions a step, {sizes(board, folder)}"
    return facts


def sizes(board: Board, folder: Path) -> str:
    """Flash of the network alone, by its object file, with its constants."""
    flags = [flag for flag in board.flags if flag.startswith("-m")]
    subprocess.run(
        [
            board.compiler,
            *flags,
            "-std=c99",
            "-O2",
            "-ffreestanding",
            "-I",
            str(FOLDER / "bare"),
            "-c",
            "-o",
            "network.o",
            "network.c",
        ],
        cwd=folder,
        check=True,
    )
    table = subprocess.run([board.size, "network.o"], cwd=folder, capture_output=True, text=True, check=True).stdout
    return f"flash {int(table.splitlines()[1].split()[0]):,} bytes"


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "zoo:digits"
    program = compiled_network(name)
    payload, _ = encode(program.inputs[0], find_source(name, None, None).test.chosen(np.array([0])).values())
    silence = np.zeros((program.latency_steps, payload.shape[2]), dtype=np.int64)
    source = build_source(program, prefix="network")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(program, np.concatenate([payload[0], silence]), folder)
        host = built(folder, str(simulators.c.compiler()), "host.c")
        said = subprocess.run([str(host)], capture_output=True, text=True, check=True).stdout
        expected = re.findall(r"state (\d+)", said)
        print(f"{program.name}: RAM {source.state_bytes:,} bytes, constants {source.constant_bytes:,} bytes")
        for board in BOARDS:
            print(run(board, folder, expected))


if __name__ == "__main__":
    main()
