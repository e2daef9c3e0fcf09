"""Write a synthetic motion stream to standard output, as a phone at the waist would: the source for example 03.

    python examples/motion.py [steps] [--raw] [--seconds-a-step S]

Six channels a step at 50 Hz: acceleration in g along three axes, rotation in rad/s about them. Every 128 steps the
person does something else; once a second sensor axis is knocked. Made up from sines and noise, no recording of anybody.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np

RATE_HZ = 50.0
STRETCH_STEPS = 128
KNOCK_STEP = 300
KNOCK_G = 7.5
# Where gravity points, in g, and how strongly and fast the body swings.
STRETCHES = (
    ((1.0, -0.2, 0.1), 0.35, 1.9),  # walking
    ((1.0, -0.1, -0.1), 0.0, 0.0),  # standing
    ((0.1, 0.7, 0.7), 0.0, 0.0),  # lying
    ((0.9, -0.2, 0.3), 0.25, 1.5),  # stairs
)


def motion(steps: int, seed: int = 0, knock: bool = True) -> np.ndarray:
    """Samples (step, 6) in g and rad/s, float32."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(steps) / RATE_HZ
    samples = rng.normal(0.0, 0.02, (steps, 6))
    for step in range(steps):
        gravity, swing, rate_hz = STRETCHES[step // STRETCH_STEPS % len(STRETCHES)]
        phase = 2 * np.pi * rate_hz * time_s[step]
        samples[step, :3] += gravity
        samples[step, 0] += swing * np.sin(phase)
        samples[step, 2] += swing / 2 * np.sin(2 * phase)
        samples[step, 3:] += swing * np.cos(phase + np.arange(3))
    if knock and steps > KNOCK_STEP:
        samples[KNOCK_STEP, 1] = KNOCK_G
    return samples.astype(np.float32)


def main() -> None:
    """Write the stream a step at a time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("steps", type=int, nargs="?", default=512)
    parser.add_argument("--raw", action="store_true", help="float32, little endian, instead of lines of CSV")
    parser.add_argument("--seconds-a-step", type=float, default=0.0, help="0.02 is the sensor's own pace")
    options = parser.parse_args()
    for sample in motion(options.steps):
        sys.stdout.buffer.write(written(sample, options.raw))
        sys.stdout.buffer.flush()
        time.sleep(options.seconds_a_step)


def written(sample: np.ndarray, raw: bool) -> bytes:
    """A step as it goes through the pipe."""
    return sample.astype("<f4").tobytes() if raw else (",".join(f"{x:.9g}" for x in sample) + "\n").encode()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Who reads has seen enough; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
