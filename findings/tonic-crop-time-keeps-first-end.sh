#!/usr/bin/env bash
# tonic 1.7.0: CropTime without `max` crops every later recording to the length of the first one.
#
# Guess:   CropTime(min=0) has no upper limit, so it returns a recording that starts at 0 as it is.
# Instead: the first call stores that recording's last timestamp in the transform, and every later call drops what
#          comes after it. A second call with 100 events keeps 5 of them, and raises nothing.
# Matters: transforms are made once for a data set of spike recordings. What a sample keeps depends on which sample
#          came first, so on shuffling and on the data loader's worker, and short first recordings cut the whole set.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1 h5py==3.16.0 importRosbag==1.0.4 requests==2.32.5 tqdm==4.67.1 typing_extensions==4.15.0
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps tonic==1.7.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from tonic.io import make_structured_array
from tonic.transforms import CropTime


def recording(last_us: int) -> np.ndarray:
    """An event every 10 us from 0 up to and including last_us."""
    times = np.arange(0, last_us + 1, 10)
    return make_structured_array(np.zeros_like(times), 0, times, True)


print("tonic", version("tonic"), "numpy", version("numpy"))
short, long = recording(40), recording(990)
alone = len(CropTime(min=0)(long))
crop = CropTime(min=0)
counts = [len(crop(short)), len(crop(long))]
print(f"events of the long recording: {len(long)}, after a new CropTime(min=0): {alone}")
print(f"one CropTime(min=0) for both, short first: {counts[0]} of {len(short)}, {counts[1]} of {len(long)}")
if (alone, counts) != (100, [5, 5]):
    sys.exit("changed: CropTime(min=0) no longer takes its end from the first recording")
print("as stated: the second recording lost 95 of 100 events")
PYTHON
