"""Many outcomes as one flat, JSON-safe result."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from chaosnetra.evidence.statistics.machine_share import MachineShare, machine_share, share_from
from chaosnetra.evidence.statistics.quantiles import median_of, nearest_rank
from chaosnetra.evidence.wire.blame import Blame, blame, ending_error
from chaosnetra.evidence.wire.limits import Failed, is_same
from chaosnetra.evidence.wire.named_limits import named_seconds
from chaosnetra.startup.outcome import (
    EndedBy,
    ExitReason,
    StartupFailure,
    StartupOutcome,
    StatedBudget,
    Status,
)
from chaosnetra.startup.uncounted import Uncounted, uncounted_result
from chaosnetra.text import how_many
from chaosnetra.wire.observation import Observation


def summarize(
    outcomes: Sequence[StartupOutcome],
    max_failure_rate: float,
    *,
    may_propagate: bool = True,
    uncounted: Uncounted | None = None,
) -> dict[str, Any]:
    """Judge and describe the startups of one launch.

    It holds only if it would with every startup that does not count having failed.

    Args:
        outcomes: at least one.
        max_failure_rate: share of startups, 0 to 1, that may fail or time out.
        may_propagate: whether one that fails may go on to a later phase, or lose its cause.
        uncounted: startups that are no trials; None: there are none, and all are in `outcomes`.

    Returns:
        `held` (bool), `expected` and `observed` (text); `attempts`, `ready`, `failed`,
        `timed_out`, `degraded` (ready, but a phase had failed, or without the database
        session that startups had before the fault), `failures` (all that are not ready
        with everything); `failed_after_ready` (had been ready, and did not stay so);
        `failure_rate`, `max_failure_rate`;
        `ready_seconds_p50`, `_p95`, `_max` (None when none was ready); `boot_seconds_p50`;
        `phase_seconds_p50` by phase;
        `failed_phases`, `phases_after_failure`, `budgets_expired`, `exit_codes`, `exit_reasons`,
        `signals`, `ended_by`, `sqlstates`, `error_classes` (counts); `causes_kept`: how many
        that failed kept the cause; `uncontained`: how many failures propagated (None where they
        may); `uncounted`: see `Uncounted.to_json` (`undecided`: whether they decide if it holds);
        `startups`: each outcome; and `first_failure` of the first that propagated, else of
        the first that was not ready. A SQLSTATE that the output of a startup does not have is
        that of the wire, where it was seen there.
    """
    count = Counter(outcome.status for outcome in outcomes)
    bad = [outcome for outcome in outcomes if outcome.status is not Status.READY]
    rate = len(bad) / len(outcomes)
    seconds = sorted(outcome.seconds for outcome in outcomes if outcome.status is Status.READY)
    errors = [outcome.error for outcome in bad if outcome.error is not None]
    propagated = [] if may_propagate else [outcome for outcome in bad if propagation(outcome)]
    first = next(iter(propagated or bad), None)
    text = propagation(first) if first and propagated else ""
    lost = sum(outcome.was_ready_seconds is not None for outcome in bad)
    observed = _observed(outcomes, count, lost)
    told = first_failure(first, text, bad)
    refuted = first.error.stated_budget if first and first.error else None
    if not told["named_limit_refuted"]:
        refuted = None
    left = uncounted.startups if uncounted else 0
    launched = len(outcomes) + left
    held = not propagated and (len(bad) + left) / launched <= max_failure_rate
    is_violated = bool(propagated) or len(bad) / launched > max_failure_rate
    return {
        "held": held,
        "expected": f"at most {max_failure_rate:.0%} of {how_many(launched, 'startup')} "
        + ("fails or times out" if launched == 1 else "fail or time out")
        + (
            ""
            if may_propagate
            else ", and no failure propagates to a later phase or loses its cause"
        ),
        "observed": observed
        + (f", {len(propagated)} of them propagated" if propagated else "")
        + (f", {uncounted.more}" if uncounted else ""),
        "attempts": len(outcomes),
        "ready": count[Status.READY],
        "failed": count[Status.FAILED],
        "timed_out": count[Status.TIMED_OUT],
        "degraded": count[Status.DEGRADED],
        "failures": len(bad),
        "failed_after_ready": lost,
        "failure_rate": round(rate, 6),
        "max_failure_rate": max_failure_rate,
        "ready_seconds_p50": seconds[nearest_rank(0.5, len(seconds)) - 1] if seconds else None,
        "ready_seconds_p95": seconds[nearest_rank(0.95, len(seconds)) - 1] if seconds else None,
        "ready_seconds_max": seconds[-1] if seconds else None,
        "boot_seconds_p50": median_of((outcome.boot_seconds for outcome in outcomes), 4),
        "phase_seconds_p50": _phases(outcomes),
        "failed_phases": _counts(outcome.phase for outcome in bad),
        "phases_after_failure": _counts(
            phase for outcome in bad for phase in outcome.phases_after_failure
        ),
        "causes_kept": sum(outcome.cause_kept is True for outcome in bad),
        "uncontained": None if may_propagate else len(propagated),
        **uncounted_result(uncounted, is_undecided=not held and not is_violated),
        "budgets_expired": _counts(
            error.budget for error in errors if not _states_the_same(error, refuted)
        ),
        "exit_codes": _counts(outcome.exit_code for outcome in bad),
        "exit_reasons": _counts(outcome.exit_reason for outcome in bad),
        "signals": _counts(outcome.signal for outcome in bad),
        "ended_by": _counts(outcome.ended_by.value for outcome in bad),
        "sqlstates": _counts(map(sqlstate_of, bad)),
        "error_classes": _counts(error.error_class for error in errors),
        **told,
        "startups": [outcome.to_json() for outcome in outcomes],
    }


def first_failure(
    outcome: StartupOutcome | None, text: str, bad: Sequence[StartupOutcome]
) -> dict[str, Any]:
    """Of a probe's result, what stands for all failures: those of one startup.

    Args:
        outcome: of that one; None: there is none.
        text: what is said before its error.
        bad: all that failed.

    Returns:
        `phase`, `budget`, `budget_seconds`, `sqlstate`, `error` (the texts); `observed_exit_code`
        and `observed_signal`, where it ended by itself: what the launcher did to it says nothing.
        Of the wire, where it was looked at: `waited_for`, what it waited for last; `own_limit`,
        how long, or for how many connections, it and the others that failed tried before they
        gave up, where that was the same in most; `own_limits`, the same as figures (`kind`,
        `amount`, `startups`, `of`, `within_seconds`, `session_seconds`, `text`); `on_the_wire`,
        all that it met there; `named_limit_refuted`: that a limit which its output names cannot be
        what ended it; `phase_on_the_wire`: the round trips that it made in the phase that it
        failed in. All None without an outcome; `own_limits` is empty.
    """
    error = outcome.error if outcome else None
    ended = outcome if outcome and outcome.ended_by is EndedBy.ITSELF else None
    seen = _blame(outcome, bad) if outcome else None
    texts = [text] if text else []
    if error is not None:
        # What is wrong in it is told once: with what the wire knows, where that says so too.
        texts.append(error.text if seen and seen.refuted else error.told)
        if seen and seen.refuted and error.stated_budget is not None:
            error = replace(error, budget=None, budget_seconds=None)
    return {
        "phase": outcome.phase if outcome else None,
        "budget": error.budget if error else None,
        "budget_seconds": error.budget_seconds if error else None,
        "sqlstate": sqlstate_of(outcome) if outcome else None,
        "error": ": ".join(texts) or None,
        "observed_exit_code": ended.exit_code if ended else None,
        "observed_signal": ended.signal if ended else None,
        "waited_for": seen.waited_for if seen else None,
        "own_limit": seen.own_limit if seen else None,
        "own_limits": [limit.to_json() for limit in seen.limits] if seen else [],
        "on_the_wire": seen.text if seen else None,
        "named_limit_refuted": seen.refuted if seen else None,
        "phase_on_the_wire": seen.in_phase if seen else None,
    }


def sqlstate_of(outcome: StartupOutcome) -> str | None:
    """The database's error code of a failure: as its output has it, else as the server told it."""
    if outcome.error is not None and outcome.error.sqlstate is not None:
        return outcome.error.sqlstate
    if outcome.wire is None or outcome.status is Status.READY:
        return None
    error = ending_error(outcome.wire)
    return None if error is None else error.sqlstate


