"""The report runs its network: headless Chromium finds the recorded trace again, and notices where it is another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.cli.digits_build import digits_build
from toolchain.host.decode import decide
from toolchain.ir.storage import load_program
from toolchain.ir.trace import load_trace
from toolchain.report import player
from toolchain.report.build import rebuild_report
from toolchain.report.counts import synops_by_sample

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on this machine; apt-get install chromium")


def shown(page: Path, ask: str, profile: Path, part: str = "player") -> dict[str, str]:
    """What a part of the page says once it has run, by the rest of each id; `ask` is what stands behind #."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--virtual-time-budget=60000"]
    command = [str(CHROMIUM), *flags, "--dump-dom", f"{page.as_uri()}#{ask}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=240)
    return dict(re.findall(rf'id="{part}-([a-z]+)"[^>]*>([^<]*)<', ran.stdout))


@in_chromium
def test_every_recorded_sample_is_found_again(tmp_path: Path) -> None:
    build = digits_build()
    program, trace = load_program(build / "program.npz"), load_trace(build / "traces" / "recorded.npz")
    values = sum(
        (trace.registers[f"{owner}.{register}"] if register else trace.messages[owner])[0].size
        for owner, register in player.checked(program, trace)
    )
    said = shown(build / "report.html", "check", tmp_path)["verdict"]
    expected = f"{trace.samples * values:,} values of {trace.samples} recorded samples"
    assert said == f"bit-exact in this browser: {expected}"


@in_chromium
def test_a_played_sample_counts_what_the_report_counts(tmp_path: Path) -> None:
    build = digits_build()
    program, trace = load_program(build / "program.npz"), load_trace(build / "traces" / "recorded.npz")
    said = shown(build / "report.html", "play", tmp_path)
    assert said["verdict"].startswith("bit-exact so far")
    assert said["step"] == f"step {trace.steps} of {trace.steps}"
    assert said["cost"].startswith(f"{synops_by_sample(program, trace)[0]:,} synaptic operations")
    assert said["decision"].endswith(f"greatest: {decide(program, trace)[0]}")


@in_chromium
def test_another_trace_is_noticed(tmp_path: Path) -> None:
    text = (digits_build() / "report.html").read_text(encoding="utf-8")
    (first,) = re.findall(r'"hashes": \[\[\d+, \d+, (\d+)', text)
    page = tmp_path / "report.html"
    page.write_text(text.replace(f", {first}, ", f", {int(first) ^ 1}, ", 1), encoding="utf-8")
    for ask in ("check", "play"):
        said = shown(page, ask, tmp_path / "profile")["verdict"]
        assert "step 2 differs from the recorded trace" in said


@in_chromium
def test_look_inside_shows_what_was_recorded(tmp_path: Path) -> None:
    """It begins at the first step of the neuron of the first spiking layer that sends most, and shows its voltage."""
    build = digits_build()
    trace = load_trace(build / "traces" / "recorded.npz")
    neuron = int(trace.messages["block0"][0].sum(axis=0).argmax())
    value = int(trace.registers["block0.voltage"][0, 0, neuron])
    said = shown(build / "report.html", "", tmp_path, "inside")
    assert said["at"] == f"step 0, neuron {neuron} of block0: voltage {value:,}"
    assert said["caption"].startswith(f"Neuron {neuron} of block0, voltage, steps 0 to {trace.steps - 1}")


AXE = Path(os.environ.get("SEAMOUNT_AXE", "build/axe/package/axe.min.js"))
RUN_AXE = """addEventListener("load", () => axe.run(document).then((found) => {
  const said = document.createElement("pre");
  said.id = "player-faults";
  said.textContent = `${found.passes.length} rules pass; ` + found.violations.map((fault) => fault.id).join(" ");
  document.body.append(said);
}));"""


@in_chromium
@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here; CONTRIBUTING.md says how to get it")
def test_axe_finds_no_fault(tmp_path: Path) -> None:
    text = (digits_build() / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "report.html"
    script = f"<script>{AXE.read_text(encoding='utf-8')}\n{RUN_AXE}</script>"
    page.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    passed, _, faults = shown(page, "", tmp_path / "profile")["faults"].partition("; ")
    assert int(passed.split()[0]) > 20 and faults == ""


def test_without_script_nothing_is_promised() -> None:
    """The player is hidden until its script shows it; a remark stands in its place."""
    text = (digits_build() / "report.html").read_text(encoding="utf-8")
    assert '<section id="player" hidden="hidden"' in text and '<section id="inside" hidden="hidden"' in text
    assert "<noscript>" in text
    assert "]]>" not in text.partition("<![CDATA[")[2].rpartition("]]>")[0]
    assert text.count("</script>") == 1


def test_a_large_module_stays_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = shutil.copytree(digits_build(), tmp_path / "build")
    whole = (build / "report.html").read_bytes()
    rebuild_report(build)
    assert (build / "report.html").read_bytes() == whole
    monkeypatch.setattr(player, "MOST_BYTES", 1000)
    rebuild_report(build)
    assert b"<script" not in (build / "report.html").read_bytes()


def test_the_hash_is_what_the_page_computes() -> None:
    build = digits_build()
    program, trace = load_program(build / "program.npz"), load_trace(build / "traces" / "recorded.npz")
    found = player.step_hashes(program, trace, 1)
    for t in (0, 30, trace.steps - 1):
        value = 2166136261
        for owner, register in player.checked(program, trace):
            row = trace.registers[f"{owner}.{register}"] if register else trace.messages[owner]
            for number in np.ravel(row[1, t]).tolist():
                value = (value * 16777619 + number) % 2**32
        assert found[t] == value
