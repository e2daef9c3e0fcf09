"""SpamAssassin's public mails as subject and body, with what tells near copies apart from different mails."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

import numpy as np

from models.data.convert import Arrays, Files
from toolchain.errors import InputError

BYTES = 4096
KEY_LETTERS = 64
HEADER_END = re.compile(rb"\r?\n\r?\n")
SUBJECT = re.compile(rb"^subject:[ \t]*(.*(?:\r?\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
TAG = re.compile(rb"<[^>]*>")
OTHER_THAN_LETTERS = re.compile(rb"[^a-z]")
SPAM, HAM = "spam", "ham"


def from_mail(files: Files) -> Arrays:
    """Mails in the order of their paths, one after the other in ``text`` (bytes,), the first 4096 bytes of each.

    ``lengths``, ``labels`` (1 spam, 0 wanted) and ``groups``, one a mail. The header but for the subject is left out:
    its route, addresses and dates tell which collection a mail is from, which is the label. Mails of one group begin
    alike (the first 64 letters of the body without markup are the same): campaigns, newsletters, copies.
    """
    texts, labels, groups = [], [], []
    for path, content in sorted(files.items()):
        folder = PurePosixPath(path).parent.name
        if (SPAM in folder) == (HAM in folder):
            raise InputError(path, "lies in a folder of neither spam nor ham", "fetch it again")
        subject, body = split(content)
        texts.append((subject + b"\n" + body)[:BYTES])
        labels.append(SPAM in folder)
        groups.append(group(body))
    lengths = np.array([len(text) for text in texts], dtype=np.int32)
    text = np.frombuffer(b"".join(texts), dtype=np.uint8)
    numbers = np.array(groups, dtype=np.uint32)
    return {"text": text, "lengths": lengths, "labels": np.array(labels, dtype=np.uint8), "groups": numbers}


def split(mail: bytes) -> tuple[bytes, bytes]:
    """Subject and body of a mail; nothing for what it lacks."""
    header, *rest = HEADER_END.split(mail, maxsplit=1)
    subject = SUBJECT.search(header)
    return subject[1].rstrip() if subject else b"", rest[0] if rest else b""


def group(body: bytes) -> int:
    """A number, by hash, that bodies which begin alike share."""
    letters = OTHER_THAN_LETTERS.sub(b"", TAG.sub(b"", body[:BYTES].lower()))[:KEY_LETTERS]
    return int.from_bytes(hashlib.sha256(letters).digest()[:4], "little")