def _blame(outcome: StartupOutcome, bad: Sequence[StartupOutcome]) -> Blame | None:
    """What the wire says; None: it was not looked at."""
    if outcome.wire is None:
        return None
    error, phase = outcome.error, outcome.phase
    stated = error.stated_budget if error else None
    said = error.text if error else ""
    if error is not None and error.budget is not None and stated is None:
        named = named_seconds(said)
        is_budget = error.budget_seconds is not None and named is not None
        if not is_budget or not is_same(named or 0.0, error.budget_seconds or 0.0):
            said = ""  # it is known better already which budget ran out
    return blame(
        _as_failed(outcome, outcome.wire),
        [_as_failed(one, one.wire) for one in bad if one.wire is not None],
        said=said,
        stated=stated.seconds if stated else None,
        stated_name=stated.name if stated else None,
        phase=phase,
        phase_seconds=_phase_seconds(outcome),
    )


def _states_the_same(error: StartupFailure, stated: StatedBudget | None) -> bool:
    own = error.stated_budget
    return bool(own and stated and (own.name, own.seconds) == (stated.name, stated.seconds))


def _phase_seconds(outcome: StartupOutcome) -> float | None:
    """How long the phase lasted that it failed in, or was in; None: that is not known."""
    phase = outcome.phase
    if phase is None or phase in outcome.phase_seconds:
        return None if phase is None else outcome.phase_seconds[phase]
    if phase not in outcome.phase_spans:
        return None
    began, ended = outcome.phase_spans[phase]
    return max(0.0, (outcome.seconds if ended is None else ended) - began)


