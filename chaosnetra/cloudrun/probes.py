"""Probes of Cloud Run: what the service and the job of the settings say of themselves."""

import asyncio
import logging
import time

from chaosnetra.cloudrun.executions import summarize
from chaosnetra.cloudrun.faults import scaling_fault_name
from chaosnetra.cloudrun.instances import (
    Inspection,
    Instance,
    InstanceStage,
    Trace,
    concerned,
    read_instances,
)
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.cloudrun.target import CloudRun
from chaosnetra.cloudrun.waiting import next_pause_seconds, poll, waiting_until
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunRefused,
    CloudRunUnanswered,
    DatabaseUnavailable,
    Interrupted,
    InvalidInput,
)
from chaosnetra.hints import argument
from chaosnetra.postgres.connect import sessions_by_name
from chaosnetra.quantities import fraction, whole_number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.session import Session
from chaosnetra.settings import setting_hint
from chaosnetra.startup.output import Output
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.text import how_many

__all__ = [
    "execution_tasks",
    "instances_start",
    "ready_revision",
    "service_instances",
    "service_state",
]

logger = logging.getLogger("chaostoolkit")

READ_SECONDS = 30.0
# How long a state is asked for, where nothing else is waited for.
INSPECT_SECONDS = 5.0


@edge
def service_state(session: Session) -> Result:
    """Read the service; it holds when the service serves what it is desired to, with all its parts.

    Returns:
        `held`, `expected`, `observed`; `name`, `uid`, `etag`, `generation`,
        `observed_generation`, `reconciling`, `ready`, `ready_state`, `ready_text`, `scaling`
        (`mode`, `minimum`, `maximum`, `manual`), `revision_scaling`, `concurrency`, `connector`,
        `latest_created_revision`, `latest_ready_revision`, `traffic`, `labels`, `conditions` (of
        its parts: `kind`, `state`, `severity`, `text`). A condition that failed, as of instances
        that crash after they were made, does not hold, although the service says that it is ready.
    """
    state = _read(session.cloud_run, INSPECT_SECONDS)
    return {
        "held": state.settled and not state.failing,
        "expected": "ready with all its parts, and nothing being changed",
        "observed": (
            f"{state.ready_state}{', being changed' if state.reconciling else ''}, generation "
            f"{state.observed_generation} of {state.generation} serves"
            f"{f'; failed: {state.failing}' if state.failing else ''}"
        ),
        **state.to_json(),
    }


@edge
def ready_revision(session: Session, revision: str = "") -> Result:
    """Say whether the newest revision serves.

    Args:
        revision: the one that it must be; empty: whichever is newest.

    Returns:
        `held`, `expected`, `observed`, `ready_revision`, `created_revision`, `traffic`.
    """
    state = _read(session.cloud_run, INSPECT_SECONDS)
    wanted = revision or state.latest_created_revision
    return {
        "held": state.latest_ready_revision == wanted != "",
        "expected": f"revision {wanted} serves",
        "observed": f"revision {state.latest_ready_revision or 'none'} serves",
        "ready_revision": state.latest_ready_revision,
        "created_revision": state.latest_created_revision,
        "traffic": dict(state.traffic),
    }


@edge
def service_instances(session: Session, minimum: int = 0, maximum: int = 1000) -> Result:
    """Say how many instances the service is bound to have; how many run, only Monitoring shows.

    Args:
        minimum: what its lower bound must be at least.
        maximum: what its upper bound must be at most.

    Returns:
        `held`, `expected`, `observed`, `mode`, `at_least`, `at_most` (None: no limit).
    """
    low = whole_number("minimum", minimum, minimum=0)
    high = whole_number("maximum", maximum, minimum=0)
    state = _read(session.cloud_run, INSPECT_SECONDS)
    at_least, at_most = state.instance_bounds
    return {
        "held": at_least >= low and at_most is not None and at_most <= high,
        "expected": f"bound to {low} to {high} instances",
        "observed": f"{state.scaling.shown}; bound to {at_least} to {at_most} instances",
        "mode": state.scaling.mode,
        "at_least": at_least,
        "at_most": at_most,
    }


@edge
def instances_start(
    session: Session, max_failure_rate: float = 0.2, application_name: str = "orchestrator"
) -> Result:
    """Wait until the instances that the service is bound to have are connected to the database.

    What counts is who is connected, because a port that is bound early passes for a startup. A
    local endpoint says besides what each instance printed: one that ended by itself since the
    service was scaled, or goes on without a phase of its startup, has failed. They may take the
    setting `startup_timeout_seconds`, or the profile's, times the time scale.

    Args:
        max_failure_rate: share of the instances that may not be connected in time, 0 to 1.
        application_name: what the sessions of an instance are called at the database: that, a
            colon, and an id of the instance.

    Returns:
        `held`, `expected`, `observed`; `attempts` (instances), `failures`, `connected` (instances
        with a session), `sessions`, `seconds` (how long it was waited), `instances` (of a local
        endpoint: `began_at`, `stage`, `phase`, `budget`, `budget_seconds`, `sqlstate`, `error`),
        and the last five of the first that failed.
    """
    rate = argument(fraction, "max_failure_rate", max_failure_rate)
    if not application_name:
        raise InvalidInput("application_name is empty", setting_hint("application_name"))
    started = time.monotonic()
    with session.run.polled(), waiting_until(lambda: "the instances have started"):
        seen = _wait_for_instances(session, f"{application_name}:")
    seconds = time.monotonic() - started
    logger.info(f"Instances: {seen.observed}")
    return {
        "held": seen.failures <= rate * seen.wanted,
        "expected": (
            f"at most {rate:.0%} of {how_many(seen.wanted, 'instance')} "
            f"{'is' if seen.wanted == 1 else 'are'} not connected to the database in time"
        ),
        "observed": seen.observed,
        **seen.to_json(),
        "seconds": round(seconds, 3),
    }


