"""The C files as their users meet them: what compilers say, what they take, their state. The suite has the numbers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import simulators.c
from exporters.c import build_source, export_c
from simulators import reference
from simulators.c.driver import driver
from simulators.recorded import prepare
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.backends.suite import BACKENDS_BY_NAME, assert_agrees, every_probe
from tests.backends.suite_start import known
from tests.exporters import scalar_programs
from tests.exporters.scalar_programs import TRAPPED, TWO_LOOPS, drawn
from toolchain.errors import InputError, OverflowTrapError, ToolchainError
from toolchain.ir.integer import IntArray
from toolchain.ir.neurons import NEURONS
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash

pytestmark = pytest.mark.skipif(bool(simulators.c.available()), reason=str(simulators.c.available()))

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")


def each_compiler(*flags: str) -> pytest.MarkDecorator:
    """gcc and clang, where they are there and can link what the flags ask for."""
    rows = []
    for name in ("gcc", "clang"):
        reason = _unusable(name, flags)
        rows.append(pytest.param(name, marks=[pytest.mark.skip(reason=reason)] if reason else []))
    return pytest.mark.parametrize("compiler", rows)


def _unusable(name: str, flags: tuple[str, ...]) -> str:
    if shutil.which(name) is None:
        return f"{name} is not on this machine"
    asked = [name, *flags, "-x", "c", "-o", os.devnull, "-"]
    done = subprocess.run(asked, input="int main(void) { return 0; }", capture_output=True, text=True)
    return f"{name} {' '.join(flags)} is not on this machine" if done.returncode else ""


SANITIZERS = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")
SMALL = Scale(populations=len(NEURONS), sizes=(6, 12, 16), modes=3, samples=3, steps=70)

MAIN = """
#include <stdio.h>
#include <stdlib.h>

/* What a run leaves, as bytes: network <samples> <steps> <record bytes> <final bytes> <inputs> <records> <finals> */
int64_t seamount_run(int64_t, int64_t, const int32_t *, unsigned char *, unsigned char *, int);

static void *room(long long bytes) {
  void *found = calloc((size_t)bytes + 1, 1);
  if (!found) {
    exit(9);
  }
  return found;
}

