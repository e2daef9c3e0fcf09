"""What `verify` tells: every flipped bit, claims that do not follow from the build, who signed it, and a bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seamount as sm
from seamount.build.folder import BuildFolder, rehash, write_manifest
from seamount.rerun import verify as verifying
from seamount.rerun.bundle import INSIDE, SBOM, bundle
from seamount.rerun.report import report
from seamount.rerun.signing import make_key, sign
from tests.cli.conftest import Run
from tests.cli.small_builds import small_builds
from toolchain.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_builds()[0], tmp_path / "build"))


def results(build: Path, **options: Any) -> dict[str, str]:
    return {check.name: check.result for check in sm.verify(build, run=False, **options).checks}


def details(build: Path, **options: Any) -> str:
    return "\n".join(check.detail for check in sm.verify(build, run=False, **options).checks)


def is_whole(build: Path, **options: Any) -> bool:
    """As the command's exit code says it: a build that cannot be read is none."""
    try:
        return sm.verify(build, run=False, **options).ok
    except sm.ToolchainError:
        return False


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_every_flipped_bit_is_noticed(folder: Path, tmp_path: Path) -> None:
    """Of any file, of the manifest and of the signature; without a key, and nothing makes it whole again."""
    make_key(tmp_path / "key")
    sign(folder, tmp_path / "key")
    assert is_whole(folder)
    rng = np.random.default_rng(7)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    apart = [folder / "MANIFEST.json", folder / "MANIFEST.sig"]
    chosen = [*files, *(path for path in apart for _ in range(60))]
    for path in chosen:
        bit = int(rng.integers(8 * path.stat().st_size))
        flip(path, bit)
        assert not is_whole(folder), f"{path.name}: bit {bit}"
        with pytest.raises(sm.ToolchainError):
            report(folder)
        flip(path, bit)
    assert is_whole(folder)


def test_a_folder_without_listed_files_is_noticed(folder: Path) -> None:
    (folder / "lava" / "more" / "inner").mkdir(parents=True)
    assert "lava/more/: is a folder without listed files; lava/more/inner/: is a folder" in details(folder)


