"""Deploy every trained network that is shipped and set what came out beside the papers' figures.

    python -m benchmarks.results                     # all of the zoo; writes docs/results.json and docs/results.md
    python -m benchmarks.results digits smnist       # some; the others' rows stay as they are
    python -m benchmarks.results --run runs/mine     # a training run's folder: a row among those that are not shipped

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
from models.shipped.zoo import ZOO, names
from models.training.folder import load_folder
from seamount.build.deploy import deploy
from seamount.network import ZOO_PREFIX
from seamount.options import read_settings
from toolchain.engine import ENGINES, JSON, WorkUnit, run_units
from toolchain.files import write_text
from toolchain.quantize.settings import Settings
from toolchain.version import __version__

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "docs" / "results.json", ROOT / "docs" / "results.md"
BUILDS = ROOT / "build" / "results"


def unit_of(folder: Path, model: str) -> WorkUnit:
    """The work on one network; its arguments change with whatever its row depends on."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    arguments: dict[str, JSON] = {"model": model, "folder": str(folder)}
    return WorkUnit(folder.name, {**arguments, "files": digest.hexdigest(), "version": __version__})


def measure(arguments: dict[str, JSON]) -> dict[str, JSON]:
    """Deploy a network into `build/results/NAME` and return its row."""
    folder = Path(str(arguments["folder"]))
    settings = settings_of(folder)
    out = BUILDS / folder.name
    model = str(arguments["model"])
    deploy(model, out, settings=settings, tell=lambda event: print(f"{folder.name}: {event}", flush=True))
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return row(folder, settings, report)


def settings_of(folder: Path) -> Settings:
    """The widths that a network was fine-tuned for, else the usual ones."""
    path = folder / "settings.json"
    if not path.is_file():
        return Settings()
    return read_settings(path)


def row(folder: Path, settings: Settings, report: dict[str, Any]) -> dict[str, Any]:
    """What is told of a network: plain numbers, accuracies as shares, energy in joules."""
    trained = load_folder(folder)
    network = trained.network
    accuracy, energy, equivalence = report["accuracy"], report["energy"], report["equivalence"]
    rungs = ("float", "nir", "integer", "lava")
    return {
        "network": folder.name,
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


Rows = dict[str, dict[str, Any]]


def kept() -> tuple[Rows, Rows]:
    """The rows that are there, by network: of the zoo, and of runs that are not shipped."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    shipped, unshipped = ({one["network"]: one for one in before.get(key, [])} for key in ("rows", "unshipped"))
    known = names()
    return {k: v for k, v in shipped.items() if k in known}, {k: v for k, v in unshipped.items() if k not in known}


def write(shipped: Rows, unshipped: Rows) -> None:
    """Both files, sorted by task."""
    ordered = [sorted(rows.values(), key=lambda one: (one["task"], one["network"])) for rows in (shipped, unshipped)]
    content = {"format": 1, "rows": ordered[0], "unshipped": ordered[1]}
    write_text(RESULTS, json.dumps(content, indent=1) + "\n")
    write_text(PAGE, page(ordered[0], [name for name in names() if name not in shipped], ordered[1]))


def main() -> None:
    """Measure what was named, keep the other rows, write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="names in the zoo; all by default, where no run is named")
    parser.add_argument("--run", type=Path, action="append", default=[], help="folder of a training run")
    parser.add_argument("--engine", default="serial", choices=ENGINES)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    runs: list[Path] = [folder.resolve() for folder in options.run]
    if twice := sorted({folder.name for folder in runs} & set(names())):
        parser.error(f"{twice[0]} is a network of the zoo: rename the run's folder")
    chosen = options.networks or ([] if runs else list(names()))
    units = [unit_of(ZOO / name, ZOO_PREFIX + name) for name in chosen]
    units += [unit_of(folder, str(folder)) for folder in runs]
    found = run_units(measure, units, engine=options.engine, workers=options.workers, folder=BUILDS / "units")
    # Read last: another run may have written rows meanwhile.
    shipped, unshipped = kept()
    for one in found:
        (shipped if one["network"] in names() else unshipped)[str(one["network"])] = one
    write(shipped, unshipped)
    print(PAGE)


if __name__ == "__main__":
    main()
