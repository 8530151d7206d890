"""The reference orchestrator as a Cloud Run service and job of the persistent stand."""

import os
import sys

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.deploy import deploy_job, deploy_service
from chaosnetra.cloudrun.names import Location
from chaosnetra.errors import InjectionFailed
from chaosnetra.orchestrator.workload import schema_statements
from chaosnetra.postgres.objects import SchemaMade
from chaosnetra.rehearsal.allowing import write_allow_list
from chaosnetra.rehearsal.service import WARM, named
from chaosnetra.safety.allowlist import LABEL
from chaosnetra.settings import LOCAL_TIME_SCALE, REFERENCE_TARGET, SETTINGS
from chaosnetra.stand.persistent import PersistentStand

SCHEMA = "orchestrator"


def deploy_orchestrator(kept: PersistentStand) -> None:
    """Deploy it against the stand's PostgreSQL, with the environment's profile.

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
    return {
        "DATABASE_URL": named(database).url,
        "CHAOSNETRA_SCHEMA": SCHEMA,
        "CHAOSNETRA_PROFILE": SETTINGS["profile"].read({}, os.environ).source,
        "CHAOSNETRA_TIME_SCALE": f"{LOCAL_TIME_SCALE:g}",
    }
