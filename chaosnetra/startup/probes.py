"""Probes of startups, and of the budgets that bound them."""

import logging
from dataclasses import asdict

from chaosnetra.hints import argument
from chaosnetra.quantities import duration, truth, whole_number
from chaosnetra.running.activity import Result, edge
from chaosnetra.running.launchers import launcher_for
from chaosnetra.running.measuring import failure_bound
from chaosnetra.running.session import Session
from chaosnetra.startup.explanations import judge_explanations
from chaosnetra.startup.summary import summarize
from chaosnetra.text import how_many

__all__ = ["budgets_suffice", "failures_are_explained", "startups_succeed"]

logger = logging.getLogger("chaostoolkit")

# What uvicorn, and so the reference orchestrator, ends with when a startup failed.
ORCHESTRATOR_FAILED = 3


@edge
def startups_succeed(
    session: Session,
    count: int = 5,
    max_failure_rate: float = 0.2,
    min_confidence: float = 0,
    contained: bool = False,
) -> Result:
    """Start the orchestrator `count` times at once and report how each of them ended.

    A startup succeeds when it is ready within `startup_timeout_seconds` times the time scale and
    stays so for the dwell, and none of its phases had to be given up. In staging each is a task of
    the Cloud Run job.

    Args:
        count: startups at once, 1 to 1,000; in staging to 10,000.
        max_failure_rate: share of them that may fail or time out, 0 to 1.
        min_confidence: with which the trials of all checks under the fault have to prove that
            the rate is at most that, or that it is not; else the verdict is inconclusive, since
            they were too few. 0: not demanded; else below 1.
        contained: whether it is a violation too, however few fail, that a failure propagates: the
            startup goes on to a later phase, or ends by itself without its cause in its output.

    Returns:
        See `chaosnetra.startup.summary.summarize`; and `target`, `profile`, `time_scale`,
        `startup_method` and `import_seconds` (fork, and what the imports took, once for all
        startups and before them; or spawn and None: each startup's seconds hold its own; or job
        and None, and then `launch`: the execution, and how simultaneous its startups were),
        `launched_seconds` (when they were launched, since the run began; in staging that is the
        barrier, where the tasks of a job wait for each other),
        `machine_share` (what the machine's cores, too few for all at once, took of their time: see
        `chaosnetra.evidence.statistics.machine_share.MachineShare`; None: not known),
        `startup_timeout_seconds` (scaled), `dwell_seconds` (real), `added_round_trip_ms` (by the
        faults in place), `min_confidence`, `database_state` (how the startups shared the database,
        whether one start had prepared it, and its tables before and after).

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That startups fail is a result.
    """
    rate, demanded = failure_bound(max_failure_rate, min_confidence)
    may_propagate = not argument(truth, "contained", contained)
    launcher = launcher_for(session, count)
    launched = launcher.launched()
    result = summarize(
        launched.outcomes, rate, may_propagate=may_propagate, uncounted=launched.uncounted
    )
    logger.info(f"Startups: {result['observed']}")
    return {
        **result,
        **launched.circumstances,
        "min_confidence": demanded,
    }


