"""Record what frameworks spike again: ``python -m oracles.frameworks [tool ...]``, from the repository's folder.

Each framework gets an environment of its own in ``.oracles/``; ``trace_<tool>.py`` builds small networks of its neurons
there, writes them with the tool's own NIR exporter, runs the tool's own forward pass, and keeps both. They go to
``tests/golden/frameworks/<tool>/`` as ``<case>.nir`` (every dataset as the tool wrote it, in a compact file) and
``<case>.npz`` (input, spikes of each layer, and a record of versions).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

from oracles.make import ROOT, Tool, environment
from toolchain.errors import MissingPartError

GOLDEN = ROOT / "tests" / "golden" / "frameworks"

FRAMEWORKS = {
    # torch, nir and nirtorch are here already; "" puts the others into a folder beside them.
    "snntorch": Tool("", ("snntorch==1.0.0",)),
    "norse": Tool("", ("norse==1.1.0",)),
    "sinabs": Tool("", ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2", "pbr==7.0.1")),
    "rockpool": Tool("", ("rockpool==3.1.0",)),
    "spikingjelly": Tool("", ("spikingjelly==2.0.0", "loguru==0.7.3")),
    "spyx": Tool("python3.11", ("spyx==1.0.0", "nir==1.0.8", "jax==0.10.2", "h5py==3.16.0")),
}


def record(name: str) -> list[str]:
    """Run a framework's script and keep what it leaves; the names of the cases.

    Raises:
        MissingPartError: its Python or packages can't be had.
    """
    python, variables = environment(name, FRAMEWORKS[name])
    script = Path(__file__).parent / f"trace_{name}.py"
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [python, script, scratch], env=variables, capture_output=True, text=True, check=False, cwd=scratch
        )
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return _keep(Path(scratch), GOLDEN / name)


def _keep(scratch: Path, folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    made = sorted(path.stem for path in scratch.glob("*.npz"))
    for left in set(folder.iterdir()) - {folder / f"{case}{end}" for case in made for end in (".nir", ".npz")}:
        left.unlink()
    for case in made:
        (folder / f"{case}.npz").write_bytes((scratch / f"{case}.npz").read_bytes())
        with (
            h5py.File(scratch / f"{case}.nir") as wide,
            h5py.File(folder / f"{case}.nir", "w", libver="latest") as file,
        ):
            _copy(wide, file)
    return made


def _copy(source: h5py.Group, target: h5py.Group) -> None:
    """Every group and dataset, with its type, compressed where that saves room."""
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy(item, target.create_group(name))
        else:
            packed = {"compression": "gzip"} if item.size and item.size > 500 else {}
            target.create_dataset(name, data=item[()], dtype=item.dtype, **packed)


def main(names: list[str]) -> int:
    """Record the named frameworks, or all; 1 where one is missing."""
    missing: dict[str, str] = {}
    for name in names or FRAMEWORKS:
        try:
            cases = record(name)
        except MissingPartError as error:
            missing[name] = str(error)
            continue
        print(f"{name}: {len(cases)} cases", flush=True)
    for name, reason in missing.items():
        print(f"left as it was: {name} ({reason})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
