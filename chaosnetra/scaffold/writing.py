"""Writes the files of a repository, and replaces none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from chaosnetra.whole_file import written_whole

MOST_LINES_OF_A_DIFFERENCE = 12


@dataclass(frozen=True)
class Wanted:
    """A file that a repository is to have.

    Attributes:
        path: of it.
        text: all of it.
    """

    path: Path
    text: str


def write_new(wanted: Wanted) -> Iterator[str]:
    """Write a file that is not there; of another one, say what differs.

    Raises:
        OSError: it cannot be written or read.
    """
    path = wanted.path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with written_whole(path, new=True) as file:
            file.write(wanted.text)
    except FileExistsError:
        there = path.read_text(encoding="utf-8", errors="replace")
        if there == wanted.text:
            yield f"as it is  {path}"
            return
        yield f"kept      {path}: it is there, and would be another one:"
        yield from _difference(there, wanted.text)
    else:
        yield f"written   {path}"


def add_lines(path: Path, lines: Sequence[str], heading: str) -> Iterator[str]:
    """Add lines that a file does not have to its end; make it where there is none.

    Raises:
        OSError: it cannot be written or read.
    """
    there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    has = {line.strip() for line in there.splitlines()}
    missing = [line for line in lines if line not in has]
    if not missing:
        yield f"as it is  {path}"
        return
    gap = "" if not there else "\n" if there.endswith("\n") else "\n\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(gap + "\n".join([heading, *missing]) + "\n")
    yield f"{'added to' if there else 'written '}  {path}: {', '.join(missing)}"


def _difference(there: str, wanted: str) -> Iterator[str]:
    lines = list(
        unified_diff(
            there.splitlines(), wanted.splitlines(), "as it is", "as it would be", "", "", 0
        )
    )[2:]
    for line in islice(lines, MOST_LINES_OF_A_DIFFERENCE):
        yield f"  {line}"
    if len(lines) > MOST_LINES_OF_A_DIFFERENCE:
        yield f"  … {len(lines) - MOST_LINES_OF_A_DIFFERENCE} lines more"
