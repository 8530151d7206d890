"""`chaosnetra report`: what runs showed, for people and for CI."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from chaosnetra.commands.shared import JOURNALS, UNREADABLE, exit_on

if TYPE_CHECKING:
    from chaosnetra.evidence.journal.reading import Journal

Format = TypeVar("Format")


@click.command()
@JOURNALS
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; may be given several times. Its ending names the format: "
    ".html, .md or .xml (JUnit).",
)
def report(journals: tuple[Path, ...], outputs: tuple[Path, ...]) -> None:
    """Report on runs, from each JOURNAL alone; a folder stands for all journals in it.

    The HTML page is one file that needs no network and no script. Markdown is for a pull request
    or a job's summary. JUnit XML has a suite for each journal and a case for each probe and stage.

    A search (its folder, or its search.json) is reported with its response curve, in HTML or
    Markdown; searches and runs have reports of their own.

    A report is no gate: whatever the verdicts are, the exit code is 0; `verdict` has the others.
    It is 7 when a journal cannot be read, and then nothing is written; 1 when a report cannot be
    written.
    """
    import gc
    from collections import deque
    from collections.abc import Iterator

    from chaosnetra.errors import Unreadable
    from chaosnetra.evidence.advice.recommending import recommend
    from chaosnetra.evidence.journal.reading import read_journals
    from chaosnetra.report.facts import describe
    from chaosnetra.report.formats import report_for
    from chaosnetra.search.record import search_file

    files = [search_file(path) for path in journals]
    if any(file is not None for file in files):
        _searches(files, outputs)
        return
    reports = _formats(outputs, report_for)

    def read() -> Iterator["Journal"]:
        for path in journals:
            for journal in read_journals(path):
                gc.freeze()  # nothing of a journal is garbage, and it may be very large
                facts = describe(journal)
                for made in reports.values():
                    made.add(facts)
                gc.unfreeze()
                yield journal

    with exit_on({Unreadable: UNREADABLE}):
        found = read()
        recommendations = recommend(found)
        deque(found, maxlen=0)  # those that nobody asked for
    for path, made in reports.items():
        _write(path, made.text(recommendations))


def _searches(files: list[Path | None], outputs: tuple[Path, ...]) -> None:
    """Report on searches."""
    from chaosnetra.errors import Unreadable
    from chaosnetra.search.page import search_report
    from chaosnetra.search.record import read_search

    if None in files:
        raise click.BadParameter(
            "searches and runs have reports of their own", param_hint="JOURNAL"
        )
    known = [file for file in files if file is not None]
    writers = _formats(outputs, lambda path: search_report(path, known))
    with exit_on({Unreadable: UNREADABLE}):
        found = list(map(read_search, known))
    for path, written in writers.items():
        _write(path, written(found))


def _formats(outputs: tuple[Path, ...], format_of: Callable[[Path], Format]) -> dict[Path, Format]:
    """What writes each file, by its ending."""
    from chaosnetra.errors import InvalidInput

    try:
        return {path: format_of(path) for path in outputs}
    except InvalidInput as error:
        raise click.BadParameter(str(error), param_hint="-o") from None


def _write(path: Path, text: str) -> None:
    from chaosnetra.whole_file import write_whole

    try:
        write_whole(path, text)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"written: {path}")
