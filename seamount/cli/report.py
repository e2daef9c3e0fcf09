"""`seamount report`: the pages of a build folder again."""

from __future__ import annotations

from seamount.cli.arguments import Build
from seamount.cli.lines import give


def report_command(build: Build) -> None:
    """Rebuild report.html and report.json from what is in a build folder."""
    from seamount.build.folder import BuildFolder, read_manifest, write_manifest
    from toolchain.report.build import rebuild_report

    folder = BuildFolder(build)
    manifest = read_manifest(folder)
    rebuild_report(build)
    write_manifest(folder, {key: value for key, value in manifest.items() if key != "files"})
    give(build / "report.html")
