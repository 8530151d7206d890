"""Whether startups that fail say so: by their end, by serving nothing, and by what they print."""

from collections.abc import Mapping, Sequence
from typing import Any

from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupOutcome, Status
from chaosnetra.startup.summary import first_failure
from chaosnetra.startup.uncounted import Uncounted, uncounted_result
from chaosnetra.text import how_many


def judge_explanations(
    outcomes: Sequence[StartupOutcome],
    contrasts: Mapping[ExitReason, StartupOutcome],
    exit_code: int | None,
    fatal_faults: Sequence[str] = (),
    uncounted: Uncounted | None = None,
) -> dict[str, Any]:
    """Judge how the startups of one launch explain their failures.

    It does not hold where a startup does not count, which may have left something unsaid.

    Args:
        outcomes: at least one.
        contrasts: startups that were made to end for another reason, by that reason.
        exit_code: what a failed startup must end with; None: any but 0.
        fatal_faults: names of the faults in place that every startup must fail under.
        uncounted: startups that are no trials; None: there are none.

    Returns:
        `held`, `expected`, `observed`; `attempts`, `ready`, `failed`, `timed_out`, `degraded`;
        `failures`: how many left something unsaid; `exit_code`; `fatal_faults`; `told_apart`: for
        each contrast its `reason`, `exit_code`, `told`, `error`; `startups`: each outcome with its
        `unsaid`; `uncounted`: see `Uncounted.to_json`; and
        `chaosnetra.startup.summary.first_failure` of the first that left something unsaid.
    """
    unsaid = [left_unsaid(outcome, exit_code, fatal_faults) for outcome in outcomes]
    told_apart = [_contrast(reason, outcome) for reason, outcome in contrasts.items()]
    confused = [one["reason"] for one in told_apart if not one["told"]]
    lacking = [(outcome, lacks) for outcome, lacks in zip(outcomes, unsaid, strict=True) if lacks]
    counts = {
        status.value: sum(outcome.status is status for outcome in outcomes) for status in Status
    }
    others = len(outcomes) - counts["ready"]
    silent = sum(outcome.status is not Status.READY for outcome, _ in lacking)
    observed = [f"{counts['ready']} of {len(outcomes)} ready"]
    observed += [f"{others - silent} of the {how_many(others, 'other')} said why"] if others else []
    observed += [f"not told apart: {', '.join(confused)}"] if confused else []
    observed += [f"{uncounted.more}"] if uncounted else []
    first, lacks = lacking[0] if lacking else (None, [])
    code = "an exit code other than 0" if exit_code is None else f"exit code {exit_code}"
    return {
        "held": not lacking and not confused and uncounted is None,
        "expected": f"each startup that fails ends with {code}, serves nothing, and "
        "says its cause, and its phase where it has phases"
        + (f"; {code} for other reasons is told apart" if contrasts else "")
        + (f"; all fail under {', '.join(fatal_faults)}" if fatal_faults else ""),
        "observed": ", ".join(observed),
        "attempts": len(outcomes),
        **counts,
        "failures": len(lacking),
        "exit_code": exit_code,
        "fatal_faults": list(fatal_faults),
        "told_apart": told_apart,
        **uncounted_result(uncounted, is_undecided=not lacking and not confused),
        **first_failure(
            first,
            _text(first, lacks) if first else "",
            [outcome for outcome in outcomes if outcome.status is not Status.READY],
        ),
        "startups": [
            {**outcome.to_json(), "unsaid": lacks}
            for outcome, lacks in zip(outcomes, unsaid, strict=True)
        ],
    }


def _text(outcome: StartupOutcome, lacks: Sequence[str]) -> str:
    """What is said before its error."""
    is_silent = outcome.status is not Status.READY and outcome.error is None
    return "; ".join(lacks) + (": nothing was printed" if is_silent else "")


def _contrast(reason: ExitReason, outcome: StartupOutcome) -> dict[str, Any]:
    return {
        "reason": reason.value,
        "told": outcome.exit_reason is reason,
        "exit_code": outcome.exit_code,
        "status": outcome.status.value,
        "error": outcome.error.text if outcome.error else None,
    }


def _reasons(outcome: StartupOutcome) -> tuple[ExitReason, ...]:
    """Why a failed startup may have ended: of a service without phases its cause tells that."""
    if outcome.phase is None and outcome.cause_kept:
        return ExitReason.STARTUP_FAILED, ExitReason.UNKNOWN
    return (ExitReason.STARTUP_FAILED,)


def left_unsaid(
    outcome: StartupOutcome, exit_code: int | None, fatal_faults: Sequence[str] = ()
) -> list[str]:
    """What a startup that is not ready owes whoever reads its end; empty when it left nothing out.

    Of a service that prints no phases its exit code and a cause that can be recognized are enough.

    Args:
        outcome: of a startup.
        exit_code: what a failed startup must end with; None: any but 0, by which alone whoever
            starts it sees that it failed.
        fatal_faults: faults in place that it must not be ready under.
    """
    if outcome.status is Status.READY:
        under = ", ".join(fatal_faults)
        return [f"it is ready under {under}, where it must fail"] if fatal_faults else []
    error = outcome.error
    if outcome.status is Status.DEGRADED:
        if outcome.phase is None:
            return ["it serves although it has no session of the database"]
        return [f"it serves although phase {outcome.phase} failed"]
    found = []
    if outcome.ended_by is EndedBy.LAUNCHER:
        found.append("it did not end by itself")
    elif outcome.exit_code in (None, 0) or exit_code not in (None, outcome.exit_code):
        by_signal = outcome.signal is not None
        ended = f"by signal {outcome.signal}" if by_signal else f"with {outcome.exit_code}"
        wanted = "an exit code other than 0" if exit_code is None else exit_code
        found.append(f"it ended {ended}, not with {wanted}")
    elif outcome.exit_reason not in _reasons(outcome):
        why = "for a reason that is not known"
        if outcome.exit_reason not in (None, ExitReason.UNKNOWN):
            why = f"because of {str(outcome.exit_reason).replace('_', ' ')}"
        found.append(f"it ended with {outcome.exit_code} {why}")
    if outcome.answered:
        found.append("it answered requests")
    elif outcome.was_ready_seconds is not None:
        found.append("it said that it was ready")
    if outcome.phase is None and not outcome.cause_kept:
        found.append("no phase is named")
    if outcome.phases_after_failure:
        found.append(f"it went on to {', '.join(outcome.phases_after_failure)}")
    if not outcome.cause_kept:
        found.append("the cause is lost")
    # Who was ended cannot name our limit, and one that its own words state is named.
    is_owed = outcome.ended_by is not EndedBy.LAUNCHER and not (error and error.stated_budget)
    if is_owed and error and error.budget is not None and error.budget not in error.text:
        length = f" of {error.budget_seconds:g} s" if error.budget_seconds is not None else ""
        found.append(f"the {error.budget} budget{length} ran out, which its message does not name")
    return found
