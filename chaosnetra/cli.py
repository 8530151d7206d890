"""The command line: `chaosnetra …`, and the same as `chaos netra …`.

Every `chaos` command imports this module, so each command here imports what it needs itself.
"""

import click


@click.group()
def netra() -> None:
    """Chaos experiments on service startups."""


@netra.group()
def stand() -> None:
    """Keep PostgreSQL and Toxiproxy running between experiments."""


@stand.command("up")
def stand_up() -> None:
    """Start the parts; runs use them until `down`."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.stand.kept import keep_stand_up

    try:
        kept = keep_stand_up()
    except ChaosnetraError as error:
        raise click.ClickException(str(error)) from error
    click.echo(_described(kept))


@stand.command("status")
def stand_status() -> None:
    """Say what is up; exit code 1 when nothing is."""
    from chaosnetra.stand.kept import find_kept_stand

    kept = find_kept_stand()
    if kept is None:
        raise click.ClickException("no stand is up; `chaosnetra stand up` starts one")
    click.echo(_described(kept))


@stand.command("down")
def stand_down() -> None:
    """Stop the parts and remove their data. Doing it again is no error."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.stand.kept import take_stand_down

    try:
        stopped = take_stand_down()
    except ChaosnetraError as error:
        raise click.ClickException(str(error)) from error
    click.echo("the stand is down" if stopped else "no stand was up")


@netra.command()
@click.option("--list", "only_list", is_flag=True, help="Say what is left and change nothing.")
def recover(only_list: bool) -> None:
    """Take back what runs left behind that were killed.

    Runs that are in progress are left alone. Exit code 1 while anything remains.
    """
    from chaosnetra.errors import FaultError
    from chaosnetra.safety.ledger import read_ledger
    from chaosnetra.safety.recovery import leftovers, recover_all
    from chaosnetra.text import one_line

    if not only_list:
        results = list(recover_all())
        for result in results:
            click.echo(result.line)
        if not results:
            click.echo("nothing is left")
        if any(result.report is None for result in results):
            raise SystemExit(1)
        return
    lines = []
    for path in leftovers():
        try:
            contents = read_ledger(path)
        except FaultError as error:
            lines.append(str(error))
            continue
        lines += [
            one_line(f"run {contents.run}: to do: {undo.description}")
            for undo in reversed(contents.open_entries.values())
        ]
    click.echo("\n".join(lines) or "nothing is left")
    if lines:
        raise SystemExit(1)


def _described(kept: object) -> str:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.stand.kept import KeptStand

    assert isinstance(kept, KeptStand)  # noqa: S101
    database = DatabaseAddress.parse(kept.database_url)
    return (
        f"PostgreSQL {kept.postgres_version}: {database.shown}\n"
        f"Toxiproxy {kept.toxiproxy_version}: {kept.toxiproxy_url}\n"
        f"held by process {kept.pid}"
    )


def main() -> None:
    """Entry point of the `chaosnetra` command."""
    netra(prog_name="chaosnetra")
