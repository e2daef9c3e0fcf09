"""The figures in README are those of the report; `--refresh-golden` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.digits_build import digits_build

BEGIN = "<!-- figures of build/digits/report.json: tests/cli/test_readme.py writes and checks them -->\n"
END = "<!-- end of figures -->\n"


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    accuracy, energy, latency = report["accuracy"], report["energy"], report["latency"]
    synops, mapping = report["synops"], report["mapping"]
    low, high = (1e6 * joules for joules in energy["per_inference_band_j"])
    quick, slow = (1e6 * seconds for seconds in latency["per_inference_band_s"])
    shares = {name: f"{100 * accuracy[name]:.2f} %" for name in ("float", "nir", "integer")}
    full = mapping["fullest_core"]
    return [
        ("accuracy, 360 test digits", f"{shares['float']} float, {shares['nir']} NIR, {shares['integer']} integer"),
        (
            "compared with the reference, 16 digits, all registers",
            f"{report['equivalence']['values_compared']:,} values, {report['equivalence']['mismatches']} differences",
        ),
        ("spikes a neuron and step", f"{report['activity']['spike_rate']:.3f}"),
        (
            "synaptic operations an inference",
            f"{synops['per_inference']:,.0f} non-zero, {synops['per_inference_dense']:,.0f} dense",
        ),
        (
            "energy an inference, Loihi 2 (derived: counts x public constants)",
            f"{1e6 * energy['per_inference_j']:.0f} µJ ({low:.0f} to {high:,.0f} µJ), of it"
            f" {1e6 * energy['dynamic_per_inference_j']:.1f} µJ dynamic",
        ),
        (
            "time an inference, host left out",
            f"{1e6 * latency['per_inference_s']:.0f} µs ({quick:.0f} to {slow:,.0f} µs)",
        ),
        (
            "cores",
            f"{mapping['cores']} of Loihi 2, {100 * full['fraction']:.0f} % of {full['resource'].replace('_', ' ')}",
        ),
    ]


def test_readme_tells_what_was_measured(repository: Path, refresh_golden: bool) -> None:
    report = json.loads((digits_build() / "report.json").read_text())
    table = "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in _rows(report))
    readme = repository / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    written = f"{before}{BEGIN}{table}{END}{after}"
    if refresh_golden:
        readme.write_text(written, encoding="utf-8")
    assert text == written or refresh_golden
