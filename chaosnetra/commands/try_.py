"""`chaosnetra try`: a service tried with one command."""

from typing import Any

import click

from chaosnetra.commands.shared import exit_on, finite, pairs

NOT_TRIED = 2
INTERRUPTED = 6


@click.command(
    name="try", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False}
)
@click.argument("words", metavar="-- COMMAND…", nargs=-1, required=True)
@click.option(
    "--ready",
    metavar="HOW",
    help="How it shows that it is ready: an http:// URL with {port}, tcp://host:port, log:REGEX "
    "or exit. By default the page, port or line that the first start shows.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="The port that it opens by itself.")
@click.option(
    "--database-variable",
    "variables",
    multiple=True,
    metavar="NAME[=FORM]",
    help="A variable that it takes its database from; FORM is url, jdbc, dsn, host, port, user, "
    "password, database, a scheme such as postgresql+asyncpg, or a template with {host} and the "
    "like. Can be given several times. By default those that its folder and program name.",
)
@click.option(
    "--environment",
    "environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another variable for it; can be given several times. VALUE may have "
    "placeholders, such as {service_port}: it is then written into the experiment. One without is "
    "in no file.",
)
@click.option(
    "--first",
    "prepare_command",
    metavar="COMMAND",
    help="What makes its tables, before its first start; empty: nothing. By default the migrations "
    "of Django and Alembic, where its folder has them.",
)
@click.option(
    "--config-template",
    type=click.Path(exists=True, dir_okay=False),
    help="A file to render for each start: it has {url}, {host}, {service_port} and the like, and "
    "COMMAND has its path as {config_file}.",
)
@click.option(
    "--postgres",
    "postgres_programs",
    metavar="WHICH",
    help="PostgreSQL of its own database: wheel, installed, or a folder with initdb and postgres.",
)
@click.option("--directory", type=click.Path(exists=True, file_okay=False), help="Its folder.")
@click.option("--python", metavar="PROGRAM", help="Interpreter of a module:app.")
@click.option("--database-url", metavar="URL", help="Its database; by default an empty one.")
@click.option(
    "--latency-ms",
    type=click.IntRange(1, 60_000),
    help="On each round trip; by default as its round trips suggest.",
)
@click.option(
    "--count", type=click.IntRange(1, 100), default=1, show_default=True, help="Starts at once."
)
@click.option(
    "--limit-seconds",
    type=click.FloatRange(1, 3600),
    callback=finite,
    help="How long a start may take. By default 35 s, above the common limit of 30 s, and more "
    "where a clean start takes more than 12 s.",
)
@click.option(
    "--search", "searches", is_flag=True, help="Also find the latency at which it breaks."
)
@click.option(
    "--output-folder",
    type=click.Path(),
    help="For experiment, journal and report; by default a new folder chaosnetra-try here.",
)
def try_(
    words: tuple[str, ...],
    ready: str | None,
    port: int | None,
    variables: tuple[str, ...],
    environment: tuple[str, ...],
    prepare_command: str | None,
    config_template: str | None,
    postgres_programs: str | None,
    directory: str | None,
    python: str | None,
    database_url: str | None,
    latency_ms: int | None,
    count: int,
    limit_seconds: float | None,
    searches: bool,
    output_folder: str | None,
) -> None:
    """Try a service: clean, on a slow path, and without its database.

    COMMAND is a command line, in which {port} is the port that it is to open, or module:app.
    It is started on this machine, against an empty PostgreSQL of its own. How it shows that it is
    ready, and how it takes its database, is found by starting it; the wire proves that it uses the
    database. Then an experiment runs it, and lies in the folder with journal and report.

    Exit codes: 0 it was tried, whatever it did; 2 it could not be tried, and the message names the
    option that helps, or the run proves nothing; 6 interrupted, with everything undone.
    """
    import os
    import shlex
    from pathlib import Path

    from chaosnetra.errors import ChaosnetraError, Interrupted
    from chaosnetra.processes.signals import ended_as_by_ctrl_c
    from chaosnetra.settings.parsers import PLACEHOLDERS
    from chaosnetra.templates import has_placeholder
    from chaosnetra.trying.conduct import Wanted
    from chaosnetra.trying.variables import parse_option

    one = words[0] if len(words) == 1 else None
    with exit_on({Interrupted: INTERRUPTED, ChaosnetraError: NOT_TRIED, OSError: NOT_TRIED}):
        given = pairs("--environment", environment, "NAME=VALUE")
        exported = {
            name: text for name, text in given.items() if not has_placeholder(text, PLACEHOLDERS)
        }
        os.environ.update(exported)  # as if they had been exported: they may be secret
        wanted = Wanted(
            words=shlex.split(one) if one is not None and " " in one else words,
            target=one if one is not None else shlex.join(words),
            directory=Path(directory) if directory else None,
            python=python,
            ready=ready,
            port=port,
            variables=dict(parse_option("--database-variable", text) for text in variables),
            environment={name: text for name, text in given.items() if name not in exported},
            exported=[*exported],
            config_template=Path(config_template) if config_template else None,
            postgres_programs=postgres_programs,
            prepare_command=prepare_command,
            database_url=database_url,
            latency_ms=latency_ms,
            count=count,
            limit_seconds=limit_seconds,
            folder=Path(output_folder) if output_folder else None,
        )
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
    if searches and proves:
        from chaosnetra.trying.searching import broken_by

        click.echo(broken_by(wanted, latency, say))
    report = experiment.parent / REPORT if outcome.journal is not None and not no_report else None
    for line in paths(wanted, experiment, report):
        click.echo(line)
    if no_report:
        say(no_report)
    if not proves:
        click.echo(f"Error: {outcome.line}", err=True)
        raise SystemExit(NOT_TRIED)
