"""The instances of a service, and what came of their startups.

Cloud Run says neither: how many run shows in Monitoring, minutes later, and what they printed in
Logging. What they all do is connect to the database, so their sessions there show which of them
have started; a local endpoint says besides what each printed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from chaosnetra.errors import CloudRunUnanswered
from chaosnetra.text import how_many

READ_SECONDS = 5.0
MOST_SHOWN = 20


@dataclass(frozen=True)
class Instance:
    """An instance as a local endpoint lists it; see `chaosnetra.cloudrun.emulator.instances`."""

    began_at: float
    revision: str
    running: bool
    asked: bool
    exit_code: int | None
    signal: int | None
    output: str


def read_instances(control_url: str, service: str) -> list[Instance]:
    """The instances of a service that run, and the last that ended.

    Args:
        control_url: control API of a local endpoint.
        service: full name.

    Raises:
        CloudRunUnanswered: it does not answer.
    """
    import requests

    try:
        answer = requests.get(
            f"{control_url}/instances",
            params={"service": service},
            timeout=READ_SECONDS,
            proxies={"http": ""},
        )
        answer.raise_for_status()
        return [Instance(**one) for one in answer.json()["instances"]]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise CloudRunUnanswered(
            f"{control_url} does not list the instances of {service}: {error}"
        ) from error


class InstanceStage(StrEnum):
    """How far a startup has come; `silent`: it runs, and says nothing of its phases."""

    STARTING = "starting"
    SILENT = "silent"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True)
class Trace:
    """One instance's startup: its stage, the phase reached or failed in, and why it failed."""

    began_at: float
    stage: InstanceStage
    phase: str | None = None
    budget: str | None = None
    budget_seconds: float | None = None
    sqlstate: str | None = None
    error: str | None = None

    @property
    def bad(self) -> bool:
        return self.stage in (InstanceStage.FAILED, InstanceStage.DEGRADED)


def concerned(instances: Sequence[Instance], since: float | None) -> list[Instance]:
    """Those whose startups count: all that run, and those that ended by themselves since then.

    Args:
        instances: as they were read.
        since: seconds since 1970; None: only those that run.
    """
    return [
        one
        for one in instances
        if not one.asked and (one.running or (since is not None and one.began_at >= since))
    ]


@dataclass(frozen=True)
class Inspection:
    """What was seen of a service's instances at one moment.

    Attributes:
        wanted: instances that it is bound to have at least.
        sessions: sessions at the database by instance; None when it could not be asked.
        traces: of the instances that count; None where nothing lists them.
    """

    wanted: int
    sessions: Mapping[str, int] | None
    traces: Sequence[Trace] | None

    @property
    def connected(self) -> int:
        return len(self.sessions or ())

    @property
    def bad(self) -> list[Trace]:
        return [trace for trace in self.traces or () if trace.bad]

    @property
    def failures(self) -> int:
        """Instances that have not started, or not well."""
        return min(self.wanted, max(self.wanted - self.connected, len(self.bad)))

    @property
    def decided(self) -> bool:
        """Whether a later inspection would see nothing else: all have started, or failed to."""
        traces = self.traces or ()
        stages = {trace.stage for trace in traces}
        if InstanceStage.STARTING in stages:
            return False
        if self.bad and len(traces) >= self.wanted and InstanceStage.SILENT not in stages:
            return True
        return self.sessions is not None and self.connected >= self.wanted

    def to_json(self) -> dict[str, Any]:
        sessions = sum((self.sessions or {}).values())
        first = next(iter(self.bad), None)
        return {
            "attempts": self.wanted,
            "failures": self.failures,
            "connected": self.connected if self.sessions is not None else None,
            "sessions": sessions if self.sessions is not None else None,
            "instances": [asdict(trace) for trace in (self.traces or ())[:MOST_SHOWN]],
            **{
                name: getattr(first, name) if first else None
                for name in ("phase", "budget", "budget_seconds", "sqlstate", "error")
            },
        }

    @property
    def observed(self) -> str:
        if self.sessions is None:
            return "the database does not answer who is connected"
        sessions = how_many(sum(self.sessions.values()), "session")
        text = f"{self.connected} of {self.wanted} hold {sessions}"
        if self.bad:
            failed = sum(trace.stage is InstanceStage.FAILED for trace in self.bad)
            degraded = len(self.bad) - failed
            text += f"; {how_many(failed, 'startup')} failed, {degraded} "
            text += "goes on degraded" if degraded == 1 else "go on degraded"
        return text
