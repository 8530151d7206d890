"""What was seen on the wire of a run's startups, and what failed ones printed.

There may be very many startups: of all, figures are kept; of a few, the whole observation.
"""

import heapq
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from chaosnetra.evidence.journal.observed import observation_of
from chaosnetra.evidence.journal.samples import READY, Check, Startup, startup_of
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.values import (
    count_or_none,
    duration_or_none,
    int_or_none,
    object_or_empty,
    objects,
)
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.wire.observation import Observation

MOST_PROBES = 20
MOST_FOLDED = 20
MOST_PHASES = 40
MOST_TEXTS = 200
MOST_OUTPUTS = 5
MOST_LINES = 2_000
LONGEST_TEXT = 400
BEFORE, UNDER, OUTSIDE, AFTER = (
    "before the fault", "under the fault", "without the fault", "after the fault",
)  # fmt: skip
WHENS = (BEFORE, UNDER, OUTSIDE, AFTER)
# What is told of each startup, in the order of the table; seconds, and counts.
SECONDS = {"waited_seconds": "waited for the database", "own_seconds": "own time"}
COUNTS = {
    "serial_round_trips": "round trips, one after the other",
    "round_trips": "round trips in all",
    "setup_round_trips": "of these, in the set-up of sessions",
    "connection_count": "connections",
    "sessions": "sessions",
    "most_at_once": "most connections at once",
    "refused": "connections refused",
    "executions": "statements executed",
    "error_count": "errors of the server",
}
# A check and, as the journal has it, one of its startups.
Recorded = tuple[Check, Mapping[str, Any]]
_FIGURES = re.compile(r"0x[0-9a-f]+|\d+(?:[.,:]\d+)*")


@dataclass
class Texts:
    """What startups have in common, such as a SQLSTATE.

    Attributes:
        most: how often it is in one of them at the most.
        startups: how many have it.
    """

    most: dict[str, int] = field(default_factory=dict)
    startups: Counter[str] = field(default_factory=Counter)

    def add(self, found: Mapping[str, int]) -> None:
        """What one startup has, and how often."""
        for text, times in found.items():
            if text in self.most or len(self.most) < MOST_TEXTS:
                self.most[text] = max(times, self.most.get(text, 0))
                self.startups[text] += 1


@dataclass
class Figures:
    """Startups of one probe, all under the fault or all without it.

    Attributes:
        startups: that were observed.
        whole: of these, those whose connections, statements and errors the journal lists.
        ready: of these.
        values: by name, see `SECONDS` and `COUNTS`.
        errors: of the server, by SQLSTATE.
        repeated: statements, by the most executions in a row; see `Texts`.
        unread: startups with connections that could not be read.
        incomplete: startups of which not everything was counted.
    """

    startups: int = 0
    whole: int = 0
    ready: int = 0
    values: "dict[str, array[float]]" = field(
        default_factory=lambda: {name: array("d") for name in (*COUNTS, *SECONDS)}
    )
    errors: Texts = field(default_factory=Texts)
    repeated: Texts = field(default_factory=Texts)
    unread: int = 0
    incomplete: int = 0

    def add(self, startup: Startup, wire: Mapping[str, Any]) -> None:
        self.startups += 1
        self.whole += is_whole(wire)
        self.ready += startup.ready
        for name, values in self.values.items():
            told = wire.get(name)
            value = duration_or_none(told) if name in SECONDS else count_or_none(told)
            if value is not None:
                values.append(value)
        self.unread += bool(wire.get("unread"))
        self.incomplete += wire.get("complete") is False
        if wire.get("errors"):
            found: Counter[str] = Counter()
            for error in objects(wire["errors"]):
                found[error_name(error)] += count_or_none(error.get("times")) or 0
            self.errors.add(found)
        if wire.get("repeated"):
            self.repeated.add(dict(_pairs(wire["repeated"])))


@dataclass(frozen=True)
class FaultOver:
    """A fault on a startup's axis: seconds since it began; None for an end beyond it."""

    name: str
    start: float
    end: float | None


