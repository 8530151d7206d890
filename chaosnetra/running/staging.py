"""Cloud Run for a run, with every call to it told, and the evidence of Cloud Monitoring."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import InvalidInput
from chaosnetra.running.resources import Keeping, Part
from chaosnetra.safety.guard import Guard
from chaosnetra.settings import Settings, setting_hint

if TYPE_CHECKING:
    from chaosnetra.cloudrun.connection import Call
    from chaosnetra.cloudrun.tally import CallTally
    from chaosnetra.cloudrun.target import CloudRun

logger = logging.getLogger("chaostoolkit")

# The run's database, and the schema with the reference orchestrator's tables, when they are needed.
Needed = Callable[[], tuple[DatabaseAddress, str | None]]


def bring_cloud_run(keeping: Keeping, settings: Settings, needed: Needed) -> "CloudRun":
    """Cloud Run as the settings name it; see `chaosnetra.rehearsal.reach`.

    Args:
        keeping: the run's.
        settings: the run's.
        needed: what an endpoint of the run's own is filled with.

    Raises:
        InvalidInput: project or region is not named.
    """
    from chaosnetra import __version__
    from chaosnetra.rehearsal.reach import reach_cloud_run
    from chaosnetra.stand.persistent import find_persistent_stand

    def start_own() -> Mapping[str, str]:
        """An endpoint of the run's own with the target in it, against the run's database."""
        from chaosnetra.rehearsal.service import deploy_target
        from chaosnetra.stand.cloudrun import start_cloud_run

        database, schema = needed()
        server = start_cloud_run()
        keeping.own("local Cloud Run endpoint", server.endpoint, server.process)
        deploy_target(settings, database, schema, server.names)
        return server.names

    kept = find_persistent_stand()
    reached = reach_cloud_run(
        settings,
        kept.cloud_run if kept is not None else None,
        start_own,
        lambda: keeping.run.interrupted_by is not None,
    )
    shown = reached.cloud_run.connection.shown
    keeping.add(Part(reached.kind, reached.source, shown, __version__))
    return reached.cloud_run


def record_calls(keeping: Keeping, tally: "CallTally") -> Callable[[], None]:
    """Write down every call to Cloud Run, and what it said; returns what ends that."""
    from chaosnetra.cloudrun.connection import audit
    from chaosnetra.cloudrun.history import watch

    def record(call: "Call") -> None:
        tally.add(call)
        keeping.run.events.record_if_possible("cloudrun.call", call.to_json())

    ends = [audit(record), watch(tally.history.see)]

    def end() -> None:
        for one in ends:
            one()

    return end


def read_monitoring(
    settings: Settings,
    guard: Guard,
    cloud_run: "CloudRun",
    began_at: float,
    interrupted: Callable[[], bool],
) -> dict[str, Any]:
    """The run's evidence from Cloud Monitoring.

    Args:
        settings: the run's.
        guard: refuses the Cloud SQL instance of others.
        cloud_run: whose evidence it is.
        began_at: of the run, seconds since 1970.
        interrupted: whether to wait no longer for samples.

    Returns:
        See `chaosnetra.cloudrun.monitoring.collect`; and `source`, `error` (None) and `of`.

    Raises:
        ChaosnetraError: there is none.
    """
    from chaosnetra.cloudrun.monitoring import Monitoring, collect

    endpoint, sql_instance = settings.monitoring_endpoint, settings.cloud_sql_instance
    if sql_instance:
        guard.check_cloud_sql_instance(sql_instance)
    if settings.is_rehearsal and not endpoint:
        raise InvalidInput(
            "a local Cloud Run endpoint has no Monitoring",
            f"{setting_hint('monitoring_endpoint')}, or monitoring to off",
        )
    ended_at = time.time()
    monitoring = Monitoring(cloud_run.place.project, endpoint or None)
    place, _, instance = sql_instance.rpartition(":")
    project = place.rpartition(":")[0]
    whose = {
        "service": cloud_run.service_id,
        "job": cloud_run.job_id,
        "connector": cloud_run.connector,
        "database": f"{project}:{instance}" if instance else "",
    }
    logger.info(f"Reading evidence from Cloud Monitoring ({monitoring.shown})")
    try:
        found = collect(
            monitoring,
            whose,
            began_at,
            ended_at,
            Deadline.after(settings.monitoring_wait_seconds),
            interrupted,
        )
    finally:
        monitoring.close()
    return {"source": monitoring.shown, "error": None, "of": whose, **found}
