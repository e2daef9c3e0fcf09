"""Program, placement and trace to synaptic operations, energy, latency and pages."""

from toolchain.report.build import build_report, rebuild_report, write_report
from toolchain.report.costs import CostTable, load_costs, shipped_tables
from toolchain.report.counts import Counts, count_run, synops_by_sample
from toolchain.report.energy import Banded, Estimate, estimate, refuse_ratio
from toolchain.report.evidence import (
    Accuracy,
    Agreement,
    Evidence,
    FindingRow,
    QuantizationRow,
    RegisterRange,
    load_evidence,
    save_evidence,
)
from toolchain.report.model import Report
from toolchain.report.ranges import register_ranges

__all__ = [
    "Accuracy",
    "Agreement",
    "Banded",
    "CostTable",
    "Counts",
    "Estimate",
    "Evidence",
    "FindingRow",
    "QuantizationRow",
    "RegisterRange",
    "Report",
    "build_report",
    "count_run",
    "estimate",
    "load_costs",
    "load_evidence",
    "rebuild_report",
    "refuse_ratio",
    "register_ranges",
    "save_evidence",
    "shipped_tables",
    "synops_by_sample",
    "write_report",
]
