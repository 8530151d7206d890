"""`chaosnetra try`: a service tried with one command."""

from typing import Any

import click

from chaosnetra.commands.service_options import service_options, wanted_of
from chaosnetra.commands.shared import exit_on

NOT_TRIED = 2
INTERRUPTED = 6


@click.command(
    name="try", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False}
)
@click.argument("words", metavar="-- COMMAND…", nargs=-1, type=click.Path(), required=True)
@service_options
@click.option(
    "--search", "searches", is_flag=True, help="Also find the latency at which it breaks."
)
@click.option(
    "--output-folder",
    type=click.Path(),
    help="For experiment, journal and report; by default a new folder chaosnetra-try here.",
)
def try_(words: tuple[str, ...], searches: bool, output_folder: str | None, **service: Any) -> None:
    """Try a service: clean, on a slow path, and without its database.

    COMMAND is a command line, in which {port} is the port that it is to open, or module:app.
    It is started on this machine, against an empty PostgreSQL of its own. How it shows that it is
    ready, and how it takes its database, is found by starting it; the wire proves that it uses the
    database. Then an experiment runs it, and lies in the folder with journal and report.

    Exit codes: 0 it was tried, whatever it did; 2 it could not be tried, and the message names the
    option that helps, or the run proves nothing; 6 interrupted, with everything undone.
    """
    from pathlib import Path

    from chaosnetra.errors import ChaosnetraError, Interrupted
    from chaosnetra.processes.signals import ended_as_by_ctrl_c

    with exit_on({Interrupted: INTERRUPTED, ChaosnetraError: NOT_TRIED, OSError: NOT_TRIED}):
        wanted = wanted_of(words, service, Path(output_folder) if output_folder else None)
        try:
            with ended_as_by_ctrl_c():
                _try(wanted, searches=searches)
        except KeyboardInterrupt:
            click.echo("Error: interrupted; everything is undone", err=True)
            raise SystemExit(INTERRUPTED) from None


def _try(wanted: Any, *, searches: bool) -> None:
    from chaosnetra.evidence.journal.reading import read_journal
    from chaosnetra.runner.outcome import Kind
    from chaosnetra.trying.conduct import REPORT, find, run, write
    from chaosnetra.trying.results import advice_of, stages_of
    from chaosnetra.trying.telling import guesses, paths, screen

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = find(wanted, say)
    experiment, latency = write(wanted, found)
    outcome, no_report = run(wanted, found, experiment, say)
    for line in guesses(wanted, found):
        click.echo(line)
    if outcome.journal is not None:
        journal = read_journal(outcome.journal)
        stages = stages_of(journal.data)
        click.echo()
        for line in screen(found, stages, advice_of(journal, stages, found.limit_seconds)):
            click.echo(line)
    proves = outcome.kind in (Kind.HELD, Kind.VIOLATED)
    click.echo()
    page = no_page = None
    if searches and proves:
        from chaosnetra.trying.searching import broken_by

        sentence, page, no_page = broken_by(wanted, latency, say)
        click.echo(sentence)
    report = experiment.parent / REPORT if outcome.journal is not None and not no_report else None
    for line in paths(wanted, experiment, report, page):
        click.echo(line)
    for line in filter(None, (no_report, no_page)):
        say(line)
    if not proves:
        click.echo(f"Error: {outcome.line}", err=True)
        raise SystemExit(NOT_TRIED)