def edit(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file of a build, and give it the hash that it then has: a forgery."""
    value = json.loads((folder / name).read_text())
    change(value)
    (folder / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    rehash(BuildFolder(folder), [name])


def restate(folder: Path, **changes: Any) -> None:
    """Write another manifest, whole in itself."""
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    write_manifest(BuildFolder(folder), {**manifest, **changes})


def more_right(facts: dict[str, Any]) -> None:
    for row in facts["accuracies"]:
        row["correct"] = row["samples"]


def more_compared(facts: dict[str, Any]) -> None:
    facts["agreements"][0]["values_compared"]["spikes"] += 1


FORGED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a program's hash": (lambda folder: restate(folder, program="0" * 64), "manifest", "program: the manifest says"),
    "a command": (lambda folder: restate(folder, command="seamount deploy x.nir"), "manifest", "command: the manifest"),
    "a seed": (lambda folder: restate(folder, seed=5), "manifest", "seed: the manifest says '5', the build '0'"),
    "a version": (lambda folder: restate(folder, versions={"seamount": "9"}), "manifest", "versions: the manifest"),
    "an accuracy": (lambda folder: edit(folder, "evidence.json", more_right), "accuracy", "8 of 8 claimed"),
    "a comparison": (lambda folder: edit(folder, "evidence.json", more_compared), "agreement", "fast: the evidence"),
    "a figure": (
        lambda folder: edit(folder, "report.json", lambda value: value["synops"].update(nonzero=1)),
        "figures",
        "report.json is not what the evidence gives",
    ),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_is_claimed_follows_from_the_build(folder: Path, kind: str) -> None:
    forge, name, told = FORGED[kind]
    forge(folder)
    found = results(folder)
    assert found["hashes"] == "ok" and found[name] == "failed"
    assert told in details(folder)


def test_code_that_the_program_does_not_give_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where its hash is right."""
    with (folder / "lava" / "network" / "integer.py").open("a") as file:
        file.write("import os\n")
    rehash(BuildFolder(folder), ["lava/network/integer.py"])
    monkeypatch.setattr(verifying, "_again", lambda *_: pytest.fail("it was run"))
    checks = {check.name: check for check in sm.verify(folder).checks}
    assert checks["exports"].result == "failed"
    assert checks["exports"].detail == "lava/network/integer.py: is not what the program gives"
    assert checks["run"].detail == "nothing of the build was run"


def test_running_is_said_first_and_can_be_left_out(seamount: Run, folder: Path) -> None:
    ran = seamount("verify", folder, "--no-run")
    assert ran.code == 0 and "nothing of the build was run" in ran.out and "reference" not in ran.out
    checks = [check.name for check in sm.verify(small_builds()[0]).checks]
    assert checks.index("run") + 1 == checks.index("reference")


def test_a_key_tells_whole_altered_and_unsigned(seamount: Run, folder: Path, tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert results(folder)["signature"] == "note"
    assert results(folder, key=public)["signature"] == "failed" and "not signed" in details(folder, key=public)
    assert seamount("sign", folder, "--key", tmp_path / "key").code == 0
    assert results(folder, key=public)["signature"] == "ok"
    assert "--key says whether it is the right one" in details(folder)
    assert "of another key" in details(folder, key=make_key(tmp_path / "other"))
    restate(folder, seed=5)  # a forgery: hashes and digest are right
    assert results(folder)["signature"] == "failed"
    assert "does not belong to the manifest" in details(folder, key=public)
    assert seamount("verify", folder, "--no-run", "--key", public).code == 1
    for wrong in (tmp_path / "absent", tmp_path / "key", folder / "model.nir"):
        with pytest.raises(InputError, match="holds no Ed25519 public key"):
            sm.verify(folder, key=wrong)
    with pytest.raises(InputError, match="is there already"):
        make_key(tmp_path / "key")


def test_a_signed_build_keeps_its_pages_and_an_altered_one_is_not_signed(folder: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    sign(folder, tmp_path / "key")
    with pytest.raises(InputError, match="is signed, and other pages would need another signature"):
        report(folder)
    flip(folder / "model.nir", 9)
    attempts: list[Callable[[], object]] = [
        lambda: sign(folder, tmp_path / "key"),
        lambda: bundle(folder, tmp_path / "b.tar"),
    ]
    for refused in attempts:
        with pytest.raises(InputError, match=r"1 files are not what the manifest says, first model\.nir"):
            refused()


def test_a_bundle_is_the_same_bytes_and_verified_elsewhere(seamount: Run, folder: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    sign(folder, tmp_path / "key")
    assert seamount("bundle", folder, "--out", tmp_path / "one.tar").code == 0
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    one, other = tmp_path / "one.tar", bundle(Path(moved), tmp_path / "other.tar")
    assert one.read_bytes() == other.read_bytes()
    assert results(one, key=tmp_path / "key.pub")["signature"] == "ok" and is_whole(one)
    import tarfile

    with tarfile.open(one) as archive:
        names = archive.getnames()
        (listed,) = [archive.extractfile(name) for name in names if name == SBOM]
        assert listed is not None
        parts = json.loads(listed.read())["components"]
    assert names[:2] == [f"{INSIDE}/MANIFEST.json", f"{INSIDE}/MANIFEST.sig"] and names[-1] == SBOM
    assert {
        "name": "numpy",
        "purl": f"pkg:pypi/numpy@{np.__version__}",
        "type": "library",
        "version": np.__version__,
    } in (parts)
    rng = np.random.default_rng(1)
    for _ in range(20):
        bit = int(rng.integers(8 * one.stat().st_size))
        flip(one, bit)
        assert not is_whole(one), bit
        flip(one, bit)


@pytest.mark.parametrize("name", ["../x", "/x", f"{INSIDE}/../x", "other/x", f"{INSIDE}//x", INSIDE])
def test_a_bundle_writes_nothing_outside(folder: Path, tmp_path: Path, name: str) -> None:
    import io
    import tarfile

    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    with pytest.raises(InputError, match=r"is not a bundle \(.* is no file of a build\)"):
        sm.verify(tmp_path / "b.tar")
