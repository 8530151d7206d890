"""What is deployed on local endpoints: the target of the settings, as a service and as a job."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.deploy import deploy_job, deploy_service, has_job
from chaosnetra.cloudrun.names import Location
from chaosnetra.errors import InjectionFailed, InvalidInput, PartUnavailable
from chaosnetra.hints import PREFIX
from chaosnetra.orchestrator.workload import schema_statements
from chaosnetra.postgres.objects import SchemaMade
from chaosnetra.redaction import Redactor
from chaosnetra.rehearsal.allowing import write_allow_list
from chaosnetra.safety.allowlist import LABEL
from chaosnetra.settings import Settings, setting_hint
from chaosnetra.settings.sources import sources_here
from chaosnetra.stand.part import last_line
from chaosnetra.stand.persistent import TAKE_DOWN, PersistentStand
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.target_plan import make_plan, make_prepare_plan
from chaosnetra.templates import CONFIG_FILE, SERVICE_PORT, STATE_FOLDER, has_placeholder
from chaosnetra.text import one_line

SCHEMA = "orchestrator"
# What the service's sessions are called at the database, before the id of their instance.
APPLICATION_NAME = "orchestrator"
# No requests come here, which would open an instance's pool; so its startup does.
WARM = {"CHAOSNETRA_WARM_POOL": "1"}
OF_A_RUN = ("CHAOSNETRA_PROFILE", "CHAOSNETRA_TIME_SCALE")


def deploy_on_stand(kept: PersistentStand) -> None:
    """Deploy the target of the settings against a persistent stand's PostgreSQL.

    The service has one instance; one that is there with another profile gets a new revision. The
    job's tasks start the same command. Both have the variables of `target_environment`, and a
    database that is new is prepared first: the reference orchestrator's tables, or
    `prepare_command`.

    Raises:
        InvalidInput: the target cannot be deployed, or its database not be prepared.
        ChaosnetraError: the database or the endpoint does not take it.
    """
    assert kept.cloud_run is not None  # noqa: S101 - the caller asked for it
    names = kept.cloud_run
    database = DatabaseAddress.parse(kept.database_url)
    settings = _settings(database)
    is_reference = settings.target.is_reference
    plan = make_plan(settings, os.environ, SCHEMA if is_reference else None)
    _refuse_own_places(plan)
    endpoint, place = names["endpoint"], Location.parse(names["project"], names["region"])
    if not has_job(endpoint, place, names["job"]):
        _prepare(settings, plan, database)
    given = named(database) if is_reference else database
    directory = None if is_reference else (plan.directory or Path.cwd()).absolute()
    variables = _own_variables(plan, given)
    # Profile and time scale are those of the run that begins an execution.
    of_job = {name: text for name, text in variables.items() if name not in OF_A_RUN}
    task = [sys.executable, "-m", "chaosnetra.startup.task", "--", *plan.command]
    try:
        deploy_job(endpoint, place, names["job"], task, of_job, LABEL, directory)
    except PartUnavailable as error:
        raise PartUnavailable(f"the stand is up with another job: {error}; {TAKE_DOWN}") from None
    deploy_service(
        endpoint,
        place,
        names["service"],
        plan.command_for(0, given),
        {**variables, **(WARM if is_reference else {})},
        LABEL,
        directory,
    )
    write_allow_list(names, database)


def _settings(database: DatabaseAddress) -> Settings:
    """Those of here, as for a run on one's own machine; nothing is rehearsed yet."""
    without_password = replace(database, password="").url
    here = {"environment": "local", "database_url": without_password, "cloud_sql_path": "address"}
    return Settings.from_configuration({**sources_here().configuration, **here})


def _refuse_own_places(plan: LaunchPlan) -> None:
    """Refuse what a start gets on one's own machine alone, and no container.

    Raises:
        InvalidInput: the plan has some of it.
    """
    folders = (STATE_FOLDER, CONFIG_FILE)
    refused = [word for word in plan.command if has_placeholder(word, folders)]
    refused += [
        template
        for template in plan.target_environment.values()
        if has_placeholder(template, (*folders, SERVICE_PORT))
    ]
    if refused:
        raise InvalidInput(
            f"{refused[0]!r} stands for something that no container is given: it has its port in "
            "PORT, and folders of its own",
            f"{setting_hint('target')} or {setting_hint('target_environment')}",
        )


def _prepare(settings: Settings, plan: LaunchPlan, database: DatabaseAddress) -> None:
    """Give a new database what the target expects there; it goes with the stand."""
    if settings.target.is_reference:
        tables = SchemaMade(database, SCHEMA, schema_statements(SCHEMA))
        try:
            tables.prepare()
        except InjectionFailed:
            pass  # another endpoint's before this one
        else:
            tables.inject()
    if not settings.prepare_command:
        return
    shown = shlex.join(settings.prepare_command)
    prepare = make_prepare_plan(settings, os.environ, plan)
    try:
        done = subprocess.run(
            prepare.command_for(0, database),
            env=prepare.environment_for(0, database),
            cwd=prepare.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=settings.startup_timeout_seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidInput(
            f"prepare_command {shown!r} failed: {type(error).__name__}",
            setting_hint("prepare_command"),
        ) from None
    if done.returncode:
        said = last_line(done.stdout.decode(errors="replace"))
        redactor = Redactor()
        redactor.add(database.password)
        raise InvalidInput(
            f"prepare_command {shown!r} failed with exit code {done.returncode}: "
            f"{one_line(redactor.text(said))}",
            setting_hint("prepare_command"),
        )


def _own_variables(plan: LaunchPlan, database: DatabaseAddress) -> dict[str, str]:
    """Of a container: the target's, and ours; nothing else of this process's environment."""
    return {
        name: value
        for name, value in plan.environment_for(0, database).items()
        if name in plan.target_environment or name.startswith(PREFIX)
    }


def deploy_target(
    settings: Settings,
    database: DatabaseAddress,
    schema: str | None,
    names: Mapping[str, str],
) -> None:
    """Deploy the target of a run against its database, one instance, on an endpoint of the run's.

    Args:
        settings: the run's.
        database: its address, directly.
        schema: PostgreSQL schema with the reference orchestrator's tables.
        names: of the endpoint: see `PersistentStand.cloud_run`.

    Raises:
        ChaosnetraError: the target is none, or the endpoint does not take it.
    """
    plan = make_plan(settings, os.environ, schema)
    # Its port comes from the platform's PORT; the reference orchestrator needs none that is known.
    deploy_service(
        names["endpoint"],
        Location.parse(names["project"], names["region"]),
        names["service"],
        plan.command_for(0, named(database)),
        {**_own_variables(plan, named(database)), **WARM},
        LABEL,
    )


def named(database: DatabaseAddress) -> DatabaseAddress:
    """The database, with a name by which the service's sessions are distinguished from others."""
    others = tuple(pair for pair in database.options if pair[0] != "application_name")
    return replace(database, options=(*others, ("application_name", APPLICATION_NAME)))
