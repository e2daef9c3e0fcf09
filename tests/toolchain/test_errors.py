"""Names in files are other people's words: what is printed of them moves no cursor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.cli.conftest import seamount as seamount  # the fixture
from tests.toolchain.frontend.files import OUTPUT, lif, line, linear, port, write_raw
from toolchain.errors import InputError, printable


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lif 1\t\n", "lif 1\t\n"),
        ("\x1b[2J\r", "\\x1b[2J\\r"),
        ("\u202egnp", "\\u202egnp"),
        ("\x9b\x00層", "\\x9b\\x00層"),
        ("\udc80", "\\udc80"),
    ],
)
def test_control_characters_are_escaped(text: str, told: str) -> None:
    assert printable(text) == told
    assert str(InputError(text, "is odd")) == f"{told}: is odd"


def test_a_name_in_a_file_colors_no_terminal(seamount: Run, tmp_path: Path) -> None:
    """Whether it is told as a finding or as an error."""
    np.savez(tmp_path / "data.npz", x=np.ones((2, 4, 3)))
    nodes = {"input": port("Input", 3), "fc": linear(2, 3), "\x1b[31mlif": lif(2), "output": OUTPUT}
    write_raw(tmp_path / "net.nir", line(**nodes))
    told = seamount("check", tmp_path / "net.nir", "--calibrate", tmp_path / "data.npz")
    nodes["\x1b[31mlif"] = lif(2, tau=np.full(2, np.nan))
    write_raw(tmp_path / "net.nir", line(**nodes))
    refused = seamount("deploy", tmp_path / "net.nir", "--calibrate", tmp_path / "data.npz", "--out", tmp_path / "out")
    assert refused.code == 1
    for said in (told.out + told.err, refused.out + refused.err):
        assert "\x1b" not in said and "31mlif" in said
