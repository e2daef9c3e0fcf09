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
    results = examine(evidence, tables)
    report = summarize(results)
    page = render(results, report, player(results, folder))
    write_text(folder / REPORT_JSON, write_report(report))
    write_text(folder / REPORT_HTML, page)
    return report


def rebuild_report(folder: Path, tables: tuple[str, ...] = ()) -> Report:
    """Write report.json and report.html again from the evidence in a build folder.

    Raises:
        InputError: as `build_report`, or the folder lacks evidence.
    """
    return build_report(load_evidence(folder), folder, tables)


def write_report(report: Report) -> str:
    """Return report.json's text."""
    return json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
