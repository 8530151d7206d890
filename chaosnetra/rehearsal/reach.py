"""Which Cloud Run a run acts on: Google's, or a local endpoint: named, kept, or of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaosnetra.cloudrun.connection import GOOGLE, Connection
from chaosnetra.cloudrun.names import Location
from chaosnetra.cloudrun.target import CloudRun
from chaosnetra.cloudrun.waiting import Interrupt
from chaosnetra.errors import InvalidInput
from chaosnetra.settings import Settings, setting_hint

StartOwn = Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class Reached:
    """Cloud Run, and where it came from: as the journal names a part."""

    cloud_run: CloudRun
    kind: str
    source: str


def reach_cloud_run(
    settings: Settings,
    kept: Mapping[str, str] | None,
    start_own: StartOwn,
    interrupted: Interrupt,
) -> Reached:
    """Cloud Run by the settings. Nothing is called yet.

    In staging without an endpoint it is Google's. Else it is a local endpoint: the named one, the
    persistent stand's, or one that is started for this run.

    Args:
        settings: the run's.
        kept: names of the persistent stand's Cloud Run, where there is one.
        start_own: starts an endpoint with the target in it; its names.
        interrupted: asked often while something is waited for.

    Raises:
        InvalidInput: project, region or service is not named where it has to be.
    """
    kept = kept or {}
    if settings.in_staging and not settings.is_rehearsal:
        names: Mapping[str, str] = {}
        kind, source = "Cloud Run", "configured"
        connection = Connection(None)
    else:
        kind = "local Cloud Run endpoint"
        if settings.cloud_run_endpoint:
            endpoint, source = settings.cloud_run_endpoint, "configured"
            names = kept if kept.get("endpoint") == endpoint else {}
        elif kept:
            names, source = kept, "persistent stand"
        else:
            _refuse_names(settings)
            names, source = start_own(), "started for this run"
        connection = Connection(settings.cloud_run_endpoint or names["endpoint"])
    cloud_run = CloudRun(
        connection,
        Location.parse(
            settings.project or names.get("project", ""),
            settings.region or names.get("region", ""),
        ),
        service_id=settings.service or names.get("service", ""),
        job_id=settings.job or names.get("job", ""),
        interrupted=interrupted,
        control_url=names.get("url", ""),
    )
    return Reached(cloud_run, kind, source)


def _refuse_names(settings: Settings) -> None:
    """Names of somebody's project must not be taken for those of an endpoint of the run's own."""
    for key in ("project", "region", "service", "job"):
        value = getattr(settings, key)
        if value:
            raise InvalidInput(
                f"{key} is {value}, but no Cloud Run endpoint is known and environment is local; "
                f"set environment to staging for {GOOGLE}, or start a local one: `chaosnetra "
                "stand up --cloud-run`",
                f"{setting_hint('cloud_run_endpoint')} to name another",
            )
