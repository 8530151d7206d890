"""`chaosnetra stand …`: the parts that stay between runs."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from chaosnetra.commands.shared import exit_on

if TYPE_CHECKING:
    from chaosnetra.stand.persistent import PersistentStand


@click.group()
def stand() -> None:
    """Keep PostgreSQL and Toxiproxy running between experiments."""


@stand.command("up")
@click.option("--cloud-run", is_flag=True, help="Also a local Cloud Run, with a service and a job.")
def stand_up(cloud_run: bool) -> None:
    """Start the parts; runs use them until `down`."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.stand.persistent import keep_stand_up

    with exit_on({ChaosnetraError: 1}):
        kept = keep_stand_up(cloud_run=cloud_run)
        if cloud_run:
            from chaosnetra.rehearsal.deployed import deploy_orchestrator

            deploy_orchestrator(kept)
    click.echo(_described(kept))


@stand.command("status")
def stand_status() -> None:
    """Say what is up; exit code 1 when nothing is."""
    from chaosnetra.stand.persistent import find_persistent_stand

    kept = find_persistent_stand()
    if kept is None:
        raise click.ClickException("no stand is up; `chaosnetra stand up` starts one")
    click.echo(_described(kept))


@stand.command("down")
def stand_down() -> None:
    """Stop the parts and remove their data. Doing it again is no error."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.rehearsal.allowing import allow_list_path
    from chaosnetra.stand.persistent import take_stand_down

    with exit_on({ChaosnetraError: 1, OSError: 1}):
        stopped = take_stand_down()
        with suppress(NotADirectoryError):  # there cannot be one
            allow_list_path().unlink(missing_ok=True)
    click.echo("the stand is down" if stopped else "no stand was up")


def _described(kept: "PersistentStand") -> str:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.rehearsal.allowing import allow_list_path

    database = DatabaseAddress.parse(kept.database_url)
    names = kept.cloud_run
    cloud_run = (
        f"Cloud Run, local: {names['endpoint']}, project {names['project']}, region "
        f"{names['region']}, service {names['service']}, job {names['job']}; "
        f"control {names['url']}\n"
        f"allow-list to rehearse staging with: {allow_list_path()}\n"
        if names
        else ""
    )
    return (
        f"PostgreSQL {kept.postgres_version}: {database.shown}\n"
        f"Toxiproxy {kept.toxiproxy_version}: {kept.toxiproxy_url}\n"
        f"{cloud_run}"
        f"held by process {kept.pid}"
    )
