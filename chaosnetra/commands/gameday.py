"""`chaosnetra gameday …`: a planned exercise with people, run from one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaosnetra.commands.shared import PATH, UNREADABLE, exit_on, format_option, say_json

if TYPE_CHECKING:
    from chaosnetra.gameday.people.interface import Style

REFUSED = 3
RECORD_LOST = 5
FILE = click.argument("file", type=PATH)
DAY = click.argument("day", metavar="FILE|FOLDER", type=PATH)


@click.group()
def gameday() -> None:
    """Plan, lead, stop and report game days."""


@gameday.command("run")
@FILE
@click.option("--yes", is_flag=True, help="Nobody is there: go everywhere, predict nothing.")
@click.option("--answers", type=PATH, help="Take answers from a file, KEY = ANSWER lines.")
@click.option("--resume", is_flag=True, help="Go on with the last day of FILE.")
@click.option("--new", is_flag=True, help="Begin another day although the last has not ended.")
@click.option("--rehearse", is_flag=True, help="Run it on the local stand, whatever FILE says.")
@click.option(
    "--folder",
    type=PATH,
    default="gamedays",
    show_default=True,
    help="Where days are kept, a folder each.",
)
def gameday_run(
    file: Path,
    yes: bool,
    answers: Path | None,
    resume: bool,
    new: bool,
    rehearse: bool,
    folder: Path,
) -> None:
    """Lead the game day that FILE plans.

    Everything is checked first; then each step is announced, decided, predicted, run and judged.
    Ctrl-C, a closed terminal and a signal leave the day with nothing injected; --resume goes on.

    Exit codes: 0 every step held; 1 one was violated; 2 one proves nothing, was left out or
    skipped; 3 something is not as the day needs it, nothing was run; 4 aborted; 5 the record
    cannot be written; 6 left before its end; 7 FILE cannot be read.
    """
    from chaosnetra.errors import ChaosnetraError, InvalidInput, Unreadable
    from chaosnetra.gameday.conduct.leading import Options, lead_day
    from chaosnetra.gameday.record.record import RecordLost

    codes = {RecordLost: RECORD_LOST, InvalidInput: UNREADABLE, Unreadable: UNREADABLE}
    with exit_on({**codes, ChaosnetraError: REFUSED}):
        options = Options(file, folder, yes, answers, resume, new, rehearse)
        options.check_answers()
        code = lead_day(options, _say)
    raise SystemExit(int(code))


@gameday.command("check")
@FILE
@click.option("--rehearse", is_flag=True, help="Check it for the local stand.")
def gameday_check(file: Path, rehearse: bool) -> None:
    """Check everything that the game day of FILE needs, and run nothing.

    Abort criteria are checked too. Exit codes: 0 all is fine; 3 something is not; 7 FILE cannot
    be read.
    """
    from chaosnetra.errors import ChaosnetraError, Unreadable
    from chaosnetra.gameday.plan.preflight import check_day

    with exit_on({Unreadable: UNREADABLE, ChaosnetraError: REFUSED}):
        results = list(check_day(file, rehearsal=rehearse))
    for checked in results:
        click.echo(f"{'ok ' if checked.fine else 'NO '} {checked.line}")
    if not all(checked.fine for checked in results):
        raise SystemExit(REFUSED)


@gameday.command("schema")
def gameday_schema() -> None:
    """Print the JSON schema of a game day's file, for editors."""
    from chaosnetra.gameday.plan.day import day_schema

    click.echo(day_schema())


@gameday.command("stop")
@DAY
def gameday_stop(day: Path) -> None:
    """End the game day of FILE, or in FOLDER, from another terminal or login.

    Its run undoes everything and ends; so does its conductor, which is killed when it hangs. What
    a killed run left is undone. Exit code 1 when something may be left.
    """
    import getpass

    from chaosnetra.errors import ChaosnetraError, Unreadable
    from chaosnetra.gameday.conduct.stop import stop_day
    from chaosnetra.gameday.record.folders import find_folder

    left = False
    with exit_on({Unreadable: UNREADABLE, ChaosnetraError: REFUSED}):
        for line in stop_day(find_folder(day), f"{getpass.getuser()}, at another terminal"):
            left = left or "may be left" in line
            click.echo(line)
    if left:
        raise SystemExit(1)


@gameday.command("report")
@DAY
def gameday_report(day: Path) -> None:
    """Write the report of a game day anew, from its record alone: report.html and report.md."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.gameday.record.folders import find_folder
    from chaosnetra.gameday.report.writing import write_reports

    with exit_on({ChaosnetraError: UNREADABLE}):
        try:
            for path in write_reports(find_folder(day)):
                click.echo(f"report: {path}")
        except OSError as error:
            click.echo(f"Error: the report cannot be written: {error}", err=True)
            raise SystemExit(REFUSED) from None


@gameday.command("compare")
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@format_option("Text that is Markdown too, or one JSON document.")
def gameday_compare(before: Path, after: Path, output: str) -> None:
    """Put two game days side by side: what got better since BEFORE, and what worse.

    Each is the folder of a day, or a plan's file for its last day. Exit codes: 0 nothing got
    worse; 1 something did; 2 not all of it can be compared; 7 a day that cannot be read.
    """
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.gameday.record.folders import find_folder
    from chaosnetra.gameday.report.comparing import compare_days, days_text

    with exit_on({ChaosnetraError: UNREADABLE}):
        compared = compare_days(find_folder(before), find_folder(after))
    if output == "json":
        say_json(compared.to_json())
    else:
        click.echo(days_text(compared))
    if compared.steps.regressed:
        raise SystemExit(1)
    if not compared.steps.complete:
        raise SystemExit(2)


def _say(text: str, style: "Style") -> None:
    """A line of the day itself; with colour where that is wanted and possible."""
    import os
    import sys

    from chaosnetra.gameday.people.view import LiveView, plain_say

    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        LiveView().say(text, style)
    else:
        plain_say(text, style)
