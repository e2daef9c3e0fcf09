"""What every test may use: the repository's folder, the shared example files, options, hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
CASES = REPOSITORY.parent / "shared" / "cases"
AnyReport = TypeVar("AnyReport", pytest.TestReport, pytest.CollectReport)

# No deadline: nothing here is timed. In CI the examples are the same each time, so that a failure can be repeated.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=20)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="rewrite the golden texts instead of comparing")
    parser.addoption("--forbid-skips", action="store_true", help="fail where a test would skip, with its reason")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of real NIR files beside the repository; skips, and says so, where a clone has none."""
    if not CASES.is_dir():
        pytest.skip("no ../shared/cases beside the repository")
    return CASES


@pytest.fixture(scope="session")
def refresh_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden texts are to be rewritten."""
    return bool(request.config.getoption("--refresh-golden"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _forbid_skip(item.config, report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _forbid_skip(collector.config, report)


SYSTEM = ("node is ", "no C compiler", "gcc ", "clang ", "chromium ", "arm-none-eabi-gcc ", "riscv64-unknown-elf-gcc ")
ELSEWHERE = (
    "this processor lacks ",
    "spikingjelly is not installed",
    "sinabs is not installed",
    "spyx is not installed",
    "neurobench is not installed",
    "axe-core is not here",
)
"""How skips begin for want of what no set-up of this environment brings: programs of the system, instructions of a
processor, a framework that has an environment of its own."""


def _forbid_skip(config: pytest.Config, report: AnyReport) -> AnyReport:
    """Turn a skip into a failure under --forbid-skips; an expected failure (xfail) is not a skip."""
    if report.skipped and config.getoption("--forbid-skips") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if reason.removeprefix("Skipped: ").startswith((*SYSTEM, *ELSEWHERE)):
            return report
        report.outcome = "failed"
        report.longrepr = f"--forbid-skips: {reason}"
    return report
