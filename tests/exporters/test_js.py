"""The JavaScript module as its users meet it: its names, its state, what it refuses. Its numbers are the suite's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulators.js
from exporters.js import build_module, export_js
from simulators import reference
from tests.backends.suite import BACKENDS_BY_NAME, assert_agrees
from tests.backends.suite_start import known
from tests.exporters import scalar_programs
from tests.exporters.scalar_programs import TRAPPED, TWO_LOOPS, drawn
from toolchain.bounds.verify import verify
from toolchain.errors import InputError, OverflowTrapError, ToolchainError, UnsupportedError
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash

pytestmark = pytest.mark.skipif(bool(simulators.js.available()), reason=str(simulators.js.available()))


def in_node(program: Program, folder: Path, code: str) -> Any:
    """What a script prints as JSON, with the module's names in scope."""
    export_js(program, folder / "model.js")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "use.js").write_text(f'import {{ Network, Reading, about, encode }} from "./model.js";\n{code}\n')
    done = subprocess.run(["node", "use.js"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("make", [scalar_programs.hostile, scalar_programs.wide, scalar_programs.two_loops])
def test_awkward_programs_are_equal(make: Callable[[], Program]) -> None:
    with known(TWO_LOOPS):
        program = make()
        assert_agrees(BACKENDS_BY_NAME["js"], program, drawn(program, 3, 90))


def test_equal_programs_give_equal_bytes_that_import_nothing(tmp_path: Path) -> None:
    program = scalar_programs.hostile()
    for name in ("a", "b"):
        export_js(program, tmp_path / name / "model.js")
    for file in ("model.js", "model.d.ts"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    text = (tmp_path / "a" / "model.js").read_text(encoding="utf-8")
    assert "import" not in text.replace("important", "")
    assert "</script" not in text, "a page that carries the module would end there"
    types = (tmp_path / "a" / "model.d.ts").read_text(encoding="utf-8")
    assert 'export type InputName = "class" | "3d" | "a-b";' in types


def test_it_describes_itself(tmp_path: Path) -> None:
    program = scalar_programs.wide()
    verify(program)
    found = in_node(program, tmp_path, "console.log(JSON.stringify(about))")
    assert found["program"] == program_hash(program)
    assert found["inputs"] == [{"name": "x", "size": 2, "bits": 17, "exponent": 0, "overflow": "refuse"}]
    assert found["populations"]["cells"]["registers"]["state_re"]["per"] == "mode"


def test_a_saved_state_goes_on_where_it_was(tmp_path: Path) -> None:
    """With messages on their way for 62 steps, from another object, and after the first went on."""
    code = """
        const x = (t) => [(t * 7919) % 65536, (t * 104729) % 65536 - 40000];
        const run = (net, first, last) => {
          const found = [];
          for (let t = first; t < last; t++) {
            net.step(x(t));
            found.push([...net.register("cells", "state_re"), ...net.messages("cells")]);
          }
          return found;
        };
        const net = new Network();
        run(net, 0, 100);
        const saved = net.save();
        const straight = run(net, 100, 300);
        const other = new Network();
        other.restore(saved);
        const steps = other.steps;
        const again = run(other, 100, 300);
        net.restore(saved);
        const back = run(net, 100, 300);
        console.log(JSON.stringify({ steps, straight, again, back, overflows: [net.overflows, other.overflows] }));
    """
    found = in_node(scalar_programs.wide(), tmp_path, code)
    assert found["steps"] == 100
    assert found["straight"] == found["again"] == found["back"]
    assert len({json.dumps(row) for row in found["straight"]}) > 20
    assert found["overflows"][0] == found["overflows"][1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[1]", "x: 1 payloads instead of 2"),
        ("[1, 2.5]", "x[1]: 2.5 is no integer of 17 bits (-65536 .. 65535)"),
        ("[65536, 0]", "x[0]: 65536 is no integer"),
        ("[0, -65537]", "x[1]: -65537 is no integer"),
        ("[NaN, 0]", "x[0]: NaN is no integer"),
        ("{ y: [1, 2] }", "x: undefined payloads instead of 2"),
        ("undefined", "x: undefined payloads instead of 2"),
        ("['1', 0]", "x[0]: 1 is no integer"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path, given: str, said: str) -> None:
    code = f"""
        const net = new Network();
        let text = "nothing was thrown";
        try {{ net.step({given}); }} catch (error) {{ text = `${{error.name}}: ${{error.message}}`; }}
        console.log(JSON.stringify([text, net.steps, [...net.messages("x")]]));
    """
    text, steps, messages = in_node(scalar_programs.wide(), tmp_path, code)
    assert text.startswith(f"RangeError: {said}")
    assert (steps, messages) == (0, [0, 0])


def test_foreign_states_and_names_are_refused(tmp_path: Path) -> None:
    code = """
        const net = new Network();
        const said = (work) => { try { work(); return ""; } catch (error) { return error.message; } };
        const saved = net.save();
        console.log(JSON.stringify([
          said(() => net.restore({ ...saved, program: "another" })),
          said(() => net.restore({ ...saved, bytes: saved.bytes.slice(1) })),
          said(() => net.messages("toString")),
          said(() => net.register("cells", "nothing")),
        ]));
    """
    program, length, source, register = in_node(scalar_programs.wide(), tmp_path, code)
    assert program == "the saved state is another program's"
    assert length.endswith("no saved state")
    assert source == "toString: neither an input nor a population"
    assert register == "cells.nothing: no register that is kept"


def test_a_register_that_nothing_may_leave_stops_the_run(tmp_path: Path) -> None:
    with known(TRAPPED):
        program = scalar_programs.trapping()
        inputs = {"x": np.full((2, 6, 1), 100)}
        inputs["x"][0] = 1
        for strict in (True, False):
            with pytest.raises(OverflowTrapError, match=r"total\.sum.*40000.*step 4"):
                simulators.js.simulate(program, inputs, strict=strict)
        code = """
            const net = new Network();
            let text = "";
            try { for (let t = 0; t < 9; t++) net.step([100]); } catch (error) { text = error.message; }
            console.log(JSON.stringify([text, net.steps]));
        """
        text, steps = in_node(program, tmp_path, code)
    assert text.startswith("total.sum: a value does not fit this register")
    assert steps == 5


def test_a_file_is_run_only_for_its_own_program(tmp_path: Path) -> None:
    program = scalar_programs.wide()
    path = export_js(program, tmp_path / "model.js")
    inputs = drawn(program, 2, 20)
    trace = simulators.js.simulate_file(path, program, inputs, strict=False)
    expected = reference.simulate(program, inputs, strict=False)
    assert all(np.array_equal(trace.messages[name], values) for name, values in expected.messages.items())
    assert "cells.state_re" in trace.registers
    with pytest.raises(ToolchainError, match="the module is of program"):
        simulators.js.simulate_file(path, scalar_programs.hostile(), drawn(scalar_programs.hostile(), 1, 2))
    with pytest.raises(InputError, match="no such file"):
        simulators.js.simulate_file(tmp_path / "absent.js", program, inputs)


def test_a_run_that_lasts_too_long_is_ended() -> None:
    program = scalar_programs.wide()
    with pytest.raises(ToolchainError, match="did not end within"):
        simulators.js.simulate(program, drawn(program, 1, 2), timeout_s=0.001)


def test_the_one_name_that_no_object_has_is_refused() -> None:
    program = scalar_programs.trapping()
    source, joint = replace(program.inputs[0], name="__proto__"), replace(program.projections[0], source="__proto__")
    with known(TRAPPED), pytest.raises(UnsupportedError, match="__proto__: is not a name in JavaScript"):
        build_module(replace(program, inputs=(source,), projections=(joint,)))


def test_an_unknown_probe_is_refused() -> None:
    from toolchain.ir.program import Probe

    with pytest.raises(InputError, match="is not a register of the program"):
        build_module(scalar_programs.wide(), probes=[Probe("cells", "nothing")])
