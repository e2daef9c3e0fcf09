"""The command line: one file a command; options in, one call, lines out."""

from __future__ import annotations

import sys

from toolchain.errors import ToolchainError
from toolchain.packaging import check_packages


def main() -> None:
    """Run the command line; an error of the toolchain is one line on stderr and exit code 1."""
    try:
        check_packages()
        from seamount.cli.app import app

        app()
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}; free space or check the path and its rights", file=sys.stderr)
        sys.exit(1)
