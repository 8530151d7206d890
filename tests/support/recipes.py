"""The recipes of `docs/recipes.md`: each a service in files, and what a try of it shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "recipes.md"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```([a-z]+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^(clean again|clean|database refused|database silent|\d+ ms more) +(.+)$")
# Of a row: the stage's name, whether it was ready, and the round trips.
Rows = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Recipe:
    """One service.

    Attributes:
        name: the heading.
        files: text by path.
        install: a command that gets its packages; empty: it needs none.
        command: of the try.
        rows: what its table shows.
    """

    name: str
    files: Mapping[str, str]
    install: str
    command: str
    rows: Rows

    def shows(self, rows: Rows) -> bool:
        """Whether a try's table is the page's: what is ready, and the round trips.

        Those of a service that does several things at once are no two times the same.
        """
        own = {trips for stage, (ready, trips) in self.rows.items() if ready == "yes"}
        compared = slice(None) if len(own) == 1 else slice(1)
        return {stage: row[compared] for stage, row in rows.items()} == {
            stage: row[compared] for stage, row in self.rows.items()
        }

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if text.startswith("#!") else 0o644)


def recipes() -> dict[str, Recipe]:
    """All recipes by name."""
    _, *parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))
    found = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = [(kind, label, body) for kind, label, body in _BLOCK.findall(text)]
        commands = {label: body.strip() for kind, label, body in blocks if kind == "sh"}
        [output] = [body for kind, label, body in blocks if kind == "text"]
        files = {label: body for _, label, body in blocks if "." in label}
        found[name] = Recipe(
            name, files, commands.get("install", ""), commands["try"], rows_of(output)
        )
    return found


def rows_of(screen: str) -> Rows:
    """The rows of the table that a try ends with."""
    rows: Rows = {}
    for line in screen.splitlines():
        match = _ROW.match(line)
        if match is not None:
            ready, *_, round_trips = match[2].split()
            stage = "slow" if match[1].endswith("more") else match[1]
            rows[stage] = ready, round_trips
    return rows