int main(int count, char **given) {
  const long long samples = atoll(given[1]), steps = atoll(given[2]);
  const long long record = samples * steps * atoll(given[3]), last = samples * atoll(given[4]);
  FILE *file = fopen(given[5], "rb");
  int32_t *inputs;
  unsigned char *records = room(record), *finals = room(last);
  long long size;
  (void)count;
  fseek(file, 0, SEEK_END);
  size = ftell(file);
  rewind(file);
  inputs = room(size);
  if (fread(inputs, 1, (size_t)size, file) != (size_t)size) {
    return 8;
  }
  fclose(file);
  seamount_run(samples, steps, inputs, records, finals, 0);
  file = fopen(given[6], "wb");
  fwrite(records, 1, (size_t)record, file);
  fclose(file);
  file = fopen(given[7], "wb");
  fwrite(finals, 1, (size_t)last, file);
  fclose(file);
  free(inputs);
  free(records);
  free(finals);
  return 0;
}
"""


def random_case(seed: int) -> tuple[Program, dict[str, IntArray]]:
    rng = np.random.default_rng(seed)
    program = random_program(rng, SMALL)
    return program, random_inputs(rng, program, SMALL.samples, SMALL.steps)


def compiled(compiler: str, source: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    out = source.with_suffix(f".{compiler}.o")
    return subprocess.run(
        [compiler, *STRICT, *flags, "-c", "-o", str(out), str(source)], capture_output=True, text=True
    )


@each_compiler()
def test_no_compiler_remarks_on_anything(compiler: str, tmp_path: Path) -> None:
    """All neuron types, all connections, awkward names; at -O2, where more is noticed, and as for a small machine."""
    programs = [random_case(seed)[0] for seed in (0,)] + [scalar_programs.hostile(), scalar_programs.wide()]
    for number, program in enumerate(programs):
        found = export_c(program, tmp_path / str(number), probes=every_probe(program) if number % 2 else ())
        source = tmp_path / str(number) / f"{found.prefix}.c"
        for flags in (("-O2",), ("-Os", "-ffreestanding", "-funsigned-char")):
            done = compiled(compiler, source, *flags)
            assert (done.returncode, done.stderr) == (0, "")


@each_compiler()
def test_the_header_is_read_by_cpp(compiler: str, tmp_path: Path) -> None:
    found = export_c(scalar_programs.hostile(), tmp_path)
    user = tmp_path / "user.cpp"
    user.write_text(f'#include "{found.prefix}.h"\n{found.prefix}_state state;\n')
    done = subprocess.run([compiler, "-Wall", "-Werror", "-x", "c++", "-fsyntax-only", str(user)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_it_needs_nothing_but_moving_bytes(tmp_path: Path) -> None:
    for seed in (1,):
        found = export_c(random_case(seed)[0], tmp_path)
        source = tmp_path / f"{found.prefix}.c"
        assert set(re.findall(r"#include (.*)", source.read_text())) == {f'"{found.prefix}.h"', "<string.h>"}
        assert re.findall(r"#include (.*)", (tmp_path / f"{found.prefix}.h").read_text()) == ["<stdint.h>"]
        compiler = Path(str(simulators.c.compiler())).name
        done = compiled(compiler, source, "-O2", "-ffreestanding")
        assert done.returncode == 0, done.stderr
        wanted = subprocess.run(["nm", "-u", str(source.with_suffix(f".{compiler}.o"))], capture_output=True, text=True)
        assert set(wanted.stdout.split()) - {"U"} <= {"memset", "memcpy", "memmove", "_GLOBAL_OFFSET_TABLE_"}


@pytest.mark.slow
@each_compiler(*SANITIZERS)
@pytest.mark.parametrize("seed", [0, "wide", "two loops", "hostile"])
def test_nothing_is_undefined(compiler: str, seed: int | str, tmp_path: Path) -> None:
    """Sanitizers stop at the first overflow, shift or index that C does not define; numbers stay the same."""
    made = {"wide": scalar_programs.wide, "two loops": scalar_programs.two_loops, "hostile": scalar_programs.hostile}
    with known(TWO_LOOPS):
        program, inputs = random_case(seed) if isinstance(seed, int) else (made[seed](), {})
        inputs = inputs or drawn(program, 3, 90)
        probes = every_probe(program)
        source = build_source(program, prefix="network", probes=probes)
        recorded = {"record_messages": True, "strict": False}
        job = prepare(source.plan, simulators.c.numpy_type, inputs, steps=None, probes=probes, **recorded)
        expected = reference.simulate(program, inputs, probes=probes, strict=False)
        for name, text in (("h", source.header()), ("c", source.source())):
            (tmp_path / f"network.{name}").write_text(text)
        (tmp_path / "main.c").write_text(driver(source, job) + MAIN)
    job.inputs.tofile(tmp_path / "inputs")
    files = [str(tmp_path / name) for name in ("network.c", "main.c")]
    subprocess.run(
        [compiler, "-std=c99", *SANITIZERS, "-O1", "-g", "-o", str(tmp_path / "network"), *files], check=True
    )
    sizes = [job.samples, job.steps, job.records().itemsize, job.ends().itemsize]
    paths = [str(tmp_path / name) for name in ("inputs", "records", "finals")]
    ran = subprocess.run([str(tmp_path / "network"), *map(str, sizes), *paths], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    records = np.fromfile(tmp_path / "records", dtype=job.records()).reshape(job.samples, job.steps)
    for place, part in enumerate((*job.messages, *job.registers)):
        key = f"{part.owner}.{part.register}"
        values = expected.registers[key] if part.register else expected.messages[part.owner]
        assert np.array_equal(records[f"part{place}"], values), key


@pytest.mark.parametrize("make", [scalar_programs.hostile, scalar_programs.wide, scalar_programs.two_loops])
def test_awkward_programs_are_equal(make: Callable[[], Program]) -> None:
    with known(TWO_LOOPS):
        program = make()
        assert_agrees(BACKENDS_BY_NAME["c"], program, drawn(program, 3, 90))


def test_equal_programs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        found = export_c(scalar_programs.hostile(), tmp_path / name)
    for ending in ("h", "c"):
        file = f"{found.prefix}.{ending}"
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


USE = """
#include "{prefix}.h"
#include <stdio.h>
#include <string.h>

