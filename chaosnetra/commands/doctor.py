"""`chaosnetra doctor`: whether runs work on this machine."""

import click

from chaosnetra.commands.shared import format_option, say_json

FAILED = 1


@click.command()
@format_option("Lines for people, or one JSON document.")
def doctor(output: str) -> None:
    """Check that runs work on this machine: what each part is, and what to change.

    Starts PostgreSQL and stops it again; changes nothing else.

    Exit codes: 0 runs work, though there may be warnings; 1 something that they need is missing.
    """
    from chaosnetra.doctor import Check, State, examine

    found: list[Check] = []
    for check in examine():
        found.append(check)
        if output == "text":
            click.echo(f"{check.state:<8} {check.name}: {check.says}")
    if output == "json":
        say_json([{"name": one.name, "state": one.state, "says": one.says} for one in found])
    if any(one.state is State.FAILED for one in found):
        raise SystemExit(FAILED)