def _as_failed(outcome: StartupOutcome, seen: Observation) -> Failed:
    named = named_seconds(outcome.error.text) if outcome.error else None
    serving = outcome.status is Status.DEGRADED
    delayed = outcome.processors.delayed_seconds if outcome.processors else 0.0
    return Failed(seen, outcome.ended_by is EndedBy.ITSELF, serving, named, delayed)


def machine_share_of(outcomes: Iterable[StartupOutcome], cores: int) -> MachineShare | None:
    """What the machine's cores, too few for all at once, took of the time of startups.

    Args:
        outcomes: of one launch.
        cores: that they could use, at least one.

    Returns:
        None where the system does not tell.
    """
    shares = (
        share_from(
            outcome.seconds,
            None if outcome.wire is None else outcome.wire.own_seconds,
            outcome.processors.cpu_seconds,
            outcome.processors.delayed_seconds,
            cores,
            is_ready=outcome.status is Status.READY,
        )
        for outcome in outcomes
        if outcome.processors is not None
    )
    return machine_share(shares, cores)


def propagation(outcome: StartupOutcome) -> str:
    """How a failure propagated: on to later phases, or without its cause; empty: it did not.

    One that the launcher ended, or the system by a signal, had no chance to say its cause.
    """
    by_itself = outcome.exit_reason in (ExitReason.STARTUP_FAILED, ExitReason.UNKNOWN)
    found = []
    if outcome.phases_after_failure:
        found.append(f"went on to {', '.join(outcome.phases_after_failure)}")
    if by_itself and outcome.signal is None and not outcome.cause_kept:
        found.append("lost its cause")
    if not found:
        return ""
    phase = f" in phase {outcome.phase}" if outcome.phase else ""
    return f"startup {outcome.number} failed{phase} and {' and '.join(found)}"


def _observed(outcomes: Sequence[StartupOutcome], count: Counter[Status], lost: int) -> str:
    parts = [f"{count[Status.READY]} of {len(outcomes)} ready"]
    if count[Status.FAILED]:
        after = f" ({lost} after it had been ready)" if lost else ""
        parts.append(f"{count[Status.FAILED]} failed{after}")
    by_phase = sum(one.status is Status.DEGRADED and one.phase is not None for one in outcomes)
    if by_phase:
        parts.append(f"{by_phase} ready without what a phase failed to bring")
    if count[Status.DEGRADED] > by_phase:
        parts.append(f"{count[Status.DEGRADED] - by_phase} ready without a database session")
    if count[Status.TIMED_OUT]:
        parts.append(f"{count[Status.TIMED_OUT]} timed out")
    return ", ".join(parts)


def _phases(outcomes: Sequence[StartupOutcome]) -> dict[str, float | None]:
    by_phase: dict[str, list[float]] = {}
    for outcome in outcomes:
        for phase, seconds in outcome.phase_seconds.items():
            by_phase.setdefault(phase, []).append(seconds)
    return {phase: median_of(times, 4) for phase, times in by_phase.items()}


def _counts(values: Iterable[Any]) -> dict[str, int]:
    """How often each value occurs, most frequent first; None is left out."""
    return {
        str(value): times
        for value, times in Counter(value for value in values if value is not None).most_common()
    }
