"""How long `import seamount` and `seamount --help` take, beside an interpreter that does nothing.

    python -m benchmarks.starting

Both are to stay below 25 times `python -c pass`; what they load is tested in tests/seamount/test_api.py.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

REPEATS = 9
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import seamount": ("-c", "import seamount"),
    "seamount --help": ("-m", "seamount", "--help"),
    "import seamount; seamount.deploy": ("-c", "import seamount; seamount.deploy"),
}


def seconds(command: Sequence[str]) -> float:
    """The least of some runs: what the command takes where nothing disturbs it."""
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    found = {name: seconds(command) for name, command in COMMANDS.items()}
    least = found["python -c pass"]
    for name, taken in found.items():
        print(f"{name:34}{1000 * taken:8.1f} ms{taken / least:8.1f} times")


if __name__ == "__main__":
    main()
