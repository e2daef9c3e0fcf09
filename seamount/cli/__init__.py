"""The command line: one file a command; options in, one call, lines out."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from types import FrameType

from toolchain.errors import ToolchainError, printable
from toolchain.packaging import check_packages
from toolchain.version import __version__

INTERRUPTED = 130
"""Exit code of a run that was stopped from the keyboard, as shells have it."""


def main() -> None:
    """Run the command line; whatever goes wrong is one line on stderr and an exit code above 0."""
    signal.signal(signal.SIGTERM, _stopped)
    try:
        check_packages()
        from seamount.cli.app import app
        from seamount.cli.progress import shown

        with shown():
            app()
    except ToolchainError as error:
        _end(str(error))
    except BrokenPipeError:
        # Whoever read the output has gone (`seamount zoo | head`); what is still to be flushed goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(f"{where}{error.strerror or error}; free space or check the path and its rights")
    except KeyboardInterrupt:
        _end("stopped", INTERRUPTED)
    except Exception as error:
        _end(unexpected(error))


def _end(line: str, code: int = 1) -> None:
    print(printable(f"error: {line}"), file=sys.stderr)
    sys.exit(code)


def _stopped(number: int, frame: FrameType | None) -> None:
    """On SIGTERM (`kill`, `timeout`): end as after an error, so that nothing half-written stays."""
    sys.exit(128 + number)


def unexpected(error: Exception) -> str:
    """One line about an exception that is not ours, after its traceback was written to a file.

    It is our own mistake, not the user's: a message for the user would name what to change.
    """
    kind, place = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:200]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="seamount-error-", suffix=".log", delete=False
    ) as log:
        log.write(f"seamount {__version__}, Python {sys.version}\n{datetime.now(UTC).isoformat()}\n{sys.argv}\n\n")
        log.writelines(traceback.format_exception(error))
    return f"unexpected {kind} in {where}: {said}; this is a fault of Seamount: please report it with {log.name}"
