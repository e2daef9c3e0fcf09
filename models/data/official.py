"""Data sets that no registry ships: their publishers' own files are read from a folder that the user fills.

Nothing here reaches the network. Each set has its folder in the data folder (``./data`` or ``$SEAMOUNT_DATA``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.data import data_folder
from toolchain.errors import InputError


@dataclass(frozen=True)
class Official:
    """A data set in its publisher's files.

    Attributes:
        title: what it is.
        folder: where in the data folder its files are looked for.
        obtain: where the files come from and what to do with them.
        terms: licence, as far as the publisher says.
    """

    title: str
    folder: str
    obtain: str
    terms: str


LRA = "lra_release.gz of github.com/google-research/long-range-arena"

OFFICIAL = {
    "cifar-10": Official(
        title="CIFAR-10, 60000 color images of 32 x 32 pixels (Krizhevsky, 2009)",
        folder="cifar-10",
        obtain="unpack cifar-10-binary.tar.gz or cifar-10-python.tar.gz of www.cs.toronto.edu/~kriz/cifar.html there",
        terms="none given",
    ),
    "imdb": Official(
        title="IMDB film reviews, 25000 and 25000 (Maas et al., 2011)",
        folder="aclImdb",
        obtain="unpack aclImdb_v1.tar.gz of ai.stanford.edu/~amaas/data/sentiment there",
        terms="none given",
    ),
    "aan": Official(
        title="pairs of papers of the ACL Anthology Network (Radev et al., 2013), as Long Range Arena pairs them",
        folder="tsv_data",
        obtain=f"copy the folder tsv_data of {LRA} there",
        terms="the ACL Anthology's; its older papers CC BY-NC-SA 3.0",
    ),
    "lra-listops": Official(
        title="ListOps, Long Range Arena's own trees",
        folder="listops-1000",
        obtain=f"copy the folder listops-1000 of {LRA} there",
        terms="none given; its generator is Apache 2.0",
    ),
    "lra-pathfinder32": Official(
        title="Pathfinder, Long Range Arena's own images of 32 x 32 pixels",
        folder="pathfinder32",
        obtain=f"copy the folder pathfinder32 of {LRA} there",
        terms="none given",
    ),
    "lra-pathfinder128": Official(
        title="Path-X, Long Range Arena's own images of 128 x 128 pixels",
        folder="pathfinder128",
        obtain=f"copy the folder pathfinder128 of {LRA} there",
        terms="none given",
    ),
    "wikitext-103": Official(
        title="WikiText-103, 28595 articles (Merity et al., 2017)",
        folder="wikitext-103",
        obtain="unpack wikitext-103-v1.zip (wiki.train.tokens and so on) there",
        terms="CC BY-SA 3.0",
    ),
    "shd": Official(
        title="Spiking Heidelberg Digits, 10420 recordings of spoken digits as spikes (Cramer et al., 2020)",
        folder="shd",
        obtain="unpack shd_train.h5 and shd_test.h5 of zenkelab.org/datasets there",
        terms="CC BY 4.0",
    ),
}
"""Name to data set."""


def official_folder(name: str) -> Path:
    """The folder with a set's files.

    Raises:
        InputError: it is not there, with what to do.
    """
    entry = OFFICIAL[name]
    folder = data_folder() / entry.folder
    if not folder.is_dir():
        raise InputError(str(folder), f"no such folder ({entry.title})", entry.obtain)
    return folder


def one_of(folder: Path, *names: str) -> Path:
    """The first of some files or folders that is there, below a folder.

    Raises:
        InputError: none of them is.
    """
    found = next((folder / name for name in names if (folder / name).exists()), None)
    if found is None:
        raise InputError(str(folder), f"holds none of {', '.join(names)}", "unpack the publisher's archive there")
    return found


def contents(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "unpack the publisher's archive") from error
