"""report.json and report.html: complete, well formed, self-contained, the same each time, honest about disagreement."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from tests.toolchain.report.fake_evidence import COMMAND, fake_evidence
from tests.toolchain.report.keys import REPORT_KEYS
from toolchain.errors import InputError
from toolchain.ir.trace import Trace
from toolchain.report import Agreement, Evidence, Report, build_report, rebuild_report, save_evidence
from toolchain.report.numbers import decimal, percent, si, whole
from toolchain.report.page import verdict


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return fake_evidence()


@pytest.fixture(scope="module")
def folder(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("build")
    save_evidence(evidence, made)
    build_report(evidence, made)
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    """The page's text, one blank between words."""
    return re.sub(r"\s+", " ", " ".join(parse(page).itertext()))


def parse(page: str) -> ElementTree.Element:
    """Strictly, as XML: every element closed, every attribute quoted, every character escaped."""
    start, _, rest = page.partition("<!DOCTYPE html>")
    assert not start.strip()
    return ElementTree.fromstring(rest)


def test_json_has_its_keys(folder: Path) -> None:
    fields = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {"model", "task"} <= fields.keys()
    for part, keys in REPORT_KEYS.items():
        assert keys <= fields[part].keys(), part


def test_every_estimate_stands_beside_its_band(report: Report) -> None:
    for energy in (report.energy, *report.other_tables):
        assert energy.low_j <= energy.nominal_j <= energy.high_j
        for name in ("dynamic", "per_inference", "per_step"):
            low, high = getattr(energy, f"{name}_band_j")
            assert low <= getattr(energy, f"{name}_j") <= high
        assert energy.per_inference_j == pytest.approx(energy.nominal_j / report.samples)
        assert energy.per_step_j == pytest.approx(energy.per_inference_j / report.steps)
    assert report.energy.static_j is not None
    assert report.energy.nominal_j == pytest.approx(report.energy.dynamic_j + report.energy.static_j)
    assert report.latency.per_step_s is not None and report.latency.per_step_band_s is not None
    assert report.latency.per_inference_s == pytest.approx(report.steps * report.latency.per_step_s)


def test_json_numbers_come_from_the_evidence(report: Report, evidence: Evidence) -> None:
    assert report.accuracy.integer == 349 / 360
    assert report.equivalence.values_compared == evidence.agreements[0].total_compared > 100_000
    assert report.synops.per_step == pytest.approx(report.synops.nonzero / (6 * 67))
    assert report.synops.per_inference_range[0] <= report.synops.per_inference <= report.synops.per_inference_range[1]
    spikes = sum(int(evidence.test.sent[name].sum()) for name in ("block0", "block1"))
    assert report.activity.spike_rate == pytest.approx(spikes / (128 * 67 * 6))
    assert report.program == evidence.test.program
    assert (report.mapping.cores, report.mapping.limiting_resource) == (1, "neuron_words")


def test_page_is_well_formed_and_stands_alone(page: str) -> None:
    tree = parse(page)
    for element in tree.iter():
        assert element.tag.rpartition("}")[2] not in {"script", "link", "img", "iframe", "object", "embed"}
        assert not {"src", "srcset", "data"} & {name.rpartition("}")[2] for name in element.attrib}
        assert element.attrib.get("href", "#").startswith("#")
    style = next(element.text or "" for element in tree.iter("style"))
    assert "url(" not in style and "@import" not in style
    assert set(re.findall(r"https?://[^\"' <]*", page)) == {"http://www.w3.org/2000/svg"}


def test_page_shows_every_figure(page: str, report: Report, evidence: Evidence) -> None:
    shown = words(page)
    energy, latency = report.energy, report.latency
    assert latency.per_step_s is not None and latency.per_inference_s is not None and energy.static_j is not None
    expected = [
        f"{whole(report.equivalence.values_compared)} values compared, 0 differences",
        *(percent(row.fraction) for row in evidence.accuracies),
        whole(report.synops.nonzero),
        whole(report.synops.dense),
        decimal(report.synops.per_inference),
        percent(report.activity.spike_rate),
        si(energy.per_inference_j, "J"),
        si(energy.dynamic_per_inference_j, "J"),
        si(energy.static_j / report.samples, "J"),
        si(energy.per_inference_band_j[1], "J"),
        *(si(other.per_inference_j, "J") for other in report.other_tables),
        si(latency.per_step_s, "s"),
        si(latency.per_inference_s, "s"),
        *(f"{row.population}.{row.register}" for row in report.ranges),
        *(whole(row.high) for row in report.ranges),
        *(row.what for row in evidence.findings),
        *(f"{quantity.value:g} {quantity.unit}" for _, quantity in evidence.target.quantities()),
        "23.6 pJ", "3.5 to 38", "Input and output are not modelled", "No ratio to a GPU", COMMAND,
    ]  # fmt: skip
    assert [text for text in expected if " ".join(text.split()) not in shown] == []


