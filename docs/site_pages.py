"""Pages of the site that lie elsewhere or are made: the commands with their help, CONTRIBUTING, CHANGELOG.

A hook of mkdocs (`mkdocs.yml`); it writes nothing into the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FROM_ROOT = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in docs/; called by mkdocs."""
    from mkdocs.structure.files import File

    pages = {name: from_root(source) for name, source in FROM_ROOT.items()} | {"commands.md": commands_page()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for file in files.documentation_pages():
        # Pages of the Python reference stand in their own index, not in the navigation.
        if file.src_uri.startswith("reference/") and file.src_uri != "reference/README.md":
            file.inclusion = file.inclusion.__class__.NOT_IN_NAV
    return files


def from_root(name: str) -> str:
    """A page of the root, with its links as seen from docs/; of what is no page of the site, the name alone."""
    own = {source: page for page, source in FROM_ROOT.items()}

    def led(found: re.Match[str]) -> str:
        words, goal = found[1], found[2]
        if goal.startswith("docs/"):
            return f"[{words}]({goal.removeprefix('docs/')})"
        return f"[{words}]({own[goal]})" if goal in own else words

    return LINK.sub(led, (ROOT / name).read_text(encoding="utf-8"))


def commands_page() -> str:
    """Every command with its help, as the command line prints it."""
    lines = [
        "# Commands",
        "",
        "As `seamount COMMAND --help` prints them. What `--json` prints: [JSON output](json.md).",
        "",
    ]
    for name, text in helps():
        lines += [f"## {name}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(lines)


def helps() -> Iterator[tuple[str, str]]:
    """Name and help of every command."""
    import typer.main

    from seamount.cli.app import app

    root = typer.main.get_command(app)
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {None: command})
        for own, one in inner.items():
            words = f"seamount {name}" + (f" {own}" if own else "")
            context = one.context_class(one, info_name=words, terminal_width=100, max_content_width=100)
            yield words, one.get_help(context)
