"""The phases of one startup, as its lines tell of them, with the moments when they came."""

import math
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from chaosnetra.evidence.journal.values import int_or_none
from chaosnetra.phase_patterns import Says
from chaosnetra.quantities import finite_or_none
from chaosnetra.startup import causes
from chaosnetra.startup.log_lines import read
from chaosnetra.startup.outcome import StartupFailure, StatedBudget
from chaosnetra.startup.phase_lines import Said

MOST_EVENTS = 200
MOST_STEPS = 50
ENDED = ("completed", "failed", "degraded")
# Of what the service does after its failure, by its own patterns: it tried the phase again.
RETRIED = "retried"
_STATUSES = {
    Says.START: "started",
    Says.END: "completed",
    Says.FAILURE: "failed",
    Says.DEGRADED: "degraded",
}
# How much longer than a phase a limit may be that ran out in it: lines are read a little late.
SLACK_SECONDS = 0.25
SLACK_SHARE = 0.02


class PatternEvent(dict[str, Any]):
    """An event that a pattern found, in the shape of those that a service prints itself."""


class PhaseLog:
    """Events of phases, in order.

    Args:
        clock: monotonic seconds.

    Attributes:
        events: of the service's own lines as they are (see `chaosnetra.orchestrator.phases`), and
            by patterns.
        first_at: when the line of the first of them was read.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._moments: list[float] = []
        self._detail: Said | None = None
        self.events: list[dict[str, Any]] = []
        self.first_at: float | None = None

    def add(self, event: dict[str, Any]) -> None:
        """Take the event of a line that is one."""
        now = self._clock()
        if self.first_at is None:
            self.first_at = now
        if len(self.events) >= MOST_EVENTS:
            if event["status"] != "failed":
                return
            self.events.pop()
            self._moments.pop()
        self.events.append(event)
        self._moments.append(now)

    def say(self, said: Said) -> None:
        """Take what a line says by a pattern."""
        if len(self.events) >= MOST_EVENTS and said.says is not Says.FAILURE:
            return
        if said.says is Says.DETAIL:
            self._take_detail(said)
            return
        phase = said.phase or self._open_phase
        if phase is None:
            return
        status = _STATUSES[said.says]
        # A phase that is tried again, or ended well after all, did not end the startup.
        for event in self.events:
            if event["phase"] == phase and _has_failed(event):
                event["status"] = RETRIED
        event = PatternEvent(
            phase=phase,
            status=status,
            seconds=said.seconds,
            error=said.error,
            budget=said.budget,
            budget_seconds=said.budget_seconds,
            line=said.line,
        )
        if status in ("failed", "degraded") and self._detail is not None:
            _complete(event, self._detail)
        self._detail = None
        self.add(event)

    def _take_detail(self, said: Said) -> None:
        last = self.events[-1] if self.events else None
        if last is not None and _has_failed(last):
            _complete(last, said)
        elif said.phase is None or said.phase == self.phase:
            self._detail = said

    @property
    def _open_phase(self) -> str | None:
        """The phase that began last and has not ended; else the last one."""
        is_open: dict[str, None] = {}
        for event in self.events:
            is_open.pop(event["phase"], None)
            if event["status"] == "started":
                is_open[event["phase"]] = None
        return next(reversed(is_open), None) or self.phase

    @property
    def phase(self) -> str | None:
        """The phase reached."""
        return self.events[-1]["phase"] if self.events else None

    def _first(self, status: str) -> dict[str, Any] | None:
        """The first event with a status."""
        return next((event for event in self.events if event["status"] == status), None)

    @property
    def failed(self) -> str | None:
        """The first phase that failed and ended the startup by that."""
        event = self._first("failed")
        return None if event is None else event["phase"]

    @property
    def degraded(self) -> str | None:
        """The first phase that failed, and the startup went on."""
        event = self._first("degraded")
        return None if event is None else event["phase"]

    @property
    def after_failure(self) -> tuple[str, ...]:
        """Phases that began after the one that failed, in order."""
        began: dict[str, None] = {}
        failed: str | None = None
        for event in self.events:
            if failed is not None and event["phase"] != failed:
                began[event["phase"]] = None
            elif event["status"] == "failed":
                failed = event["phase"]
        return tuple(began)

    @property
    def began_at(self) -> float | None:
        """When the first phase began, at the latest; None before any."""
        return None if self.first_at is None else min(self.first_at, *self._latest()[:1])

    def _latest(self) -> list[float]:
        """When each event was, at the latest.

        On a busy machine lines are read late, several at once. An event was no later than those
        after it, and the beginning of a phase was before its end by the seconds that it took; what
        a pattern finds may be other seconds, such as a limit.
        """
        found, began, latest = [], dict[str, float](), math.inf
        for event, read_at in zip(reversed(self.events), reversed(self._moments), strict=True):
            latest = min(latest, read_at)
            if event["status"] == "started":
                latest = min(latest, began.pop(event["phase"], latest))
            elif not isinstance(event, PatternEvent) and _has_ended(event):
                began[event["phase"]] = latest - (_told_seconds(event) or 0.0)
            found.append(latest)
        return found[::-1]

    @property
    def seconds(self) -> dict[str, float]:
        """How long each phase took that ended: as its line says, else by when its lines came."""
        found: dict[str, float] = {}
        began: dict[str, float] = {}
        for event, at in zip(self.events, self._moments, strict=True):
            if event["status"] == "started":
                began[event["phase"]] = at
            elif _has_ended(event):
                seconds = finite_or_none(event.get("seconds"))
                by_pattern = isinstance(event, PatternEvent)
                if seconds is None and by_pattern and event["phase"] in began:
                    seconds = round(at - began[event["phase"]], 4)
                if seconds is not None:
                    found[event["phase"]] = seconds
        return found

    def spans(self, started_at: float) -> dict[str, tuple[float, float | None]]:
        """When each phase began and ended; None where it did not end.

        See `_latest`. One that was tried more than once lasted from its first beginning to its last
        end. Where no line told its beginning, it is what its end says of its seconds, else the end
        of the phase before.

        Args:
            started_at: when the process was started, which the seconds count from.
        """
        found: dict[str, tuple[float, float | None]] = {}
        last_end = 0.0
        for event, moment in zip(self.events, self._latest(), strict=True):
            phase, at = event["phase"], max(0.0, round(moment - started_at, 4))
            if event["status"] == "started":
                found[phase] = (found[phase][0] if phase in found else at, None)
            elif _has_ended(event):
                seconds = _told_seconds(event)
                told = last_end if seconds is None else max(0.0, round(at - seconds, 4))
                found[phase] = (found[phase][0] if phase in found else told, at)
                last_end = at
        return found

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Of the phases that ended; see `chaosnetra.orchestrator.steps`."""
        given = (event.get("steps") for event in self.events if event["status"] != "started")
        found = (step for steps in given if isinstance(steps, list) for step in steps)
        known = (_known_step(step) for step in islice(found, MOST_STEPS))
        return tuple(step for step in known if step is not None)

    def found(self, printed: causes.Found | None) -> causes.Found | None:
        """Why the startup failed, by the phase that did; None when none did.

        Args:
            printed: what its other lines tell, which has the chain of causes.
        """
        event = self._first("failed") or self._first("degraded")
        if event is None:
            return None
        if not isinstance(event, PatternEvent):
            return causes.Found(_error_of_event(event), is_named=True, is_error=True)
        text, known = event["error"], printed if printed and printed.is_error else None
        if known is not None and (known.is_named or text is None):
            return known
        error = StartupFailure(
            text=text or event["line"],
            error_class=known.error.error_class if known else None,
            sqlstate=known.error.sqlstate if known else None,
            causes=known.error.causes if known else (),
        )
        numbers = known.numbers if known else ()
        return causes.Found(error, is_named=text is not None, is_error=True, numbers=numbers)

    def stated_budget(self, started_at: float, ended_at: float) -> StatedBudget | None:
        """The limit that a line names by a pattern, held against the time that there was for it.

        Args:
            started_at: when the process was started.
            ended_at: when the startup had ended, where no line told the end of its phase.
        """
        event = self._first("failed") or self._first("degraded")
        if isinstance(event, PatternEvent):
            name, seconds, phase = event["budget"], event["budget_seconds"], event["phase"]
            at = self._moments[self.events.index(event)]
        elif event is None and self._detail is not None:
            name, seconds = self._detail.budget, self._detail.budget_seconds
            phase, at = self._open_phase, ended_at
        else:
            return None
        if name is None and seconds is None:
            return None
        began = [
            moment
            for other, moment in zip(self.events, self._moments, strict=True)
            if other["phase"] == phase and other["status"] == "started" and moment <= at
        ]
        told = finite_or_none(event.get("seconds")) if event else None
        lasted = at - min(began) if began else told
        elapsed = at - started_at if lasted is None else max(lasted, told or 0.0)
        slack = max(SLACK_SECONDS, SLACK_SHARE * elapsed)
        return StatedBudget(
            name=name,
            seconds=seconds,
            phase=phase if lasted is not None else None,
            elapsed_seconds=round(elapsed, 4),
            is_possible=seconds is None or seconds <= elapsed + slack,
        )


