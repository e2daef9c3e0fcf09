"""Names of nodes that later stages, text and files can hold: letters, digits, "_", "-", dots between nested names."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from toolchain.frontend.draft import Draft

_ODD = re.compile(r"[^A-Za-z0-9_.\-]+")


def plain_name(name: str) -> str:
    """The name without accents and with "_" for every run of other signs: "sch\u00e4tzer 1" becomes "schatzer_1"."""
    ascii_letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # A script of its own leaves nothing; its signs stay apart as code points.
    kept = ascii_letters if ascii_letters.strip() else "_".join(f"u{ord(letter):04x}" for letter in name)
    return _ODD.sub("_", kept)


def rename_nodes(draft: Draft) -> None:
    """Give every node of an odd name a plain one of its own, with a finding."""
    odd = [name for name in draft.nodes if _ODD.search(name)]
    if not odd:
        return
    taken = {name for name in draft.nodes if name not in odd}
    renamed: dict[str, str] = {}
    for name in odd:
        renamed[name] = _free(plain_name(name), taken)
        taken.add(renamed[name])
        draft.repair(name, "its name has signs that programs cannot hold", f"called {renamed[name]}")
    draft.edges = [(renamed.get(a, a), renamed.get(b, b)) for a, b in draft.edges]
    draft.nodes = {
        renamed.get(name, name): replace(node, name=renamed.get(name, name)) for name, node in draft.nodes.items()
    }


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
