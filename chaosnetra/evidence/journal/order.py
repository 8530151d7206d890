"""When things happened in a run, by clocks that agree.

A wall clock may be set while a run goes on. So the journal control notes, beside the wall-clock
times of the core, seconds since the run began by a clock that nobody can set. Those decide; in
journals without them the wall clock does, unless it contradicts itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any

from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import ENDED, STARTED
from chaosnetra.quantities import finite_or_none

LONGEST_RUN_SECONDS = 1e8
# Threads that begin activities at once may note them in another order.
SLACK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a run.

    Attributes:
        seconds: since the run began, by a clock that cannot be set; None where not noted.
        at: by the wall clock; None where not noted.
    """

    seconds: float | None
    at: datetime | None

    @property
    def is_known(self) -> bool:
        return self.seconds is not None or self.at is not None

    def is_after(self, other: "Moment") -> bool | None:
        """Whether it is later than another one; None where nothing tells."""
        if self.seconds is not None and other.seconds is not None:
            return self.seconds > other.seconds
        if self.at is not None and other.at is not None:
            return self.at > other.at
        return None


@dataclass(frozen=True, slots=True)
class Period:
    """What lasted from one moment to another; without an end it stayed."""

    start: Moment
    end: Moment | None

    def may_overlap(self, other: "Period") -> bool:
        """Whether both were at once; so it is where nothing tells that they were not."""
        return not (_is_before(self, other) or _is_before(other, self))


def _is_before(one: Period, other: Period) -> bool:
    """Whether one is known to have ended when the other began."""
    return one.end is not None and one.end.is_after(other.start) is False


def seconds_of_run(value: Any) -> float | None:
    """Seconds since a run's beginning; None for what is none."""
    seconds = finite_or_none(value)
    return seconds if seconds is not None and 0 <= seconds < LONGEST_RUN_SECONDS else None


def moment(text: str | None) -> datetime | None:
    """A time of a journal; those that do not say so are UTC, as the core's older ones are."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def began(run: Mapping[str, Any]) -> Moment:
    """When an activity of a journal began."""
    return Moment(seconds_of_run(run.get(STARTED)), moment(run["start"]))


def ended(run: Mapping[str, Any]) -> Moment:
    """When an activity of a journal ended."""
    return Moment(seconds_of_run(run.get(ENDED)), moment(run["end"]))


def clock_was_set(journal: Mapping[str, Any]) -> bool:
    """Whether the wall clock of a journal contradicts itself, so that it orders nothing.

    It does where something ends before it begins, or begins before what came first.

    Args:
        journal: `data` of a `chaosnetra.evidence.journal.reading.Journal`.
    """
    return any(
        (one - next_).total_seconds() > SLACK_SECONDS
        for times in _sequences(journal)
        for one, next_ in pairwise(times)
    )


def since_start(journal: Mapping[str, Any], when: Moment) -> float | None:
    """Seconds from the run's beginning to a moment; None where they are not known.

    Where the wall clock alone tells of a moment before the beginning, it was set.
    """
    if when.seconds is not None:
        return when.seconds
    first = moment(journal["start"])
    if first is None or when.at is None:
        return None
    seconds = (when.at - first).total_seconds()
    if seconds < -SLACK_SECONDS or seconds >= LONGEST_RUN_SECONDS:
        return None
    return max(0.0, seconds)


def _sequences(journal: Mapping[str, Any]) -> Iterator[list[datetime]]:
    """Wall-clock times that must not decrease, as far as they are noted."""
    method, rollbacks = journal["run"], journal["rollbacks"]
    asked: dict[Stage, list[Mapping[str, Any]]] = {stage: [] for stage in Stage}
    for stage, run in checked_probes(journal):
        asked[stage].append(run)
    for run in (*chain.from_iterable(asked.values()), *method, *rollbacks):
        yield _known([run["start"], run["end"]])
    in_order = [journal["start"]]
    # A baseline of another run was measured before this one began.
    before = () if journal["chaosnetra"].get("baseline_of") else asked[Stage.BEFORE]
    for run in (*before, *method, *asked[Stage.AFTER], *rollbacks):
        in_background = run["activity"].get("background")  # then only its beginning is in order
        in_order += [run["start"]] if in_background else [run["start"], run["end"]]
    in_order += [journal["end"]]
    yield _known(in_order)
    yield _known([run["start"] for run in asked[Stage.DURING]])
    yield _known([run["start"] for run in (*rollbacks, *asked[Stage.RECOVERY])])
    for fault in journal["chaosnetra"]["faults"]:
        yield _known([fault.get("injected_at"), fault.get("undone_at")])


def _known(texts: Sequence[Any]) -> list[datetime]:
    found = (moment(text) if isinstance(text, str) else None for text in texts)
    return [at for at in found if at is not None]
