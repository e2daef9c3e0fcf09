"""The page for people: contents, headings, labels, contrast; what it shows of decisions, assumptions and flows."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.toolchain.report.fake_evidence import fake_evidence
from toolchain.mapping import Target, load_target, place
from toolchain.mapping.target import Limits
from toolchain.report.build import build_report
from toolchain.report.chip_figure import core_flows
from toolchain.report.compare_page import render_comparison
from toolchain.report.counts import count_run
from toolchain.report.evidence import AssumedRow, Decisions, Evidence, Flip, load_evidence, save_evidence
from toolchain.report.model import Report
from toolchain.report.page import CONTENTS, SCRIPTED, TEMPLATES
from toolchain.report.side_by_side import side_by_side

DECISIONS = Decisions(
    samples=6,
    confusion=((2, 1), (0, 3)),
    compared=5,
    flips=(Flip(sample=17, label=0, before=0, after=1),),
    flipped=1,
)
ASSUMED = (AssumedRow(what="reset after a spike", value="to_v_reset", source="convention seamount"),)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return replace(fake_evidence(), decisions=DECISIONS, assumed=ASSUMED)


@pytest.fixture(scope="module")
def made(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, ElementTree.Element]:
    folder = tmp_path_factory.mktemp("page")
    report = build_report(evidence, folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    return report, ElementTree.fromstring(text.partition("<!DOCTYPE html>")[2])


def test_contents_lead_to_every_section(made: tuple[Report, ElementTree.Element]) -> None:
    _, page = made
    ids = [element.attrib["id"] for element in page.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    led = [link.attrib["href"].removeprefix("#") for link in page.iter("a")]
    wanted = [name for name, _ in CONTENTS if name not in SCRIPTED]
    assert led[1:] == wanted and set(led) <= set(ids)
    sections = [s.attrib["id"] for s in page.iter("section") if "id" in s.attrib]
    assert sections == wanted


def test_everything_has_a_name_for_those_who_listen(made: tuple[Report, ElementTree.Element]) -> None:
    _, page = made
    ids = {element.attrib["id"] for element in page.iter() if "id" in element.attrib}
    for section in page.iter("section"):
        assert section.attrib.get("aria-label") or section.attrib["aria-labelledby"] in ids
    assert all(head.attrib.get("scope") in ("col", "row") and head.text for head in page.iter("th"))
    for svg in page.iter("{http://www.w3.org/2000/svg}svg"):
        assert svg.attrib["role"] == "img" and svg[0].text
    regions = [part for part in page.iter("div") if part.attrib.get("class") in ("scroll", "picture")]
    assert len(regions) > 15 and all(part.attrib["aria-label"] and part.attrib["tabindex"] == "0" for part in regions)
    names = [part.attrib["aria-label"] for part in regions]
    assert len(names) == len(set(names))
    levels = [int(e.tag[1]) for e in page.iter() if e.tag in ("h1", "h2", "h3")]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))


def _luminance(color: str) -> float:
    digits = color.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mood", [0, 1], ids=["light", "dark"])
def test_text_and_pictures_stand_out(mood: int) -> None:
    """WCAG 2 AA: 4.5 for text, 3 for what is drawn."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[mood]
    colors = dict(re.findall(r"--([\w-]+): (#\w+)", block))
    for text in ("ink", "muted", "link"):
        assert min(contrast(colors[text], colors[ground]) for ground in ("ground", "pale")) >= 4.5, text
    for kind in ("good", "bad", "open"):
        assert contrast(colors[f"{kind}-ink"], colors[kind]) >= 4.5 and contrast(colors["ink"], colors[kind]) >= 4.5
    drawn = [f"s{index}" for index in range(8)]
    assert [name for name in drawn if contrast(colors[name], colors["ground"]) < 3] == []


def test_contrast_knows_black_and_white() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)


def test_decisions_and_assumptions_are_shown(made: tuple[Report, ElementTree.Element]) -> None:
    report, page = made
    assert (report.decisions, report.assumed) == (DECISIONS, ASSUMED)
    rows = [[cell.text for cell in row] for row in page.iter("tr")]
    assert ["label 0", "2", "1", "3"] in rows and ["label 1", "·", "3", "3"] in rows
    assert ["17", "0", "0", "1", "lost"] in rows
    assert ["reset after a spike", "to_v_reset", "convention seamount"] in rows
    assert "1 of 5 test samples are decided otherwise" in " ".join(page.itertext())


def test_they_are_read_again(evidence: Evidence, tmp_path: Path) -> None:
    save_evidence(evidence, tmp_path)
    found = load_evidence(tmp_path)
    assert (found.decisions, found.assumed) == (DECISIONS, ASSUMED)


def test_silent_neurons_are_counted(made: tuple[Report, ElementTree.Element], evidence: Evidence) -> None:
    _, page = made
    rows = [[cell.text for cell in row] for row in page.iter("tr")]
    for name in ("block0", "block1"):
        silent = int(np.count_nonzero(evidence.test.sent[name].sum(axis=0) == 0))
        assert any(row[0] == name and row[2] == str(silent) and len(row) == 6 for row in rows)


def test_flows_between_cores_are_the_messages_that_are_counted(evidence: Evidence) -> None:
    """On a chip of small cores, what arrives at all cores is what the counts say."""
    target = load_target("loihi2")
    small = target.model_copy(update={"limits": _few_neurons(target, 40.0)})
    placement = place(evidence.program, small)
    assert len(placement.cores) > 2
    sent = {name: counts.sum(axis=0) for name, counts in evidence.test.sent.items()}
    flows = core_flows(evidence.program, placement, small, sent)
    counted = count_run(evidence.program, evidence.test, placement, small)
    by_core = {core.core: core.core_messages for core in counted.cores}
    assert {core: sum(n for (_, goal), n in flows.items() if goal == core) for core in by_core} == by_core


def _few_neurons(target: Target, most: float) -> Limits:
    neurons = target.limits.neurons
    assert neurons is not None
    return target.limits.model_copy(
        update={"neurons": neurons.model_copy(update={"value": most, "low": most, "high": most})}
    )


def test_reports_side_by_side(made: tuple[Report, ElementTree.Element]) -> None:
    report, _ = made
    energy = report.energy.model_copy(update={"per_inference_j": 2 * report.energy.per_inference_j})
    other = report.model_copy(update={"energy": energy, "program": "f" * 64})
    rows = {row.name: row for row in side_by_side([report, other], [{"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}])}
    assert rows["energy an inference"].differences == ("+100.0 %",)
    assert rows["integer"].differences == ("same",) and not rows["program"].same
    assert rows["a.b"].values == (1, 3) and "c" not in rows


def test_more_builds_than_colors_are_drawn(made: tuple[Report, ElementTree.Element]) -> None:
    report, _ = made
    reports = [report] * 30
    text = render_comparison([str(number) for number in range(30)], reports, side_by_side(reports))
    page = ElementTree.fromstring(text.partition("<!DOCTYPE html>")[2])
    heads = [head.text for head in page.iter("th") if head.attrib["scope"] == "row"]
    assert heads[:2] == ["A", "B"] and heads[29] == "30" and all(head.text for head in page.iter("th"))