@dataclass(frozen=True)
class Seen:
    """A startup that is shown.

    Attributes:
        when: one of `WHENS`.
        startup: as the journal has it.
        wire: what was seen of it.
        faults: that were in place meanwhile.
        phases: when they began and ended, where that was noted; None: it had no end.
    """

    when: str
    startup: Startup
    wire: Observation
    faults: Sequence[FaultOver]
    phases: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """How startups of one stage stood that were not ready; alike but for numbers."""

    stage: Stage
    when: str
    status: str
    seconds: float
    text: str
    numbers: list[int]


@dataclass(frozen=True)
class KeptOutput:
    """The last lines of failed startups.

    Attributes:
        lines: of the first of them.
        startups: that printed the same.
        identical: whether they do so to the letter, and not only but for numbers.
        stages: in which they did.
    """

    lines: Sequence[str]
    startups: int
    identical: bool
    stages: Set[Stage]

    def with_one_more(self, stage: Stage, *, identical: bool) -> "KeptOutput":
        """The same of one more startup, whose output may be identical or only alike."""
        return KeptOutput(
            self.lines, self.startups + 1, self.identical and identical, self.stages | {stage}
        )


@dataclass(frozen=True)
class ProbeSeen:
    """What was seen of the startups of one probe.

    Attributes:
        probe: its name.
        figures: by `WHENS`.
        shown: the startups that tell most, in words: what each is shown for.
        folded: others.
        left_out: how many more there were.
        standings: of those that were not ready.
        standings_left_out: how many of those are not told.
        outputs: what they printed, the most frequent first.
        outputs_of: how many startups that were not ready have their output kept.
        unread: observations that are none.
    """

    probe: str
    figures: Mapping[str, Figures]
    shown: Sequence[tuple[str, Seen]]
    folded: Sequence[Seen]
    left_out: int
    standings: Sequence[Standing]
    standings_left_out: int
    outputs: Sequence[KeptOutput]
    outputs_of: int
    unread: int


class ProbeCollector:
    """Takes in the startups of one probe; see `ProbeSeen`."""

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self.figures: dict[str, Figures] = {}
        self._ready: list[Recorded] = []
        self._failed: list[Recorded] = []
        self._outputs: dict[str, KeptOutput] = {}
        self._printed: dict[tuple[int, int], str] = {}
        self._like: list[tuple[Stage, tuple[int, int]]] = []

    def add(self, check: Check, startup: Startup, data: Mapping[str, Any]) -> None:
        when = when_of(check)
        if isinstance(data.get("wire"), dict):
            figures = self.figures.get(when)
            if figures is None:
                figures = self.figures[when] = Figures()
            figures.add(startup, data["wire"])
            (self._ready if startup.ready else self._failed).append((check, data))
        lines, of = data.get("output"), int_or_none(data.get("output_of"))
        if isinstance(lines, list) and any(lines):
            self._add_output(check, startup, [str(line) for line in lines[-MOST_LINES:]])
        elif of is not None:
            self._like.append((check.stage, (id(check), of)))

    def _add_output(self, check: Check, startup: Startup, lines: list[str]) -> None:
        key = alike("\n".join(lines))
        self._printed[id(check), startup.number] = key
        kept = self._outputs.get(key)
        if kept is not None:
            same = kept.lines == lines
            self._outputs[key] = kept.with_one_more(check.stage, identical=same)
        elif len(self._outputs) < MOST_TEXTS:
            self._outputs[key] = KeptOutput(lines, 1, True, {check.stage})

    def _outputs_with_those_alike(self) -> list[KeptOutput]:
        """Also of startups of which only is noted whose output theirs is like."""
        for stage, place in self._like:
            kept = self._outputs.get(self._printed.get(place, ""))
            if kept is not None:
                alike_to = self._printed[place]
                self._outputs[alike_to] = kept.with_one_more(stage, identical=False)
        self._like.clear()
        return sorted(self._outputs.values(), key=lambda one: -one.startups)

    def found(self, faults_over: Callable[[Check], Sequence[FaultOver]]) -> ProbeSeen:
        """All of it.

        Args:
            faults_over: faults that were in place while a check was made, on its axis.
        """
        failed, ready = (
            [one for one in every if is_whole(one[1]["wire"])]
            for every in (self._failed, self._ready)
        )
        # What is not listed may be slower.
        slowest = "The slowest that was ready" + (
            ", of those listed whole" if len(ready) < len(self._ready) else ""
        )
        chosen = dict(_chosen(failed, ready, slowest))
        taken = {id(one[1]) for one in chosen.values()}
        others = heapq.nsmallest(
            MOST_FOLDED,
            (one for one in (*failed, *ready) if id(one[1]) not in taken),
            lambda one: (not one[0].under_fault, one[1]["status"] == READY, -one[1]["seconds"]),
        )

        def seen(one: Recorded) -> Seen | None:
            check, data = one
            startup, wire = startup_of(check, data), observation_of(data["wire"])
            if startup is None or wire is None:
                return None
            phases = _phase_spans(data.get("phase_spans"))
            faults = [one for one in faults_over(check) if one.start < startup.seconds]
            return Seen(when_of(check), startup, wire, faults, phases)

        shown = [(why, found) for why, one in chosen.items() if (found := seen(one)) is not None]
        folded = [found for one in others if (found := seen(one)) is not None]
        unread = len(chosen) + len(others) - len(shown) - len(folded)
        standings = _standings(self._failed)
        told = standings[:MOST_FOLDED]
        outputs = self._outputs_with_those_alike()
        return ProbeSeen(
            self.probe,
            {when: self.figures[when] for when in WHENS if when in self.figures},
            shown,
            folded,
            len(self._ready) + len(self._failed) - len(chosen) - len(others),
            told,
            sum(len(one.numbers) for one in standings) - sum(len(one.numbers) for one in told),
            outputs[:MOST_OUTPUTS],
            sum(one.startups for one in outputs),
            unread,
        )


