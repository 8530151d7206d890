"""`chaosnetra stand …`: the parts that stay between runs."""

import shlex
from collections.abc import Mapping
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
@click.option(
    "--cloud-run",
    is_flag=True,
    help="Also a local Cloud Run, with the target of the settings as a service and as a job.",
)
@click.option(
    "--unix-socket",
    is_flag=True,
    help="PostgreSQL behind a Unix socket alone, as Cloud Run has Cloud SQL in /cloudsql.",
)
def stand_up(cloud_run: bool, unix_socket: bool) -> None:
    """Start the parts; runs use them until `down`."""
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.stand.persistent import keep_stand_up

    with exit_on({ChaosnetraError: 1}):
        kept = keep_stand_up(cloud_run=cloud_run, unix_socket=unix_socket)
        if cloud_run:
            from chaosnetra.rehearsal.deployed import deploy_on_stand

            deploy_on_stand(kept)
    click.echo(_described(kept))


@stand.command("status")
@click.option("--database-url", is_flag=True, help="Only the database's URL, with its password.")
@click.option(
    "--variables",
    is_flag=True,
    help='Only the variables of a rehearsal, for a shell: eval "$(chaosnetra stand status '
    '--variables)".',
)
def stand_status(database_url: bool, variables: bool) -> None:
    """Say what is up; exit code 1 when nothing is."""
    from chaosnetra.stand.persistent import TAKE_DOWN, find_persistent_stand

    kept = find_persistent_stand()
    if kept is None:
        raise click.ClickException("no stand is up; `chaosnetra stand up` starts one")
    if variables and not kept.cloud_run:
        raise click.ClickException(f"the stand is up without a Cloud Run endpoint; {TAKE_DOWN}")
    if database_url:
        click.echo(kept.database_url)
    if variables and kept.cloud_run:
        click.echo(_variables(kept.cloud_run))
    if not (database_url or variables):
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

    database = DatabaseAddress.parse(kept.database_url)
    return "\n".join(
        [
            f"PostgreSQL {kept.postgres_version}: {database.shown}",
            "its URL with the password: chaosnetra stand status --database-url",
            f"Toxiproxy {kept.toxiproxy_version}: {kept.toxiproxy_url}",
            *(_rehearsal(kept.cloud_run) if kept.cloud_run else ()),
            f"held by process {kept.pid}",
        ]
    )


def _rehearsal(names: Mapping[str, str]) -> list[str]:
    """What is there to rehearse staging with, and the commands that do."""
    from chaosnetra.rehearsal.allowing import allow_list_path
    from chaosnetra.stand.persistent import logs_folder

    return [
        (
            f"Cloud Run, local: {names['endpoint']}, project {names['project']}, region "
            f"{names['region']}, service {names['service']}, job {names['job']}; "
            f"control {names['url']}"
        ),
        f"allow-list to rehearse staging with: {allow_list_path()}",
        f"what the tasks print: {logs_folder()}",
        "next, to rehearse staging in this shell:",
        '  eval "$(chaosnetra stand status --variables)"',
        '  CHAOSNETRA_COUNT=2 chaosnetra plan "$(chaosnetra experiments vpc_latency)"',
    ]


def _variables(names: Mapping[str, str]) -> str:
    """A line for a shell that exports what a rehearsal needs."""
    from chaosnetra.rehearsal.allowing import allow_list_path
    from chaosnetra.settings import SETTINGS

    values = {
        "environment": "staging",
        "cloud_run_endpoint": names["endpoint"],
        "allow_list": str(allow_list_path()),
    }
    given = (f"{SETTINGS[key].variable}={shlex.quote(text)}" for key, text in values.items())
    return f"export {' '.join(given)}"