static {prefix}_state state, kept;

static long run({prefix}_state *s, int first, int last) {{
  long sum = 0;
  {prefix}_in in;
  {prefix}_out out;
  for (int t = first; t < last; ++t) {{
    in.x[0] = (t * 7919) % 65536;
    in.x[1] = (t * 104729) % 65536 - 40000;
    if ({prefix}_step(s, &in, &out) != {upper}_OK) {{
      return -1;
    }}
    sum = (sum * 31 + s->cells.state_re[1][0]) % 1000003;
  }}
  return sum;
}}

int main(void) {{
  {prefix}_in wrong = {{{{70000, 0}}}};
  {prefix}_out out;
  long straight;
  {prefix}_init(&state);
  if ({prefix}_step(&state, &wrong, &out) != {upper}_BAD_INPUT) {{
    return 1;
  }}
  kept = state;
  {prefix}_init(&state);
  if (memcmp(&kept, &state, sizeof kept) != 0) {{
    return 2;
  }}
  run(&state, 0, 100);
  memcpy(&kept, &state, sizeof kept);
  straight = run(&state, 100, 300);
  printf("%ld %ld %d %d\\n", straight, run(&kept, 100, 300), (int)sizeof state, {upper}_STATE_BYTES);
  return 0;
}}
"""


def test_a_copy_of_the_state_goes_on_where_it_was(tmp_path: Path) -> None:
    """A payload that does not fit changes nothing; the state takes as many bytes as the header says."""
    found = export_c(scalar_programs.wide(), tmp_path)
    (tmp_path / "use.c").write_text(USE.format(prefix=found.prefix, upper=found.prefix.upper()))
    files = [str(tmp_path / name) for name in ("use.c", f"{found.prefix}.c")]
    subprocess.run([str(simulators.c.compiler()), "-std=c99", "-o", str(tmp_path / "use"), *files], check=True)
    ran = subprocess.run([str(tmp_path / "use")], capture_output=True, text=True)
    assert ran.returncode == 0
    straight, again, size, stated = map(int, ran.stdout.split())
    assert straight == again > 0
    assert size == stated == found.state_bytes


def test_a_register_that_nothing_may_leave_stops_the_run() -> None:
    with known(TRAPPED):
        program = scalar_programs.trapping()
        inputs = {"x": np.full((2, 6, 1), 100)}
        inputs["x"][0] = 1
        for strict in (True, False):
            with pytest.raises(OverflowTrapError, match=r"total\.sum.*40000.*step 4"):
                simulators.c.simulate(program, inputs, strict=strict)


def test_files_are_run_only_for_their_own_program(tmp_path: Path) -> None:
    program = scalar_programs.wide()
    found = export_c(program, tmp_path)
    assert program_hash(program) in (tmp_path / f"{found.prefix}.c").read_text()
    inputs = drawn(program, 2, 20)
    trace = simulators.c.simulate_folder(tmp_path, program, inputs, strict=False)
    expected = reference.simulate(program, inputs, strict=False)
    assert all(np.array_equal(trace.messages[name], values) for name, values in expected.messages.items())
    path = tmp_path / f"{found.prefix}.c"
    path.write_text(path.read_text().replace(program_hash(program), "0" * 64))
    with pytest.raises(InputError, match="is not of program"):
        simulators.c.simulate_folder(tmp_path, program, inputs)
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        simulators.c.simulate_folder(tmp_path, program, inputs)


def test_a_compiler_that_is_absent_or_fails_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = scalar_programs.wide()
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "CC names 'no-such-compiler'" in str(simulators.c.available())
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(ToolchainError, match="out of order"):
        simulators.c.simulate(program, drawn(program, 1, 2))
