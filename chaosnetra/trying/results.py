"""What a try showed, stage by stage, from its journal alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from chaosnetra.evidence.advice.own_limits import LIMIT_ON_A_WAIT, READINESS
from chaosnetra.evidence.advice.recommending import advise
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import DEGRADED, Startup, checks, startups_of
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.values import objects, seconds_or_none, text_or_none
from chaosnetra.evidence.wire.limits import LimitKind
from chaosnetra.trying.experiment import REFUSED, SILENT, SLOW, STEADY
from chaosnetra.wire.observation import UNANSWERED, Observation

TIMED_OUT = "timed_out"
# How many startups a limit showed in goes without saying where there is one.
OF_ONE = ", in 1 of 1"
# A service that goes on sooner without its database waits for nothing.
LEAST_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class StageResult:
    """The starts of one stage.

    Attributes:
        probe: its name in the experiment.
        is_again: whether it comes after the faults.
        startups: those that were seen; empty: it was not reached.
        own_limits: after how long and how many connections they gave up by themselves, as
            sentences; empty: nothing shows.
        limit_seconds: the longest time of these; 0: none is one of time.
    """

    probe: str
    is_again: bool
    startups: tuple[Startup, ...]
    own_limits: tuple[str, ...]
    limit_seconds: float = 0.0

    @property
    def ready(self) -> int:
        return sum(one.ready for one in self.startups)

    @property
    def degraded(self) -> int:
        return sum(one.status == DEGRADED for one in self.startups)

    @property
    def timed_out(self) -> int:
        return sum(one.status == TIMED_OUT for one in self.startups)

    @property
    def seconds(self) -> float:
        """Until they were ready or ended, a median; of at least one."""
        return median(one.seconds for one in self.startups)

    @property
    def round_trips(self) -> int | None:
        """One after the other, the most of them; None: not known."""
        seen = [one.observation for one in self.startups]
        return max((one.serial_round_trips for one in seen if one is not None), default=None)

    @property
    def went_on_waiting(self) -> list[tuple[Startup, Observation]]:
        """Startups that were ready without their database while a connection still waited."""
        return [
            (one, seen)
            for one in self.startups
            if one.status == DEGRADED
            and (seen := one.observation) is not None
            and seen.standing.doing in UNANSWERED
            and seen.standing.seconds >= LEAST_WAIT_SECONDS
        ]

    @property
    def went_on(self) -> str | None:
        """After how long they went on without an answer that never came, one line."""
        waited = [
            one.seconds - seen.connections[0].opened_seconds
            for one, seen in self.went_on_waiting
            if seen.connections
        ]
        if not waited or median(waited) < LEAST_WAIT_SECONDS:
            return None
        return (
            f"it went on without the database {median(waited):.1f} s after it began its first "
            "connection: a limit of its own, such as its pool's"
        )

    @property
    def why_not(self) -> str | None:
        """Why the first that was not ready was not, one line."""
        for one in self.startups:
            if one.ready:
                continue
            if one.status == TIMED_OUT and one.observation is not None:
                return f"not ready in time: {one.observation.standing.text}"
            code = f"exit code {one.exit_code}: " if one.exit_code is not None else ""
            text = text_or_none(one.error.get("text")) or "it says nothing"
            return text if f"exit code {one.exit_code}" in text else f"{code}{text}"
        return None


def stages_of(data: Mapping[str, Any]) -> list[StageResult]:
    """The stages of a try, in order."""
    found: dict[tuple[str, bool], list[Startup]] = {}
    limits: dict[tuple[str, bool], tuple[str, ...]] = {}
    seconds: dict[tuple[str, bool], float] = {}
    for check in checks(data):
        key = check.probe, check.probe == STEADY and check.stage is not Stage.BEFORE
        found.setdefault(key, []).extend(startups_of(check))
        for one in objects(check.output.get("own_limits")):
            is_of_time = one.get("kind") != LimitKind.ATTEMPTS.value
            # What a refusal ends at once has no limit of time.
            text = None if check.probe == REFUSED and is_of_time else text_or_none(one.get("text"))
            if text:
                limits[key] = *limits.get(key, ()), text.removesuffix(OF_ONE)
            if text and is_of_time:
                amount = seconds_or_none(one.get("amount")) or 0.0
                seconds[key] = max(amount, seconds.get(key, 0.0))
    order = ((STEADY, False), (SLOW, False), (REFUSED, False), (SILENT, False), (STEADY, True))
    return [
        StageResult(*key, tuple(found.get(key, ())), limits.get(key, ()), seconds.get(key, 0.0))
        for key in order
    ]


@dataclass(frozen=True)
class Advice:
    """One thing to change, and why."""

    change: str
    reason: str


def advice_of(
    journal: Journal, stages: Sequence[StageResult], limit_seconds: float
) -> Iterator[Advice]:
    """What to change, what matters most first.

    Args:
        journal: of the try.
        stages: of it.
        limit_seconds: of one start.
    """
    by_probe = {one.probe: one for one in stages if not one.is_again}
    silent, refused = by_probe[SILENT], by_probe[REFUSED]
    told = set()
    if silent.timed_out and not silent.own_limits:
        told.add(LIMIT_ON_A_WAIT)
        yield Advice(
            "give each connection a time limit of its own (connect_timeout or the like)",
            f"one waited for a silent database for all of {limit_seconds:g} s",
        )
    elif silent.timed_out and 2 * silent.limit_seconds > limit_seconds:
        told.add(LIMIT_ON_A_WAIT)
        yield Advice(
            "give each connection a shorter time limit (connect_timeout or the like)",
            f"it waited {silent.limit_seconds:.1f} s for a silent database before it gave up, of "
            f"the {limit_seconds:g} s that a start may take: that leaves no time to try again",
        )
    elif (waiting := silent.went_on_waiting) and not silent.own_limits:
        told.add(LIMIT_ON_A_WAIT)
        longest = max(seen.standing.seconds for _, seen in waiting)
        yield Advice(
            "give each connection a time limit of its own (connect_timeout or the like)",
            f"one still waited for a silent database after {longest:.1f} s, when the service had "
            "gone on without it",
        )
    if refused.degraded or (refused.ready and refused.startups):
        told.add(READINESS)
        yield Advice(
            "let its readiness ask for something that needs the database",
            "it says that it is ready while the database refuses connections",
        )
    for one in advise([journal]).recommendations:
        if one.subject in told:
            continue
        current = f"{one.current} → " if one.current else ""
        yield Advice(f"{one.subject}: {current}{one.proposed}", one.reason)
