"""Writes the reports of a day into its folder."""

from collections.abc import Iterator
from pathlib import Path

from chaosnetra.gameday.report.happened import read_day
from chaosnetra.gameday.report.html import html_report
from chaosnetra.gameday.report.markdown import markdown_report
from chaosnetra.whole_file import write_whole


def write_reports(folder: Path) -> Iterator[Path]:
    """Write `report.md` and `report.html`, in place of older ones, each whole or not at all.

    Yields:
        Each path, once it is written.

    Raises:
        Unreadable: the folder holds no day.
        OSError: a report cannot be written.
    """
    day = read_day(folder)
    for name, text in (("report.md", markdown_report(day)), ("report.html", html_report(day))):
        write_whole(folder / name, text)
        yield folder / name
