"""Verdicts of runs, and predictions against them, as lines. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaosnetra.gameday.people.predictions import Prediction
from chaosnetra.gameday.record.entries import Entry
from chaosnetra.gameday.record.states import Kind
from chaosnetra.gameday.report.calibration import PredictionOutcome, covers
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import one_line


def verdict_line(ended: Mapping[str, Any]) -> str:
    """A verdict with evidence, from an entry of the kind `run.ended`."""
    from chaosnetra.evidence.verdict import verdict as evidence
    from chaosnetra.evidence.verdict.bounds import ProvenBound

    text = f"{ended.get('verdict')}: {ended.get('reason')}"
    try:
        outcome = evidence.Outcome(str(ended.get("verdict")))
        proofs = tuple(
            ProvenBound(
                str(proof["probe"]),
                int(proof["trials"]),
                int(proof["failures"]),
                (float(proof["failure_rate_bounds"][0]), float(proof["failure_rate_bounds"][1])),
                float(proof["confidence"]),
            )
            for proof in ended.get("proofs") or ()
        )
        # The cause is not shown.
        cause = evidence.Cause.HELD
        text = evidence.Verdict(outcome, cause, str(ended.get("reason")), proofs).line
    except (LookupError, TypeError, ValueError):
        pass  # somebody else's journal; its verdict says less
    return one_line(text + stopped_text(ended))


def stopped_text(ended: Mapping[str, Any]) -> str:
    """Why a run was stopped before its end, to be put behind something; empty when it was not."""
    why = ended.get("stopped")
    return f"; it was stopped: {why}" if why else ""


def outcome_of(ended: Mapping[str, Any]) -> PredictionOutcome:
    """What predictions are held against."""
    held = {"held": True, "violated": False}.get(str(ended.get("verdict")))
    return PredictionOutcome(held, finite_or_none(ended.get("startup_seconds")))


def predictions_of(entries: Iterable[Entry]) -> list[Prediction]:
    """What each person said of the last run; the last word counts.

    It is what was predicted since the step, or its repetition, began.
    """
    said: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry.kind in (Kind.ANNOUNCED, Kind.REPEATED):
            said.clear()
        elif entry.kind is Kind.PREDICTED:
            by = str(entry.data.get("by"))
            said.setdefault(by, {"by": by}).update(entry.data)
    return [Prediction.from_json(data) for data in said.values()]


def comparison_lines(entries: list[Entry]) -> Iterator[str]:
    """What people said of the last run, and what happened."""
    ended = next((e.data for e in reversed(entries) if e.kind is Kind.RUN_ENDED), {})
    outcome = outcome_of(ended)
    for prediction in predictions_of(entries):
        yield against(prediction, outcome)


def against(prediction: Prediction, outcome: PredictionOutcome) -> str:
    """One prediction and what happened, as a line."""
    parts = []
    if prediction.held_probability is not None:
        happened = {True: "it held", False: "it was violated", None: "the run proves nothing"}
        parts.append(f"holds {prediction.held_probability:.0%}: {happened[outcome.held]}")
    middle = prediction.middle_seconds
    if middle is not None:
        more = f"-{prediction.high_seconds:g}" if prediction.is_range else ""
        said = f"startup {prediction.low_seconds:g}{more} s"
        if outcome.startup_seconds is None:
            parts.append(f"{said}: none was ready")
        else:
            seconds = outcome.startup_seconds
            inside = ", inside" if prediction.is_range and covers(prediction, seconds) else ""
            parts.append(f"{said}: {seconds:.3g} s{inside}")
    return f"{prediction.by}: {'; '.join(parts) or 'no opinion'}"