def test_every_pole_that_lasts_beyond_a_step_is_drawn_twice(page: str, evidence: Evidence, tmp_path: Path) -> None:
    assert len([p for p in evidence.poles if p.time_constant_steps > 1]) == 6
    small = [c for c in parse(page).iter("{http://www.w3.org/2000/svg}circle") if c.attrib["r"] == "2"]
    assert len(small) == 12 and "Quantized poles" in words(page)
    build_report(replace(evidence, poles=()), tmp_path)
    assert "Quantized poles" not in words((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_raster_draws_every_message_of_the_sample(page: str, evidence: Evidence) -> None:
    paths = [p.attrib["d"] for p in parse(page).iter("{http://www.w3.org/2000/svg}path") if "v-" in p.attrib["d"]]
    sent = evidence.recorded.messages
    assert [path.count("M") for path in paths] == [int((sent[n][0] != 0).sum()) for n in ("input", "block0", "block1")]


def test_text_of_users_is_escaped(page: str) -> None:
    assert "<0.5 steps & smaller>" in words(page)
    assert "&lt;0.5 steps &amp; smaller&gt;" in page


def test_equal_evidence_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    again = fake_evidence()
    save_evidence(again, tmp_path)
    build_report(again, tmp_path)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(names) == 7
    assert [name for name in names if (folder / name).read_bytes() != (tmp_path / name).read_bytes()] == []


def test_rebuilt_from_the_folder_alone(folder: Path, report: Report, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for name in ("report.html", "report.json"):
        (copy / name).unlink()
    assert rebuild_report(copy) == report
    for name in ("report.html", "report.json"):
        assert (copy / name).read_bytes() == (folder / name).read_bytes()


def test_another_leading_table(evidence: Evidence, tmp_path: Path) -> None:
    report = build_report(evidence, tmp_path, ("sanafe", "cmos45"))
    assert (report.energy.table, report.energy.static_j, len(report.other_tables)) == ("sanafe", None, 1)
    assert parse((tmp_path / "report.html").read_text(encoding="utf-8")) is not None


def test_a_table_without_times_leaves_them_out(evidence: Evidence, tmp_path: Path) -> None:
    report = build_report(evidence, tmp_path, ("cmos45",))
    assert report.latency.per_step_s is None
    assert "This table has no times." in words((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_disagreement_is_the_headline(evidence: Evidence, tmp_path: Path) -> None:
    groups = {"spikes": 90, "registers": 10}
    first = "step 3, sample 0, block0[5].voltage: 7 against 8"
    one = Agreement(simulators=("a", "b"), samples=2, steps=5, values_compared=groups, mismatches=4, first=first)
    differing = replace(evidence, agreements=(*evidence.agreements, one))
    part = build_report(differing, tmp_path).equivalence
    assert (part.mismatches, part.samples, part.steps, part.simulators) == (4, 1, 5, ("reference", "lava", "a", "b"))
    shown = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert f"4 differ First divergence: {first}" in shown
    assert "0 differences" not in shown
    assert verdict(part).mood == "bad"


def test_nothing_compared_proves_nothing(evidence: Evidence, tmp_path: Path) -> None:
    bare = replace(evidence, agreements=(), accuracies=(), findings=(), quantization=())
    report = build_report(bare, tmp_path)
    assert report.accuracy.integer is None
    shown = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Not compared" in shown and "0 differences" not in shown
    assert "No labelled data was given." in shown


def test_without_a_recorded_sample(evidence: Evidence, tmp_path: Path) -> None:
    empty = Trace(evidence.test.program, "reference", samples=0, steps=0)
    build_report(replace(evidence, recorded=empty), tmp_path)
    shown = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No sample was recorded." in shown and "No register was recorded." in shown


def test_a_network_on_many_cores(tmp_path: Path) -> None:
    report = build_report(fake_evidence(size=300), tmp_path)
    assert report.mapping.cores > 1
    shown = words((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert f"{report.mapping.cores} cores on 1 chip" in shown
    assert "neurons of block0 from 96 on" in shown


def test_nothing_is_written_where_the_parts_do_not_fit(evidence: Evidence, tmp_path: Path) -> None:
    foreign = replace(evidence.test, program="0" * 64)
    with pytest.raises(InputError, match="trace: was recorded with another program"):
        build_report(replace(evidence, test=foreign), tmp_path / "new")
    assert not (tmp_path / "new").exists()