def _read(cloud_run: CloudRun, seconds: float) -> ServiceState:
    """The service, asked for again while no answer comes: one call lost is no finding."""
    return poll(
        lambda: cloud_run.services.service(cloud_run.service),
        lambda state: True,
        Deadline.after(seconds),
        f"{shown(cloud_run.service)} is read",
        cloud_run.interrupted,
    )


def _wait_for_instances(session: Session, prefix: str) -> Inspection:
    settings = session.settings
    limit = settings.scaled(settings.startup_timeout_seconds)
    deadline, started = Deadline.after(limit), time.monotonic()
    cloud_run = session.cloud_run
    since = _scaled_at(session)
    while True:
        # Tried again, by a limit of its own once the startups' is over: no startup failed by it.
        state = _read(cloud_run, max(READ_SECONDS, deadline.remaining_seconds))
        wanted = state.instance_bounds[0]
        if wanted == 0 and since is not None:
            raise CloudRunRefused(
                f"this run binds {shown(cloud_run.service)} to no instance, so no startup is to be "
                "seen: scale it to 1 or more"
            )
        sessions: dict[str, int] | None = None
        try:
            sessions = asyncio.run(sessions_by_name(session.administrator, READ_SECONDS, prefix))
        except DatabaseUnavailable as error:
            if deadline.passed:
                logger.warning(str(error))
        seen = Inspection(wanted, sessions, _traces(session, since))
        if seen.decided or deadline.passed:
            return seen
        if session.run.interrupted_by is not None:
            raise Interrupted("the run was interrupted while its instances started")
        pause = next_pause_seconds(time.monotonic() - started)
        time.sleep(min(pause, deadline.remaining_seconds))


def _scaled_at(session: Session) -> float | None:
    """When this run's scaling of the service was sent at the earliest; None when there is none."""
    name = scaling_fault_name(session.cloud_run.service)
    sent = [held.undo.arguments["sent_at"] for held in session.injector.active if held.name == name]
    return float(sent[0]) if sent else None


def _traces(session: Session, since: float | None) -> list[Trace] | None:
    cloud_run = session.cloud_run
    if not cloud_run.control_url:
        return None
    try:
        found = read_instances(cloud_run.control_url, cloud_run.service)
    except CloudRunUnanswered as error:
        logger.warning(str(error))
        return None
    patterns = session.settings.phase_patterns
    lines = PhaseLines(patterns) if patterns else None
    return [_trace(one, lines) for one in concerned(found, since)]


def _trace(instance: Instance, phase_lines: PhaseLines | None) -> Trace:
    """An instance's startup by what it printed."""
    output = Output(phase_lines=phase_lines)
    output.feed("stdout", instance.output.encode())
    output.feed("stdout", b"")
    phases = output.phases
    bad = phases.failed or phases.degraded
    if instance.running and not bad:
        last = phases.events[-1]["status"] if phases.events else None
        stages = {None: InstanceStage.SILENT, "started": InstanceStage.STARTING}
        stage = stages.get(last, InstanceStage.READY)
        return Trace(instance.began_at, stage, phases.phase)
    stage = InstanceStage.FAILED
    if instance.running and not phases.failed:
        stage = InstanceStage.DEGRADED
    phase, error = bad or phases.phase, output.error
    if error is None:
        ended = f"it ended with exit code {instance.exit_code}, signal {instance.signal}"
        return Trace(instance.began_at, stage, phase, error=ended)
    details = (error.budget, error.budget_seconds, error.sqlstate, error.text)
    return Trace(instance.began_at, stage, phase, *details)


@edge
def execution_tasks(session: Session, execution: str = "", max_failure_rate: float = 0.0) -> Result:
    """Say how the tasks of an execution of the job ended.

    Args:
        execution: its id; empty: the job's newest.
        max_failure_rate: share of the tasks that may not have succeeded, 0 to 1.

    Returns:
        `held`, `expected`, `observed`, `execution` (full name), `tasks`, `ends` (counts:
        `running`, `succeeded`, `exited`, `signalled`, `unclean`, `cancelled`), `exit_codes`,
        `retried`, `start_spread_seconds`, `longest_seconds`, `failures` (the first ten).
    """
    rate = argument(fraction, "max_failure_rate", max_failure_rate)
    jobs, job = session.cloud_run.jobs, session.cloud_run.job
    name = f"{job}/executions/{execution}" if execution else jobs.job(job).latest_execution
    if not name:
        raise InvalidInput(f"{shown(job)} has no execution yet; run it, or name one")
    summary = summarize(jobs.tasks(name))
    not_succeeded = summary.tasks - summary.succeeded
    return {
        "held": summary.tasks > 0 and not_succeeded <= rate * summary.tasks,
        "expected": f"at most {rate:.0%} of {how_many(summary.tasks, 'task')} "
        f"{'does' if summary.tasks == 1 else 'do'} not succeed",
        "observed": f"{summary.succeeded} of {how_many(summary.tasks, 'task')} succeeded",
        "execution": name,
        **summary.to_json(),
    }
