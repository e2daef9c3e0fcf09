"""Target files: complete, sourced, and refused with the entry at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.errors import InputError
from toolchain.mapping import load_target, shipped_targets
from toolchain.mapping.target import TARGETS


def test_shipped() -> None:
    assert shipped_targets() == ("loihi1", "loihi2")


@pytest.mark.parametrize("name", shipped_targets())
def test_every_number_has_its_source(name: str) -> None:
    quantities = load_target(name).quantities()
    assert len(quantities) >= 14
    for where, quantity in quantities:
        assert len(quantity.source.split()) >= 3, where


def test_loihi2_has_the_limits_of_the_compiler_log() -> None:
    target = load_target("loihi2")
    found = {name: target.limits.of(name) for name in ("axon_in", "axon_map", "synapse_words", "core_words")}
    assert found == {"axon_in": 16000, "axon_map": 16000, "synapse_words": 16000, "core_words": 20000}


def edited(folder: Path, old: str, new: str) -> Path:
    text = (TARGETS / "loihi2.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_an_edited_file_is_read(tmp_path: Path) -> None:
    path = edited(tmp_path, "[limits.axon_in]\nvalue = 16000", "[limits.axon_in]\nvalue = 99")
    assert load_target(path).limits.of("axon_in") == 99


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[limits.axon_in]\nvalue = 16000", '[limits.axon_in]\nvalue = "many"', r"limits\.axon_in\.value"),
        ("[limits.axon_in]\nvalue = 16000", "[limits.axon_in]\nvalue = 1.5", r"limits\.axon_in: 1\.5 is not a whole"),
        ("[limits.axon_in]\nvalue = 16000", "[limits.axon_in]\nvalue = 0", r"limits\.axon_in: 0 is not a whole"),
        ("low = 12000", "low = 20000", r"limits\.synapse_words: .*low <= value <= high"),
        ('grade = "P+D"', 'grade = "X"', r"word_bits\.grade"),
        ("programmable = true", "programable = true", r"programmable: Field required \(and 1 more\)"),
        ("format = 2", "format = 1", "format: "),
        ("format = 2", "format =", "is not TOML"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        load_target(edited(tmp_path, old, new))


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match="loihi3: no such target; use one of loihi1, loihi2"):
        load_target("loihi3")
