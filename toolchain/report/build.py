"""Write report.json and report.html from evidence, or again from a build folder."""

from __future__ import annotations

import json
from pathlib import Path

from toolchain.files import write_text
from toolchain.report.evidence import Evidence, load_evidence
from toolchain.report.model import Report
from toolchain.report.page import render
from toolchain.report.player import player
from toolchain.report.summary import examine, summarize

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def build_report(evidence: Evidence, folder: Path, tables: tuple[str, ...] = ()) -> Report:
    """Write report.json and report.html into a folder; equal evidence, equal bytes.

    Args:
        evidence: the facts.
        folder: where to write; made if absent.
        tables: names or paths of cost tables, the leading one first; the target's own by default.

    Raises:
        InputError: the parts of the evidence don't belong together, or a cost table is unknown or broken.
    """
    report, texts = _written(evidence, folder, tables)
    for name, text in texts.items():
        write_text(folder / name, text)
    return report


def report_texts(evidence: Evidence, folder: Path, tables: tuple[str, ...] = ()) -> dict[str, str]:
    """What `build_report` writes into a folder, by file, and nothing written."""
    return _written(evidence, folder, tables)[1]


def _written(evidence: Evidence, folder: Path, tables: tuple[str, ...]) -> tuple[Report, dict[str, str]]:
    results = examine(evidence, tables)
    report = summarize(results)
    page = render(results, report, player(results, folder))
    return report, {REPORT_JSON: write_report(report), REPORT_HTML: page}


def rebuild_report(folder: Path, tables: tuple[str, ...] = ()) -> Report:
    """Write report.json and report.html again from the evidence in a build folder.

    Raises:
        InputError: as `build_report`, or the folder lacks evidence.
    """
    return build_report(load_evidence(folder), folder, tables)


def write_report(report: Report) -> str:
    """Return report.json's text."""
    return json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