def _told_seconds(event: Mapping[str, Any]) -> float | None:
    """What the line of a phase's end says that it took."""
    seconds = finite_or_none(event.get("seconds"))
    return None if seconds is None or seconds < 0 else seconds


def _has_ended(event: Mapping[str, Any]) -> bool:
    again = event["status"] == RETRIED and isinstance(event, PatternEvent)
    return again or event["status"] in ENDED


def _has_failed(event: Mapping[str, Any]) -> bool:
    """Whether a pattern says so."""
    return isinstance(event, PatternEvent) and event["status"] in ("failed", "degraded")


def _complete(event: dict[str, Any], said: Said) -> None:
    """Add to an event what it does not say itself."""
    for key in ("seconds", "error", "budget", "budget_seconds"):
        if event[key] is None:
            event[key] = getattr(said, key)


def _known_step(step: Any) -> dict[str, Any] | None:
    """What is known of a step, in its shape; None when it has no name."""
    if not isinstance(step, dict) or not isinstance(step.get("step"), str):
        return None
    given = step.get("budgets")
    budgets = given if isinstance(given, list) else []
    return {
        "step": causes.short(step["step"]),
        "budgets": [causes.short(str(name)) for name in budgets[:10]],
        **{key: int_or_none(step.get(key)) for key in ("round_trips", "statements", "answered")},
        **{key: finite_or_none(step.get(key)) for key in ("connected_seconds", "seconds")},
    }


def _error_of_event(event: Mapping[str, Any]) -> StartupFailure:
    def text_or_none(key: str) -> str | None:
        value = event.get(key)
        return value if isinstance(value, str) else None

    given = event.get("cause")
    chain = given if isinstance(given, list) else []
    text = text_or_none("error") or f"phase {event['phase']} failed"
    if "\n" in text:  # a traceback, as it is: what it says stands at its end
        found = causes.find([logged for line in text.split("\n") for logged in read(line)])
        text = found.error.text if found else text
    return StartupFailure(
        text=causes.short(text),
        error_class=text_or_none("error_class"),
        sqlstate=text_or_none("sqlstate"),
        causes=tuple(causes.short(str(cause)) for cause in chain[:10]),
        budget=text_or_none("budget"),
        budget_seconds=finite_or_none(event.get("budget_seconds")),
    )
