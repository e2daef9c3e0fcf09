"""Work for the tests of engines: at the top of a module, where a worker finds it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, cast

from toolchain.engine import JSON
from toolchain.engine.keep import file_hash
from toolchain.errors import QuantizationError

Result = dict[str, JSON]
Arguments = dict[str, Any]
"""What a unit was given: each piece of work here knows what its own are."""


def square(arguments: Arguments) -> Result:
    """The square of ``x``, who made it, and that it was made (a line in the file ``log``)."""
    if "log" in arguments:
        with Path(arguments["log"]).open("a", encoding="utf-8") as log:
            log.write(f"{arguments['x']}\n")
    return {"square": arguments["x"] ** 2, "tuple": cast(JSON, (1, 2))}


def process(arguments: Arguments) -> Result:
    """In which process it ran."""
    return {"process": os.getpid()}


def wrong(arguments: Arguments) -> Result:
    """Raises what ``raises`` says, after ``seconds``."""
    time.sleep(arguments.get("seconds", 0))
    kinds: dict[str, Exception] = {
        "ours": QuantizationError("soma.theta", "300 needs 10 bits", "allow 10"),
        "other": KeyError("x"),
    }
    if arguments["raises"]:
        raise kinds[arguments["raises"]]
    return square(arguments)


def killed(arguments: Arguments) -> Result:
    """Is killed in the middle, as often as the file ``lives`` has lines left."""
    square({"x": arguments["x"], "log": arguments["log"]})
    lives = Path(arguments["lives"]) if "lives" in arguments else None
    if lives and (left := lives.read_text(encoding="utf-8").splitlines()):
        lives.write_text("\n".join(left[1:]), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": arguments["x"] ** 2}


def waiting(arguments: Arguments) -> Result:
    """Says in the file ``log`` which process it is, and stays for ``seconds``."""
    with Path(arguments["log"]).open("a", encoding="utf-8") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(arguments["seconds"])
    return {"process": os.getpid()}


def array_to_file(arguments: Arguments) -> Result:
    """Writes to ``path`` and lists it."""
    path = Path(arguments["path"])
    path.write_text(str(arguments["x"]), encoding="utf-8")
    return {"files": {str(path): file_hash(path)}}


def not_json(arguments: Arguments) -> Result:
    """Returns what JSON cannot say."""
    return {"value": float("nan") if arguments["x"] else cast(JSON, {1, 2})}
