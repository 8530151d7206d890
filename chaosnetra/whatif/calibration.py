"""The model's figures, from launches without a fault; and what launches have shown at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from chaosnetra.evidence.wire.limits import Failed, LimitKind, OwnLimit, own_limits
from chaosnetra.whatif.course import Course
from chaosnetra.whatif.launches import Launch
from chaosnetra.whatif.system import OwnLimits
from chaosnetra.wire.observation import Observation

REFUSED_SQLSTATE = "53300"
# Waits that grow more than this from the smallest launch to the largest are no chance.
GROWTH_SHARE = 0.25
GROWTH_SECONDS = 0.05
# Fewer startups that hardly waited for a core do not tell how much startups differ.
FEWEST_LIGHT = 3
MOST_STATEMENTS = 5


class Answered(NamedTuple):
    """A statement, as it was answered without latency.

    Attributes:
        text: masked and cut.
        times: executions in a startup, a mean.
        seconds: of waiting for each answer, a mean.
    """

    text: str
    times: float
    seconds: float


@dataclass(frozen=True)
class Calibration:
    """What one startup does, and needs.

    Attributes:
        courses: of startups that were ready, without a fault.
        without_machine: how many of these hardly waited for a core; 0: there were too few of
            them, and what startups waited is taken out of their time before the first connection.
        machine_known: whether the machine's share of them is known.
        own_limits: of the service, as they showed.
        statements: that waited longest, by their text: how often each startup executes one, and
            how long its answer takes, as means.
        waits_grow: median seconds of waiting for the database in the smallest launch and in the
            largest, with their numbers of startups, where they grow; else None.
    """

    courses: tuple[Course, ...]
    without_machine: int
    machine_known: bool
    own_limits: OwnLimits
    statements: tuple[Answered, ...]
    waits_grow: tuple[tuple[int, float], tuple[int, float]] | None

    def to_json(self) -> dict[str, Any]:
        courses = self.courses
        return {
            "startups": len(courses),
            "without_machine_share": self.without_machine,
            "machine_share_known": self.machine_known,
            "own_seconds": median(one.own_seconds for one in courses),
            "waited_seconds": median(one.waited_seconds for one in courses),
            "round_trips": median(one.round_trips for one in courses),
            "answer_seconds": answer_seconds(courses),
            "connections_at_once": max(one.most_at_once for one in courses),
            "connections_kept": max(one.kept for one in courses),
            "held_seconds": median(held_seconds(one) for one in courses),
            "bytes": median(one.bytes for one in courses),
            "statements": [one._asdict() for one in self.statements],
        }


def calibrated(launches: Iterable[Launch], limits: OwnLimits) -> Calibration | None:
    """Figures from launches; None where no startup in them can be used.

    Args:
        launches: only those without a fault are looked at.
        limits: of the service.
    """
    usable = [
        (launch, one, course)
        for launch in launches
        if launch.is_plain
        for one in launch.startups
        if (course := one.course) is not None
    ]
    if not usable:
        return None
    light = [found for found in usable if found[1].share and not found[1].share.is_noticeable]
    chosen = light if len(light) >= FEWEST_LIGHT else usable
    return Calibration(
        tuple(course for _, _, course in chosen),
        len(light) if chosen is light else 0,
        all(one.share is not None for _, one, _ in chosen),
        limits,
        _statements([one.seen for _, one, _ in chosen if one.seen is not None]),
        _growth([(launch.count, course.waited_seconds) for launch, _, course in chosen]),
    )


def _statements(seen: Sequence[Observation]) -> tuple[Answered, ...]:
    executed: Counter[str] = Counter()
    trips: Counter[str] = Counter()
    waited: dict[str, float] = {}
    for one in (statement for startup in seen for statement in startup.statements):
        executed[one.text] += one.times
        trips[one.text] += one.round_trips
        waited[one.text] = waited.get(one.text, 0.0) + one.waited_seconds
    longest = sorted(waited, key=lambda text: (-waited[text], text))[:MOST_STATEMENTS]
    return tuple(
        Answered(text, executed[text] / len(seen), waited[text] / max(1, trips[text]))
        for text in longest
    )


def _growth(
    found: Sequence[tuple[int, float]],
) -> tuple[tuple[int, float], tuple[int, float]] | None:
    least, most = (choose(count for count, _ in found) for choose in (min, max))
    few, many = (median(s for count, s in found if count == at) for at in (least, most))
    if many - few <= max(GROWTH_SECONDS, GROWTH_SHARE * few):
        return None
    return (least, few), (most, many)


def limits_of(launches: Iterable[Launch]) -> OwnLimits:
    """The service's own limits, as they showed in any launch."""
    shown: dict[LimitKind, float] = {}
    for launch in launches:
        failed = [
            Failed(one.seen, one.ended_itself, delayed_seconds=one.delayed_seconds)
            for one in launch.startups
            if not one.ready and one.seen is not None
        ]
        found: tuple[OwnLimit, ...] = own_limits(failed) if failed else ()
        for limit in found:
            shown[limit.kind] = min(limit.amount, shown.get(limit.kind, limit.amount))
    return OwnLimits(
        shown.get(LimitKind.ANSWER),
        shown.get(LimitKind.CONNECTION),
        shown.get(LimitKind.FIRST_CONNECTION),
        shown.get(LimitKind.START),
        shown.get(LimitKind.CALL),
    )


def database_was_full(launches: Iterable[Launch]) -> bool:
    """Whether the database refused a connection as one too many."""
    return any(
        error.sqlstate == REFUSED_SQLSTATE
        for launch in launches
        for one in launch.startups
        if one.seen is not None
        for error in one.seen.errors
    )


def held_seconds(course: Course) -> float:
    """Of all connections together, how long they are open within a startup."""
    held, count = 0.0, 0
    for one in course.stretches:
        held += count * one.seconds(0.0)
        count += one.opens - one.closes
    return held


def answer_seconds(courses: Sequence[Course]) -> float:
    """How long the database takes for one answer, on the path without latency; a mean."""
    trips = sum(one.round_trips for one in courses)
    return sum(one.waited_seconds for one in courses) / trips if trips else 0.0
