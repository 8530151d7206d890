"""Writes the reports of a day into its folder."""

from collections.abc import Iterator
from pathlib import Path

from chaosnetra.gameday.report.happened import read_day
from chaosnetra.gameday.report.html import html_report
from chaosnetra.gameday.report.markdown import markdown_report


def write_reports(folder: Path) -> Iterator[Path]:
    """Write `report.md` and `report.html`, in place of older ones, each whole or not at all.

    Yields:
        Each path, once it is written.

    Raises:
        Unreadable: the folder holds no day.
        OSError: a report cannot be written.
    """
    day = read_day(folder)
    yield _written(folder / "report.md", markdown_report(day))
    yield _written(folder / "report.html", html_report(day))


def _written(path: Path, text: str) -> Path:
    unfinished = path.with_suffix(f"{path.suffix}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return path
