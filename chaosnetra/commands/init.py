"""`chaosnetra init`: experiments, settings and a pipeline's step for a repository."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosnetra.commands.service_options import service_options, wanted_of
from chaosnetra.commands.shared import exit_on

if TYPE_CHECKING:
    from chaosnetra.scaffold.repository_files import Place
    from chaosnetra.scaffold.service import Service
    from chaosnetra.trying.conduct import Wanted
    from chaosnetra.trying.experiment import Tried

NOT_WRITTEN = 2
INTERRUPTED = 6
LAST = "the last one"


@click.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False})
@click.argument("words", metavar="[-- COMMAND…]", nargs=-1, type=click.Path())
@click.option(
    "--from-try",
    "tried",
    is_flag=False,
    flag_value=LAST,
    metavar="[FOLDER]",
    help="Take what `chaosnetra try` found, by default the last one here.",
)
@click.option(
    "--experiments",
    default="experiments",
    show_default=True,
    metavar="FOLDER",
    help="For the experiments, within the service's folder.",
)
@click.option("--gitlab", is_flag=True, help="A job for GitLab instead of a workflow for GitHub.")
@click.option("--no-ci", is_flag=True, help="No pipeline's step.")
@service_options
def init(
    words: tuple[str, ...],
    tried: str | None,
    experiments: str,
    gitlab: bool,
    no_ci: bool,
    **service: Any,
) -> None:
    """Set up a repository to keep trying its service.

    Run it in the service's folder. It writes experiments, chaosnetra.toml, a pipeline's step and
    lines of .gitignore, and replaces no file: of one that is there it says what differs.

    With COMMAND the service is started as by `chaosnetra try`, to see how; with --from-try it was.
    Without either it asks, at a terminal.

    Exit codes: 0 done, whatever was there already; 2 the service cannot be started as it was
    guessed, and the message names the option that helps, or a file cannot be written; 6
    interrupted, with everything undone.
    """
    from chaosnetra.errors import ChaosnetraError, Interrupted
    from chaosnetra.processes.signals import ended_as_by_ctrl_c
    from chaosnetra.scaffold.repository_files import Place, check_experiments

    if words and tried is not None:
        raise click.UsageError("give --from-try or a command, not both")
    with exit_on({Interrupted: INTERRUPTED, ChaosnetraError: NOT_WRITTEN, OSError: NOT_WRITTEN}):
        folder = Path(service["directory"] or ".")
        place = Place(folder, check_experiments(folder, experiments))
        try:
            with ended_as_by_ctrl_c():
                found = _service(words, tried, folder, service)
        except KeyboardInterrupt:
            click.echo("Error: interrupted; everything is undone", err=True)
            raise SystemExit(INTERRUPTED) from None
        for line in _written(found, place, gitlab=gitlab, ci=not no_ci):
            click.echo(line)


def _service(
    words: tuple[str, ...], tried: str | None, folder: Path, given: dict[str, Any]
) -> "Service":
    import sys

    from chaosnetra.errors import InvalidInput
    from chaosnetra.scaffold.service import last_try, read_tried, service_of

    if tried is not None:
        found = last_try(Path()) if tried == LAST else Path(tried)
        click.echo(f"from {found}", err=True)
        return service_of(read_tried(found), folder)
    if not words:
        if not sys.stdin.isatty():
            raise InvalidInput(
                "nothing says what to start: name the service's command after --, as in "
                "`chaosnetra init -- node server.js`, or give --from-try"
            )
        words, given = answers(given)
    wanted = wanted_of(words, given)
    return service_of(_scouted(wanted), folder, wanted.exported)


def answers(given: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The command and the options, as somebody at a terminal answers; empty: it is looked for."""
    command = click.prompt("Command that starts the service, or module:app")

    def ask(name: str, text: str) -> Any:
        if given[name]:
            return given[name]
        return click.prompt(f"{text} [found by starting it]", default="", show_default=False)

    ready = ask("ready", "How it is ready: a URL with {port}, tcp://…, log:REGEX, exit")
    variables = ask("variables", "Variables that it takes its database from, as NAME or NAME=FORM")
    preparing = ask("prepare_command", "Command that makes its tables")
    return (command,), {
        **given,
        "ready": ready or None,
        "variables": variables.split() if isinstance(variables, str) else variables,
        "prepare_command": preparing or None,
    }


def _scouted(wanted: "Wanted") -> "Tried":
    """What a first start shows."""
    from chaosnetra.trying.conduct import find
    from chaosnetra.trying.telling import guesses

    found = find(wanted, lambda line: click.echo(line, err=True))
    for line in guesses(wanted, found):
        click.echo(line)
    click.echo()
    return found.tried


def _written(service: "Service", place: "Place", *, gitlab: bool, ci: bool) -> Iterator[str]:
    from chaosnetra.scaffold.repository_files import IGNORED, next_steps, wanted_files
    from chaosnetra.scaffold.writing import add_lines, write_new

    for wanted in wanted_files(service, place, github=ci and not gitlab, gitlab=ci and gitlab):
        yield from write_new(wanted)
    yield from add_lines(place.folder / ".gitignore", IGNORED, "# What chaosnetra leaves")
    yield ""
    yield from (f"left out  {line}" for line in service.left_out)
    yield from next_steps(place)
