"""Spam or not, from the bytes of a mail: a stand-in for Long Range Arena's Text, whose reviews no registry ships.

Subject and body of SpamAssassin's 6046 public mails, the first 4096 bytes, without the other headers, which would give
the answer away (`models.data.mail`). Mails that begin alike are in one part. Symbols are the 128 ASCII codes, 128 for
every other byte; padding is 0, which no mail holds.
"""

from __future__ import annotations

import numpy as np

from models.data import read_data
from models.data.mail import BYTES
from models.tasks.task import Part, Task

SYMBOLS = 129
SHARES = (14, 3, 3)
"""Twentieths of the groups that are training, validation and test."""


def load() -> Task:
    """About 70, 15 and 15 % of the mails, always the same."""
    arrays = read_data("mail")
    lengths = arrays["lengths"].astype(np.int64)
    inputs = np.zeros((len(lengths), BYTES), dtype=np.uint8)
    inputs[np.arange(BYTES) < lengths[:, None]] = np.minimum(arrays["text"], SYMBOLS - 1)
    part = np.searchsorted(np.cumsum(SHARES), arrays["groups"] % sum(SHARES), side="right")
    labels = arrays["labels"].astype(np.int64)
    parts = [Part(inputs[part == number], labels[part == number], lengths[part == number]) for number in range(3)]
    return Task("mail", 2, parts[0], parts[1], parts[2], symbols=SYMBOLS)
