"""`chaosnetra plan`: what an experiment would do to staging, before it does."""

from pathlib import Path

import click

from chaosnetra.commands.shared import PATH, exit_on, format_option, pairs, set_option

REFUSED = 1
NOT_LOOKED_AT = 2


@click.command()
@click.argument("experiment", metavar="EXPERIMENT", type=PATH)
@set_option("A setting, or a key of the configuration, as the run will have it; several times.")
@format_option("Lines for people, or one JSON document.")
def plan(experiment: Path, given: tuple[str, ...], output: str) -> None:
    """Look at what an experiment would change, and print it with a hash. Changes nothing.

    Shown are the fields before and after, the instances, the connections against the free slots of
    the database, warnings, the caps, and what the allow-list refuses. In staging a run demands the
    hash as its consent (`CHAOSNETRA_CONSENT`); once the service, the values, the allow-list or the
    experiment has changed, it is another one. The server checks the scaling without carrying it
    out.

    Exit codes: 0 it may be run; 1 it is refused; 2 it cannot be read or looked at.
    """
    import json

    from chaosnetra.consent.inspect import inspect_experiment
    from chaosnetra.controls.consent import load, steps_of
    from chaosnetra.errors import ChaosnetraError
    from chaosnetra.running.session import current_session, end_session

    values = pairs("--set", given)
    try:
        with exit_on({ChaosnetraError: NOT_LOOKED_AT}):
            loaded, configuration = load(experiment, values)
            session = current_session(configuration)
            environment = session.settings.environment
            steps = steps_of(loaded, configuration, environment=environment)
            found = inspect_experiment(session, loaded, steps)
            text = json.dumps(found.to_json(), indent=2, default=str)
            said = session.redactor.text(text if output == "json" else found.text)
    finally:
        end_session()
    click.echo(said)
    if found.refusals:
        raise SystemExit(REFUSED)
