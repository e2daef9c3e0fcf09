"""The examples of docs/live_networks.md run, on a few small inputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seamount as sm

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
TOOLS = ["snntorch", "norse", "spikingjelly", "sinabs", "spyx"]
BLOCK = re.compile(r"^```python (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    page = Path(__file__).parents[3] / "docs" / "live_networks.md"
    return dict(BLOCK.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("tool", TOOLS)
def test_the_example_deploys(torch: Any, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(tool, reason=f"{tool} is not installed (.oracles may have it)")
    monkeypatch.setattr("seamount.simulators.COMPARABLE", ("fast",))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    known: dict[str, Any] = {"x": (rng.random((4, 10, 64)) < 0.3).astype(np.float32), "y": rng.integers(0, 10, 4)}
    exec(blocks()[tool], known)
    build = known["build"]
    assert isinstance(build, sm.Build) and build.equal
    assert any(f"checked against {tool}" in finding.what for finding in build.report.findings)


def test_every_framework_has_an_example() -> None:
    assert list(blocks()) == TOOLS
