"""The target of a run as a Cloud Run service of a local endpoint."""

import os
from collections.abc import Mapping
from dataclasses import replace

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun.deploy import deploy_service
from chaosnetra.cloudrun.names import Location
from chaosnetra.hints import PREFIX
from chaosnetra.safety.allowlist import LABEL
from chaosnetra.settings import Settings
from chaosnetra.startup.target_plan import make_plan

# What the service's sessions are called at the database, before the id of their instance.
APPLICATION_NAME = "orchestrator"
# No requests come here, which would open an instance's pool; so its startup does.
WARM = {"CHAOSNETRA_WARM_POOL": "1"}


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
