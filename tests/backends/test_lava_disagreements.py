"""Where Lava 0.10.0 `fixed_pt` itself differs from the meaning of programs: docs/disagreements.md, row by row.

Each fact is observed on Lava's own processes, so that a row which is no longer true is noticed. One interpreter runs
them all; every case is a source, the process under test and a sink.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.lava import export_lava
from simulators import lava
from tests.backends.lava_programs import PYTHON, lif_network
from toolchain.ir.integer import wrap

pytestmark = pytest.mark.skipif(lava.available(PYTHON) is not None, reason=str(lava.available(PYTHON)))

OBSERVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from network.mend import lava_importable

def main():
    with lava_importable():
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg
        from lava.proc.conv.process import Conv
        from lava.proc.dense.process import Dense
        from lava.proc.io.sink import RingBuffer as Sink
        from lava.proc.io.source import RingBuffer as Source
        from lava.proc.lif.process import LIF
        from lava.proc.sparse.process import Sparse
        from lava.utils.weightutils import SignMode

        def seen(process, given, port="a_out", into="s_in", tag="fixed_pt"):
            source = Source(data=np.array(given).reshape(*np.shape(getattr(process, into)), -1))
            sink = Sink(shape=getattr(process, port).shape, buffer=3)
            source.s_out.connect(getattr(process, into))
            getattr(process, port).connect(sink.a_in)
            process.run(condition=RunSteps(num_steps=3), run_cfg=Loihi2SimCfg(select_tag=tag))
            values = sink.data.get().reshape(-1, 3).astype(int).tolist()
            process.stop()
            return values

        def current(arrived, tag="fixed_pt"):
            lif = LIF(shape=(1,), du=4095, dv=0, vth=131071)
            source = Source(data=np.array([[arrived]]))
            source.s_out.connect(lif.a_in)
            lif.run(condition=RunSteps(num_steps=1), run_cfg=Loihi2SimCfg(select_tag=tag))
            value = float(lif.u.get()[0])
            lif.stop()
            return value

        odd = np.array([[-127], [-3], [3], [127]])
        graded = {"num_message_bits": 24, "sign_mode": SignMode.MIXED}
        facts = {
            "current": {str(a): current(a) for a in (131071, 131072, -131071, -131072, -131073, 1000000)},
            "float current": current(1000000, tag=None),
            "dense odd": seen(Dense(weights=odd, **graded), [[1, 1, 1]]),
            "dense doubled": seen(Dense(weights=2 * odd, weight_exp=-1, **graded), [[1, 1, 1]]),
            "sparse odd": seen(Sparse(weights=odd, **graded), [[1, 1, 1]]),
            "sparse doubled": seen(Sparse(weights=2 * odd, weight_exp=-1, **graded), [[1, 1, 1]]),
            "one sign": seen(Dense(weights=abs(odd), num_message_bits=24), [[1, 1, 1]]),
        }
        kernel = np.full((1, 1, 1, 1), 3)
        for exponent in (0, 2):
            conv = Conv(weight=kernel, input_shape=(1, 1, 1), weight_exp=exponent, num_message_bits=24)
            facts[f"conv {exponent}"] = seen(conv, [[[[5, 5, 5]]]])
    print(json.dumps(facts))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Lava's own processes do."""
    folder = export_lava(lif_network(1), tmp_path_factory.mktemp("facts") / "lava")
    script = Path(folder) / "observe.py"
    script.write_text(OBSERVE)
    command = [PYTHON or sys.executable, "-I", "-B", str(script), str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_lif_at_exactly_2_to_the_23_leaves_twos_complement(facts: dict[str, Any]) -> None:
    held = facts["current"]
    assert held["131072"] == 2**23 != wrap(2**23, 24)
    assert held["-131072"] == 2**23 != wrap(-(2**23), 24)


def test_lif_wraps_once(facts: dict[str, Any]) -> None:
    assert facts["current"]["1000000"] == 64_000_000 - 2**24 != wrap(64_000_000, 24)


@pytest.mark.parametrize("arrived", [131071, -131071, -131073])
def test_lif_agrees_beside_these_values(facts: dict[str, Any], arrived: int) -> None:
    assert facts["current"][str(arrived)] == wrap(arrived * 64, 24)


def test_without_a_tag_lava_runs_the_float_model(facts: dict[str, Any]) -> None:
    """No shift by 2^6 and no wrap: not the machine that was asked for."""
    assert facts["float current"] == 1_000_000


@pytest.mark.parametrize("process", ["dense", "sparse"])
def test_odd_weights_of_mixed_sign_are_floored_unless_doubled(facts: dict[str, Any], process: str) -> None:
    assert [row[-1] for row in facts[f"{process} odd"]] == [-128, -4, 2, 126]
    assert [row[-1] for row in facts[f"{process} doubled"]] == [-127, -3, 3, 127]


def test_the_sign_mode_follows_the_weights_unless_given(facts: dict[str, Any]) -> None:
    """Weights of one sign keep their lowest bit: half of `dense odd` is right, so the loss depends on the data."""
    assert [row[-1] for row in facts["one sign"]] == [127, 3, 3, 127]


def test_conv_ignores_weight_exp(facts: dict[str, Any]) -> None:
    assert np.array_equal(facts["conv 0"], facts["conv 2"])
    assert facts["conv 2"][0][-1] == 15 != 15 << 2


def test_the_page_has_a_row_for_each_fact_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "disagreements.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\| `(test_\w+)` \|$", page, re.MULTILINE)
    tests = {name: value for name, value in globals().items() if name.startswith("test_")}
    assert sorted(rows) == sorted(name for name, test in tests.items() if "facts" in signature(test).parameters)
