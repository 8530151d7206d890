"""Whether startups that fail say so: by their end, by serving nothing, and by what they print."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupOutcome, Status


def judge_explanations(
    outcomes: Sequence[StartupOutcome],
    contrasts: Mapping[ExitReason, StartupOutcome],
    exit_code: int,
) -> dict[str, Any]:
    """Judge what the startups of one launch said of their failures.

    Args:
        outcomes: at least one.
        contrasts: startups that were made to end for another reason, by that reason.
        exit_code: what a failed startup must end with.

    Returns:
        `held`, `expected`, `observed`; `attempts`, `ready`, `failed`, `timed_out`, `degraded`;
        `failures`: how many left something unsaid; `exit_code`; `told_apart`: for each contrast
        its `reason`, `exit_code`, `told`, `error`; `phase`, `budget`, `budget_seconds`,
        `sqlstate`, `error`: of the first that left something unsaid; `startups`: each outcome
        with its `unsaid`.
    """
    unsaid = [left_unsaid(outcome, exit_code) for outcome in outcomes]
    told_apart = [_contrast(reason, outcome) for reason, outcome in contrasts.items()]
    confused = [told["reason"] for told in told_apart if not told["told"]]
    lacking = [(outcome, lacks) for outcome, lacks in zip(outcomes, unsaid, strict=True) if lacks]
    counts = {
        status.value: sum(outcome.status is status for outcome in outcomes) for status in Status
    }
    others = len(outcomes) - counts["ready"]
    observed = [f"{counts['ready']} of {len(outcomes)} ready"]
    observed += [f"{others - len(lacking)} of the {others} others said why"] if others else []
    observed += [f"not told apart: {', '.join(confused)}"] if confused else []
    first, lacks = lacking[0] if lacking else (None, [])
    error = first.error if first else None
    return {
        "held": not lacking and not confused,
        "expected": f"each startup that fails ends with exit code {exit_code}, serves nothing, and "
        "says phase, error and cause"
        + (f"; exit code {exit_code} for other reasons is told apart" if contrasts else ""),
        "observed": ", ".join(observed),
        "attempts": len(outcomes),
        **counts,
        "failures": len(lacking),
        "exit_code": exit_code,
        "told_apart": told_apart,
        "phase": first.phase if first else None,
        "budget": error.budget if error else None,
        "budget_seconds": error.budget_seconds if error else None,
        "sqlstate": error.sqlstate if error else None,
        "error": f"{'; '.join(lacks)}: {error.text if error else 'nothing was printed'}"
        if first
        else None,
        "startups": [
            {**outcome.to_json(), "unsaid": lacks}
            for outcome, lacks in zip(outcomes, unsaid, strict=True)
        ],
    }


def _contrast(reason: ExitReason, outcome: StartupOutcome) -> dict[str, Any]:
    return {
        "reason": reason.value,
        "told": outcome.exit_reason is reason,
        "exit_code": outcome.exit_code,
        "status": outcome.status.value,
        "error": outcome.error.text if outcome.error else None,
    }


def left_unsaid(outcome: StartupOutcome, exit_code: int) -> list[str]:
    """What a startup that is not ready owes whoever reads its end; empty when it said all.

    Args:
        outcome: of a startup.
        exit_code: what a failed startup must end with.
    """
    if outcome.status is Status.READY:
        return []
    error = outcome.error
    if outcome.status is Status.DEGRADED:
        return [f"it serves although phase {outcome.phase} failed"]
    found = []
    if outcome.ended_by is EndedBy.LAUNCHER:
        found.append("it did not end by itself")
    elif outcome.exit_code != exit_code:
        by_signal = outcome.signal is not None
        ended = f"by signal {outcome.signal}" if by_signal else f"with {outcome.exit_code}"
        found.append(f"it ended {ended}, not with {exit_code}")
    elif outcome.exit_reason is not ExitReason.STARTUP_FAILED:
        found.append(f"it ended with {exit_code} because of {outcome.exit_reason}")
    if outcome.answered:
        found.append("it answered requests")
    if outcome.phase is None:
        found.append("no phase is named")
    if outcome.phases_after_failure:
        found.append(f"it went on to {', '.join(outcome.phases_after_failure)}")
    if not outcome.cause_kept:
        found.append("the cause is lost")
    if error is not None and error.budget is not None and error.budget not in error.text:
        length = f" of {error.budget_seconds:g} s" if error.budget_seconds is not None else ""
        found.append(f"the {error.budget} budget{length} ran out, which its message does not name")
    return found