@edge
def failures_are_explained(
    session: Session, count: int = 3, exit_code: str = "auto", fault_is_fatal: bool = False
) -> Result:
    """Start the orchestrator `count` times at once; whichever fails must say so, and why.

    A startup that fails says so when it ends by itself with `exit_code`, because its startup
    failed and for no other reason; when it answered no request; and when its output has the
    error with its cause, the phase where it prints phases, and the name of the budget that ran
    out, if one did; and when no later phase ran. One that serves although a phase failed does not.
    Where nothing fails, nothing is shown: `fault_is_fatal` demands failures.

    A `module:app` target is also started on a port that is taken, with the database reached
    directly, and with an import path that does not exist: uvicorn may end both with the same code.

    Args:
        count: startups at once, 1 to 1,000.
        exit_code: what a failed startup ends with, 1 to 255; `auto`: 3 of the reference
            orchestrator, as uvicorn ends then, and any but 0 of another target.
        fault_is_fatal: whether every startup must fail while a fault is in place that was
            measured: one that is ready all the same leaves something unsaid too.

    Returns:
        See `chaosnetra.startup.explanations.judge_explanations`; and `target`, `profile`,
        `time_scale`, `startup_method`, `import_seconds`, `launched_seconds`, `machine_share`,
        `startup_timeout_seconds`, `dwell_seconds`, `added_round_trip_ms`, as of `startups_succeed`.

    Raises:
        ActivityFailed: a setting is wrong or a part is missing. That startups fail is a result.
    """
    code = _exit_code(session, exit_code)
    is_fatal = argument(truth, "fault_is_fatal", fault_is_fatal)
    launcher = launcher_for(session, count)
    in_effect = list(session.faults_in_effect)
    launched = launcher.launched()
    result = judge_explanations(
        launched.outcomes,
        launcher.contrasts(),
        code,
        in_effect if is_fatal else [],
        launched.uncounted,
    )
    logger.info(f"Startups: {result['observed']}")
    return {**result, **launched.circumstances}


def _exit_code(session: Session, wanted: str) -> int | None:
    if str(wanted).strip() != "auto":  # a number, where an experiment writes one
        return argument(whole_number, "exit_code", wanted, minimum=1, maximum=255)
    return ORCHESTRATOR_FAILED if session.settings.target.is_reference else None


@edge
def budgets_suffice(
    session: Session,
    required_under_load_seconds: float = 45,
    base_seconds: float = 25,
    latency_ms: float = 500,
) -> Result:
    """Hold the budgets of the profile against what startups need. Nothing is started.

    Of the settings only the profile counts.

    Args:
        required_under_load_seconds: initialization that Cloud SQL under load takes.
        base_seconds: initialization without pressure on the connector; 25 is issue 1263's. What
            pressure adds to a new connection is the profile's figure.
        latency_ms: one round trip to the database through a slow connector.

    Returns:
        `held`, `expected`, `observed`; `findings`: for each rule of `chaosnetra.startup.budgets`
        its `rule`, `budget`, `has_seconds`, `needs_seconds`, `holds`, `why`, `around`, at time
        scale 1;
        `budget`, `budget_seconds`, `budget_needs_seconds`: of the first finding that does not hold,
        at time scale 1; `error`: the findings that do not hold; all four None when all do;
        `profile`; `demands`, and `round_trips` (those of the reference orchestrator), which the
        needs come from.

    Raises:
        ActivityFailed: a figure or the profile cannot be used.
    """
    from chaosnetra.orchestrator.workload import load_workload
    from chaosnetra.startup.budgets import Demands, find, lines_of, pressure_delay_of

    profile = session.settings.profile

    demands = Demands(
        under_load_seconds=argument(
            duration, "required_under_load_seconds", required_under_load_seconds
        ),
        base_seconds=argument(duration, "base_seconds", base_seconds),
        pressure_delay_seconds=pressure_delay_of(profile),
        round_trip_seconds=argument(duration, "latency_ms", latency_ms) / 1000,
    )
    round_trips = load_workload().round_trips
    findings = find(profile, round_trips, demands)
    failing = [finding for finding in findings if not finding.holds]
    return {
        "held": not failing,
        "expected": "every budget of the profile suffices",
        "observed": f"{len(findings) - len(failing)} of {how_many(len(findings), 'rule')} hold",
        "budget": failing[0].budget if failing else None,
        "budget_seconds": failing[0].has_seconds if failing else None,
        "budget_needs_seconds": failing[0].needs_seconds if failing else None,
        "error": "; ".join(lines_of(failing)) or None,
        "findings": [finding.to_json() for finding in findings],
        "profile": profile.name,
        "demands": asdict(demands),
        "round_trips": dict(round_trips),
    }
