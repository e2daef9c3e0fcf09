"""Deploy every trained network that is shipped and set what came out beside the papers' figures.

    python -m benchmarks.results                     # all of the zoo; writes docs/results.json and docs/results.md
    python -m benchmarks.results digits smnist       # some; the others' rows stay as they are

Each network is a unit of work: finished ones are kept in `build/results` and are done again when weights, settings or
Seamount's version change. Data sets come from `seamount data get` and `seamount data make`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results_page import page
from models.zoo import ZOO, load, names
from toolchain.cli.deploy import deploy
from toolchain.cli.job import Options
from toolchain.cli.quantize import read_settings
from toolchain.cli.source import ZOO_PREFIX, find_source
from toolchain.engine import ENGINES, JSON, Unit, run_units
from toolchain.files import write_text
from toolchain.quantize.settings import Settings
from toolchain.version import __version__

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "docs" / "results.json", ROOT / "docs" / "results.md"
BUILDS = ROOT / "build" / "results"


def unit_of(name: str) -> Unit:
    """The work on one network; its arguments change with whatever its row depends on."""
    digest = hashlib.sha256()
    for path in sorted((ZOO / name).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return Unit(name, {"network": name, "files": digest.hexdigest(), "version": __version__})


def measure(arguments: dict[str, JSON]) -> dict[str, JSON]:
    """Deploy a network into `build/results/NAME` and return its row."""
    name = str(arguments["network"])
    source, settings = find_source(ZOO_PREFIX + name, None, None), settings_of(name)
    out = BUILDS / name
    deploy(source, out, Options(settings=settings), lambda line: print(f"{name}: {line}", flush=True))
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return row(name, settings, report)


def settings_of(name: str) -> Settings:
    """The widths that a network was fine-tuned for, else the usual ones."""
    path = ZOO / name / "settings.json"
    if not path.is_file():
        return Settings()
    return read_settings(path)


def row(name: str, settings: Settings, report: dict[str, Any]) -> dict[str, Any]:
    """What is told of a network: plain numbers, accuracies as shares, energy in joules."""
    trained = load(name)
    network = trained.network
    accuracy, energy, equivalence = report["accuracy"], report["energy"], report["equivalence"]
    rungs = ("float", "nir", "integer", "lava")
    return {
        "network": name,
        "task": trained.task,
        "shape": network.config.to_mapping(),
        "settings": settings.as_dict(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "accuracy": {rung: accuracy[rung] for rung in rungs if accuracy.get(rung) is not None},
        "bits_per_symbol": accuracy["bits_per_symbol"],
        "before_fine_tuning": before_fine_tuning(trained.figures),
        "samples": {rung: accuracy["samples"][rung] for rung in rungs if rung in accuracy["samples"]},
        "float_source": accuracy["float_source"],
        "notes": accuracy["notes"],
        "spike_rate": report["activity"]["spike_rate"],
        "synops_per_inference": report["synops"]["per_inference"],
        "energy_per_inference_j": energy["per_inference_j"],
        "energy_per_inference_band_j": energy["per_inference_band_j"],
        "energy_table": energy["title"],
        "latency_per_inference_s": report["latency"]["per_inference_s"],
        "cores": report["mapping"]["cores"],
        "simulators": equivalence["simulators"],
        "values_compared": equivalence["values_compared"],
        "mismatches": equivalence["mismatches"],
        "findings": [finding["what"] for finding in report["findings"] if finding["severity"] == "loss"],
        "versions": report["versions"],
    }


def before_fine_tuning(figures: Mapping[str, Any]) -> dict[str, float]:
    """On the test part, of a network that was fine-tuned for integers: what it began as, in floats and quantized."""
    if "integers" not in figures:
        return {}
    rungs = {"float": figures["start"]["figures"], "ptq": figures["integers"]["before"]}
    kind = "bits_per_symbol" if "bits_per_symbol" in figures["test"] else "accuracy"
    return {rung: float(parts["test"][kind]) for rung, parts in rungs.items() if "test" in parts}


def main() -> None:
    """Measure what was named, keep the other rows, write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="names in the zoo; all by default")
    parser.add_argument("--engine", default="serial", choices=ENGINES)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    chosen = options.networks or list(names())
    units = [unit_of(name) for name in chosen]
    found = run_units(measure, units, engine=options.engine, workers=options.workers, folder=BUILDS / "units")
    # Read last: another run may have written rows meanwhile.
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.is_file() else []
    rows = {entry["network"]: entry for entry in before if entry["network"] in names()}
    rows |= {str(entry["network"]): entry for entry in found}
    ordered = sorted(rows.values(), key=lambda entry: (str(entry["task"]), str(entry["network"])))
    write_text(RESULTS, json.dumps({"format": 1, "rows": ordered}, indent=1) + "\n")
    write_text(PAGE, page(ordered, [name for name in names() if name not in rows]))
    print(PAGE)


if __name__ == "__main__":
    main()
