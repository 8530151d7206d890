"""The reference orchestrator as a Cloud Run service of the kept stand."""

import os
import sys

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.names import Place
from chaosnetra.cloudrun.rehearsal import deploy_service
from chaosnetra.errors import InjectionFailed
from chaosnetra.orchestrator.workload import schema_statements
from chaosnetra.postgres.objects import SchemaMade
from chaosnetra.rehearsal.allowing import write_allow_list
from chaosnetra.rehearsal.service import WARM, named
from chaosnetra.safety.allowlist import LABEL
from chaosnetra.settings import LOCAL_TIME_SCALE, REFERENCE_TARGET, profile_setting
from chaosnetra.stand.kept import KeptStand

SCHEMA = "orchestrator"


def deploy_orchestrator(kept: KeptStand) -> None:
    """Deploy it against the stand's PostgreSQL, one instance, with the environment's profile.

    One that is there with another profile gets a new revision.

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
    server = ["-m", "uvicorn", REFERENCE_TARGET, "--host", "127.0.0.1", "--port", "0"]
    deploy_service(
        names["endpoint"],
        Place.parse(names["project"], names["region"]),
        names["service"],
        [sys.executable, *server, "--lifespan", "on", "--log-level", "warning"],
        {
            "DATABASE_URL": named(database).url,
            "CHAOSNETRA_SCHEMA": SCHEMA,
            "CHAOSNETRA_PROFILE": profile_setting(os.environ).source,
            "CHAOSNETRA_TIME_SCALE": f"{LOCAL_TIME_SCALE:g}",
            **WARM,
        },
        LABEL,
    )
    write_allow_list(names, database)
