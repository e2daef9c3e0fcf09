#!/usr/bin/env bash
# expelliarmus 1.1.12 (and faery 0.7.1 as a second reader): EVT 3.0 files that it writes lose the time above 4.096 ms.
#
# Guess:   save() and read() of one library return the timestamps that were given, in EVT 3.0 as in its other
#          encodings.
# Instead: EVT 3.0 splits a timestamp into 12 low and 12 high bits, sent as separate words. The writer sends the high
#          word once, at the start of the file. Its reader adds 4096 us wherever the low bits run backwards, so pauses
#          longer than that vanish: 20 s become 3.3 ms. Readers that go by the high word put all events of any
#          recording into 4096 us. DAT and EVT 2.0 files from the same writer are exact.
# Matters: a converted recording still has all its events in order. Rates, time bins and membrane decays of the
#          network that is fed with it are wrong by orders of magnitude, wherever the scene was still.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 expelliarmus==1.1.12 faery==0.7.1

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import faery
import numpy as np
from expelliarmus import Wizard

folder = Path(sys.argv[1])
print("expelliarmus", version("expelliarmus"), "faery", version("faery"), "numpy", version("numpy"))


def written(encoding: str, times_us: list[int]) -> Path:
    """The path of a file with one event at each of the times."""
    events = np.zeros(len(times_us), dtype=[("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1")])
    events["t"], events["x"] = times_us, np.arange(len(times_us))
    path = folder / f"{encoding}.{'dat' if encoding == 'dat' else 'raw'}"
    Wizard(encoding=encoding).save(fpath=path, arr=events)
    return path


def read_back(encoding: str, times_us: list[int]) -> list[int]:
    """The times that expelliarmus reads from the file that it wrote."""
    return Wizard(encoding=encoding, fpath=written(encoding, times_us)).read()["t"].tolist()


pauses = [0, 5_000, 10_000, 20_000_000]
print("written with pauses:     ", pauses)
back = {encoding: read_back(encoding, pauses) for encoding in ("dat", "evt2", "evt3")}
for encoding, times in back.items():
    print(f"read back from {encoding}:".ljust(25), times)

steady = list(range(0, 20_000, 1_000))
own = read_back("evt3", steady)
other = max(int(packet["t"].max()) for packet in faery.events_stream_from_file(written("evt3", steady)))
print(f"one event a ms up to {steady[-1]} us in evt3: expelliarmus reads up to {own[-1]} us, faery up to {other} us")
if back["dat"] != pauses or back["evt2"] != pauses or own != steady:
    sys.exit("changed: what was exact (DAT, EVT 2.0, EVT 3.0 without pauses) no longer is")
if back["evt3"] != [0, 904, 1808, 3328] or other >= 4096:
    sys.exit("changed: EVT 3.0 files no longer lose the high bits of the time")
print("as stated: EVT 3.0 keeps the order of the events and loses their time")
PYTHON
