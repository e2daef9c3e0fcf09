"""What exported C and JavaScript make of numbers and outputs by themselves, against the host's rules."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import simulators.c
import simulators.js
from exporters.c import export_c
from tests.exporters.host_cases import NUMBERS, encoded, payloads_in, read_in_every_way, standing
from tests.exporters.test_js import in_node
from toolchain.ir.program import Input, Program

needs_node = pytest.mark.skipif(bool(simulators.js.available()), reason=str(simulators.js.available()))
needs_c = pytest.mark.skipif(bool(simulators.c.available()), reason=str(simulators.c.available()))
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-O1")


def with_inputs(overflow: str, exponent: int) -> Program:
    program = read_in_every_way()
    first, *rest = program.inputs
    return dataclasses.replace(
        program, inputs=(dataclasses.replace(first, overflow=overflow, exponent=exponent), *rest)
    )


def wanted(entry: Input) -> list[int | None]:
    """The payload of each number, None where it is refused."""
    return [encoded(entry, number) for number in NUMBERS]


EACH_RULE = pytest.mark.parametrize(("overflow", "exponent"), [("saturate", 0), ("refuse", 2), ("saturate", -1)])


@needs_node
@EACH_RULE
def test_javascript_encodes_as_the_host_does(overflow: str, exponent: int, tmp_path: Path) -> None:
    program = with_inputs(overflow, exponent)
    code = f"""
    const one = (number) => {{ try {{ return encode([number, 0], "pixels")[0]; }} catch (error) {{ return null; }} }};
    console.log(JSON.stringify({json.dumps(NUMBERS)}.map(one).concat([one(NaN)])));
    """
    assert in_node(program, tmp_path, code) == [*wanted(program.inputs[0]), None]


@needs_node
def test_javascript_reads_outputs_as_the_host_does(tmp_path: Path) -> None:
    program = read_in_every_way()
    payloads = payloads_in(program)
    given = [{name: values[0, t].tolist() for name, values in payloads.items()} for t in range(25)]
    code = f"""
    const net = new Network(), given = {json.dumps(given)}, found = {{}};
    const readings = about.outputs.map((output) => new Reading(output.name));
    for (let t = 0; t < given.length + about.latency_steps; t++) {{
      net.step(given[t] ?? Object.fromEntries(about.inputs.map((input) => [input.name, new Int8Array(input.size)])));
      for (const reading of readings) {{
        const numbers = reading.take(net).numbers;
        if (numbers !== null) (found[reading.output.name] ??= []).push([[...numbers], reading.class]);
      }}
    }}
    console.log(JSON.stringify(found));
    """
    found = in_node(program, tmp_path, code)
    assert isinstance(found, dict)
    for name, values in standing(program, payloads).items():
        assert [row for row, _ in found[name][: len(values)]] == values.tolist(), name
        assert [best for _, best in found[name][: len(values)]] == values.argmax(axis=1).tolist()


def run_c(program: Program, folder: Path, body: str) -> list[list[str]]:
    """What a main function prints, by line and word."""
    source = export_c(program, folder)
    text = f'#include <stdio.h>\n#include "{source.prefix}_host.h"\nint main(void) {{\n{body}\n  return 0;\n}}\n'
    (folder / "main.c").write_text(text)
    compiler = simulators.c.compiler() or shutil.which("cc") or "cc"
    files = [str(folder / name) for name in (f"{source.prefix}.c", "main.c")]
    subprocess.run([compiler, *STRICT, *files, "-o", str(folder / "main")], check=True)
    ran = subprocess.run([str(folder / "main")], check=True, capture_output=True, text=True)
    return [line.split() for line in ran.stdout.splitlines()]


@needs_c
@EACH_RULE
def test_c_encodes_as_the_host_does(overflow: str, exponent: int, tmp_path: Path) -> None:
    program = with_inputs(overflow, exponent)
    body = f"""
  static const double numbers[] = {{{", ".join(map(repr, NUMBERS))}, -1.0}};
  const int32_t size = (int32_t)(sizeof numbers / sizeof numbers[0]);
  features_in in;
  for (int32_t i = 0; i < size; ++i) {{
    double two[2];
    two[0] = i + 1 < size ? numbers[i] : (numbers[0] - numbers[0]) / (numbers[0] - numbers[0]);
    two[1] = 0.0;
    if (features_encode_pixels(two, &in) == FEATURES_OK) {{
      printf("%d\\n", (int)in.pixels[0]);
    }} else {{
      printf("refused\\n");
    }}
  }}"""
    found = [None if word == "refused" else int(word) for (word,) in run_c(program, tmp_path, body)]
    assert found == [*wanted(program.inputs[0]), None]


@needs_c
def test_c_reads_outputs_as_the_host_does(tmp_path: Path) -> None:
    program = read_in_every_way()
    payloads = payloads_in(program)
    expected = standing(program, payloads)
    arrays = "\n".join(
        f"  static const int8_t given_{name}[25][{values.shape[2]}] = "
        f"{{{', '.join('{' + ', '.join(map(str, row)) + '}' for row in values[0].tolist())}}};"
        for name, values in payloads.items()
    )
    structs = "\n".join(f"  static features_reading_{output.name} {output.name};" for output in program.outputs)
    takes = "\n".join(
        f"""    if (features_reading_{name}_take(&{name}, &out)) {{
      printf("{name} %d", (int)features_reading_{name}_class(&{name}));
      for (int32_t k = 0; k < {values.shape[1]}; ++k) {{
        printf(" %.17g", features_reading_{name}_number(&{name}, k));
      }}
      printf("\\n");
    }}"""
        for name, values in expected.items()
    )
    entering = "\n".join(
        f"    for (int32_t k = 0; k < {values.shape[2]}; ++k) {{ in.{name}[k] = t < 25 ? given_{name}[t][k] : 0; }}"
        for name, values in payloads.items()
    )
    body = f"""{arrays}
{structs}
  static features_state state;
  features_in in;
  features_out out;
  features_init(&state);
  for (int32_t t = 0; t < 25 + FEATURES_LATENCY_STEPS; ++t) {{
{entering}
    if (features_step(&state, &in, &out) != FEATURES_OK) {{ return 1; }}
{takes}
  }}"""
    lines = run_c(program, tmp_path, body)
    for name, values in expected.items():
        rows = [line[1:] for line in lines if line[0] == name][: len(values)]
        assert [[float(word) for word in row[1:]] for row in rows] == values.tolist(), name
        assert [int(row[0]) for row in rows] == np.argmax(values, axis=1).tolist()
