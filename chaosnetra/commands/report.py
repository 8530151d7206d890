"""`chaosnetra report`: what runs showed, for people and for CI."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from chaosnetra.commands.shared import UNREADABLE, exit_on

if TYPE_CHECKING:
    from pathlib import Path

    from chaosnetra.evidence.advice.recommendation import Recommendation
    from chaosnetra.evidence.journal.reading import Journal


@click.command()
@click.argument("journals", metavar="JOURNAL…", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    required=True,
    type=click.Path(dir_okay=False),
    help="Where to write it; may be given several times. Its ending names the format: "
    ".html, .md or .xml (JUnit).",
)
def report(journals: tuple[str, ...], outputs: tuple[str, ...]) -> None:
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
    from pathlib import Path

    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.evidence.journal.reading import read_journals
    from chaosnetra.report.facts import describe
    from chaosnetra.report.formats import report_for
    from chaosnetra.search.record import search_file
    from chaosnetra.whole_file import write_whole

    files = [search_file(Path(name)) for name in journals]
    if any(file is not None for file in files):
        _searches(files, outputs)
        return
    try:
        reports = {path: report_for(path) for path in map(Path, outputs)}
    except InvalidInput as error:
        raise click.BadParameter(str(error), param_hint="-o") from None

    def read() -> Iterator["Journal"]:
        for name in journals:
            for journal in read_journals(Path(name)):
                gc.freeze()  # nothing of a journal is garbage, and it may be very large
                facts = describe(journal)
                for made in reports.values():
                    made.add(facts)
                gc.unfreeze()
                yield journal

    with exit_on({Unreadable: UNREADABLE}):
        found = read()
        recommendations = recommendations_for(found)
        deque(found, maxlen=0)  # those that nobody asked for
    for path, made in reports.items():
        try:
            write_whole(path, made.text(recommendations))
        except OSError as error:
            raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
        click.echo(f"written: {path}")


def recommendations_for(journals: Iterable["Journal"]) -> tuple["Recommendation", ...]:
    """What to change, from these journals together; each can be read once only."""
    from chaosnetra.evidence.advice.recommending import recommend

    return recommend(journals)


def _searches(files: "list[Path | None]", outputs: tuple[str, ...]) -> None:
    """Report on searches."""
    from pathlib import Path

    from chaosnetra.errors import InvalidInput, Unreadable
    from chaosnetra.search.page import search_report
    from chaosnetra.search.record import read_search
    from chaosnetra.whole_file import write_whole

    if None in files:
        raise click.BadParameter(
            "searches and runs have reports of their own", param_hint="JOURNAL"
        )
    try:
        writers = {path: search_report(path) for path in map(Path, outputs)}
    except InvalidInput as error:
        raise click.BadParameter(str(error), param_hint="-o") from None
    with exit_on({Unreadable: UNREADABLE}):
        found = [read_search(file) for file in files if file is not None]
    for path, written in writers.items():
        try:
            write_whole(path, written(found))
        except OSError as error:
            raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
        click.echo(f"written: {path}")
