"""What is deployed on local endpoints: the reference orchestrator, and the target of a run."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.deploy import deploy_job, deploy_service
from chaosnetra.cloudrun.names import Location
from chaosnetra.errors import InjectionFailed
from chaosnetra.hints import PREFIX
from chaosnetra.orchestrator.workload import schema_statements
from chaosnetra.postgres.objects import SchemaMade
from chaosnetra.rehearsal.allowing import write_allow_list
from chaosnetra.safety.allowlist import LABEL
from chaosnetra.settings import LOCAL_TIME_SCALE, REFERENCE_TARGET, SETTINGS, Settings
from chaosnetra.settings.sources import sources_here
from chaosnetra.stand.persistent import PersistentStand
from chaosnetra.startup.target_plan import make_plan

SCHEMA = "orchestrator"
# What the service's sessions are called at the database, before the id of their instance.
APPLICATION_NAME = "orchestrator"
# No requests come here, which would open an instance's pool; so its startup does.
WARM = {"CHAOSNETRA_WARM_POOL": "1"}


def deploy_orchestrator(kept: PersistentStand) -> None:
    """Deploy it against a persistent stand's PostgreSQL, with the environment's profile.

    The service has one instance; one that is there with another profile gets a new revision. The
    job's tasks start the same command.

    Raises:
        ChaosnetraError: the database or the endpoint does not take it.
    """
    assert kept.cloud_run is not None  # noqa: S101 - the caller asked for it
    names = kept.cloud_run
    database = DatabaseAddress.parse(kept.database_url)
    tables = SchemaMade(database, SCHEMA, schema_statements(SCHEMA))
    try:
        tables.prepare()
    except InjectionFailed:
        pass  # made by an earlier `stand up`
    else:
        tables.inject()  # they go with the stand
    endpoint, place = names["endpoint"], Location.parse(names["project"], names["region"])
    environment = _environment(database)
    deploy_service(endpoint, place, names["service"], _server("0"), {**environment, **WARM}, LABEL)
    task = [sys.executable, "-m", "chaosnetra.startup.task", "--", *_server("{port}")]
    deploy_job(endpoint, place, names["job"], task, environment, LABEL)
    write_allow_list(names, database)


def _server(port: str) -> list[str]:
    server = ["-m", "uvicorn", REFERENCE_TARGET, "--host", "127.0.0.1", "--port", port]
    return [sys.executable, *server, "--lifespan", "on", "--log-level", "warning"]


def _environment(database: DatabaseAddress) -> dict[str, str]:
    profile = SETTINGS["profile"].read(sources_here().configuration, os.environ)
    return {
        "DATABASE_URL": named(database).url,
        "CHAOSNETRA_SCHEMA": SCHEMA,
        "CHAOSNETRA_PROFILE": profile.source,
        "CHAOSNETRA_TIME_SCALE": f"{LOCAL_TIME_SCALE:g}",
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
    variables = plan.environment_for(0, named(database))
    own = {
        name: value
        for name, value in variables.items()
        if name in plan.target_environment or name.startswith(PREFIX)
    }
    deploy_service(
        names["endpoint"],
        Location.parse(names["project"], names["region"]),
        names["service"],
        plan.command_for(0, named(database)),
        {**own, **WARM},
        LABEL,
    )


def named(database: DatabaseAddress) -> DatabaseAddress:
    """The database, with a name by which the service's sessions are distinguished from others."""
    others = tuple(pair for pair in database.options if pair[0] != "application_name")
    return replace(database, options=(*others, ("application_name", APPLICATION_NAME)))