def when_of(check: Check) -> str:
    """Whether a check was made before, under or after the fault."""
    if check.under_fault:
        return UNDER
    return {Stage.BEFORE: BEFORE, Stage.RECOVERY: AFTER}.get(check.stage, OUTSIDE)


def is_whole(wire: Mapping[str, Any]) -> bool:
    """Whether an observation has its lists: of very many startups most have only their counts."""
    return bool(wire.get("connections")) or not wire.get("connection_count")


@lru_cache(maxsize=MOST_TEXTS)
def alike(text: str) -> str:
    """A text without its figures: the same for those that differ by times and numbers only."""
    return _FIGURES.sub("#", text)


def error_name(error: Mapping[str, Any]) -> str:
    """An error of the server by its SQLSTATE and what it said first."""
    message = alike(one_visible_line(error.get("message") or "", 120))
    return f"{one_visible_line(error.get('sqlstate') or 'none', 10)} {message}".strip()


def _chosen(
    failed: Sequence[Recorded], ready: Sequence[Recorded], slowest: str
) -> Iterator[tuple[str, Recorded]]:
    """The startups that tell most, and what each is shown for."""
    under = [one for one in ready if one[0].under_fault]
    without = [one for one in ready if one[0].stage is Stage.BEFORE]
    without = without or [one for one in ready if not one[0].under_fault]
    first = next((one for one in failed if one[0].under_fault), next(iter(failed), None))
    if first is not None:
        yield "The first that was not ready", first
    if under:
        yield slowest, max(under, key=_seconds)
    if without:
        yield "For comparison", sorted(without, key=_seconds)[(len(without) - 1) // 2]


def _seconds(one: Recorded) -> float:
    seconds: float = one[1]["seconds"]
    return seconds


def _standings(failed: Sequence[Recorded]) -> list[Standing]:
    found: dict[tuple[Stage, bool, str, str], Standing] = {}
    for check, data in failed:
        standing = object_or_empty(data["wire"].get("standing"))
        text = one_visible_line(standing.get("text") or "", LONGEST_TEXT)
        if text:
            key = (check.stage, check.under_fault, data["status"], alike(text))
            one = Standing(check.stage, when_of(check), data["status"], data["seconds"], text, [])
            found.setdefault(key, one).numbers.append(int_or_none(data.get("number")) or 0)
    return list(found.values())


def _phase_spans(value: Any) -> dict[str, tuple[float, float | None]]:
    found = {}
    for name, span in list(object_or_empty(value).items())[:MOST_PHASES]:
        if isinstance(span, list) and len(span) == 2:
            began, ended = map(duration_or_none, span)
            if began is not None and (ended is not None or span[1] is None):
                found[name] = began, ended
    return found


def _pairs(value: Any) -> Iterator[tuple[str, int]]:
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
            yield one_visible_line(pair[0], LONGEST_TEXT), count_or_none(pair[1]) or 0
