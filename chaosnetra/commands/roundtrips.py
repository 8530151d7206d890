"""`chaosnetra roundtrips`: what a startup's time is made of."""

from typing import Any

import click

from chaosnetra.commands.shared import exit_on, finite, format_option, pairs, say_json, set_option

NOT_MEASURED = 2
INTERRUPTED = 6


@click.command()
@click.argument("target")
@click.option(
    "--readiness",
    metavar="HOW",
    help="How it shows that it is ready: an http:// URL with {port}, tcp://host:port, log:REGEX "
    "or exit.",
)
@click.option(
    "--environment",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="A variable for it, with {url}, {host}, {port}, {user}, {password}, {database}; can be "
    "given several times. Without any it is given DATABASE_URL.",
)
@click.option("--directory", metavar="FOLDER", help="Where it is started.")
@click.option("--database-url", metavar="URL", help="Its database; by default an empty one.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Each start gets a copy of the database as it is: of an empty one, a first start.",
)
@click.option(
    "--latency-ms",
    "latencies",
    multiple=True,
    type=click.IntRange(1, 60_000),
    metavar="MS",
    help="Check the model under this latency; can be given several times. By default under two "
    "that the first start tells.",
)
@click.option(
    "--operating-point-ms",
    default=0.0,
    type=click.FloatRange(0, 60_000),
    callback=finite,
    metavar="MS",
    help="What a round trip takes where it is to run, more than here.",
)
@set_option("Any other setting; can be given several times.")
@format_option("A screen for people, or one JSON document.")
def roundtrips(
    target: str,
    readiness: str | None,
    variables: tuple[str, ...],
    directory: str | None,
    database_url: str | None,
    fresh: bool,
    latencies: tuple[int, ...],
    operating_point_ms: float,
    given: tuple[str, ...],
    output: str,
) -> None:
    """Say how long TARGET takes to start at any latency to its database, and check it.

    TARGET is a command line or module:app. It is started on this machine, a few times one after
    the other: without latency its round trips are counted, by connection set-up, statement and
    phase; under two latencies the time that they predict is held against the time that it takes.
    A service that polls or tries again is told apart. Settings come from the environment
    and chaosnetra.toml as in a run, and time is not scaled.

    Exit codes: 0 measured, and said whether it fits; 2 it cannot be measured; 6 interrupted, with
    everything undone.
    """
    import json

    from chaosnetra.errors import ChaosnetraError, Interrupted
    from chaosnetra.roundtrips.conduct import measured, settings_from
    from chaosnetra.roundtrips.telling import screen

    own = pairs("--environment", variables, "NAME=VALUE")
    asked: dict[str, Any] = {
        "target": target,
        "readiness": readiness,
        "target_directory": directory,
        "database_url": database_url,
        "target_environment": json.dumps(own) if own else None,
        "database_state": "fresh" if fresh else None,
    }
    added_seconds = operating_point_ms / 1000
    with exit_on({Interrupted: INTERRUPTED, ChaosnetraError: NOT_MEASURED, OSError: NOT_MEASURED}):
        try:
            finding, mask = measured(
                settings_from(pairs("--set", given), asked),
                latencies,
                lambda line: click.echo(line, err=True),
            )
        except KeyboardInterrupt:
            click.echo("Error: interrupted; everything is undone", err=True)
            raise SystemExit(INTERRUPTED) from None
    if output == "json":
        say_json(mask.data(finding.to_json(added_seconds)))
    else:
        click.echo(mask.text(screen(finding, added_seconds)))
