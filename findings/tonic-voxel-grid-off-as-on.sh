#!/usr/bin/env bash
# tonic 1.7.0: ToVoxelGrid adds OFF events as +1 where the polarity is a bool, which is tonic's own event type.
#
# Guess:   a voxel grid adds +1 for an ON event and -1 for an OFF event, as in Zhu et al. 2019, which its docstring
#          names.
# Instead: the polarities are recoded by assigning -1 into the event array. tonic.io.events_struct holds them as bool,
#          where -1 becomes True: all events count as ON. The same events with an int8 polarity give the signed grid.
# Matters: many of tonic's data sets hold the polarity as bool. A spiking network fed with such grids sees the number
#          of changes and not their sign, in training and in test alike, so the two agree and nothing shows it.
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
from tonic.io import events_struct, make_structured_array
from tonic.transforms import ToVoxelGrid

print("tonic", version("tonic"), "numpy", version("numpy"))
print("tonic.io.events_struct:", events_struct)
# One ON event at x = 0, then two OFF events at x = 1 and x = 2, then one ON event that closes the recording.
events = make_structured_array(np.array([0, 1, 2, 0]), 0, np.array([0, 10, 20, 40]), np.array([1, 0, 0, 1]))
signed = events.astype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
to_grid = ToVoxelGrid(sensor_size=(4, 1, 2), n_time_bins=2)
off = {kind: to_grid(array).sum(axis=(0, 1, 2))[1:3].tolist() for kind, array in (("bool", events), ("int8", signed))}
for kind, sums in off.items():
    print(f"polarity as {kind}: the two OFF pixels sum to {sums}")
if off != {"bool": [1.0, 1.0], "int8": [-1.0, -1.0]}:
    sys.exit("changed: OFF events with a bool polarity no longer count as +1")
print("as stated: OFF events count as ON with tonic's own dtype")
PYTHON
