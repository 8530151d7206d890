"""Reads what a target prints: bounded, whatever it prints, and however much.

Phase lines (see `chaosnetra.orchestrator.phases`) are believed where they are there; else the
cause is searched in all other lines: see `chaosnetra.startup.causes`.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from chaosnetra.quantities import finite_or_none
from chaosnetra.startup import causes
from chaosnetra.startup.log_lines import LogLine, read
from chaosnetra.startup.outcome import StartupFailure

EVENT_START = '{"startup_phase":'
# As long as an entry of Cloud Logging may be.
LONGEST_LINE = 1 << 18
LONGEST_KEPT_LINE = 4000
KEPT_FIRST = 200
KEPT_LAST = 400
MOST_EVENTS = 200
MOST_STEPS = 50
LONGEST_ERROR = causes.LONGEST_TEXT


class Output:
    """What one target has printed so far.

    Args:
        matches: pattern that is searched in every line, for readiness by log.
        clock: monotonic seconds; the supervisor's status lines use the same one.
    """

    def __init__(
        self, matches: re.Pattern[str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pattern = matches
        self._clock = clock
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque(maxlen=KEPT_LAST)
        self._partial: dict[str, bytes] = {}
        self.events: list[dict[str, Any]] = []  # of phases, in order
        self.matched = False
        self.first_event_at: float | None = None

    def feed(self, stream: str, chunk: bytes) -> None:
        """Take bytes as they come from `stream` (`stdout` or `stderr`); an empty chunk ends it."""
        raw = self._partial.get(stream, b"") + chunk
        *lines, rest = raw.split(b"\n")
        if not chunk and rest:
            lines, rest = [*lines, rest], b""
        elif len(rest) > LONGEST_LINE:
            # A line without an end must not fill the memory; its start tells what it is.
            rest = rest[:LONGEST_LINE]
        self._partial[stream] = rest
        for line in lines:
            self._take(line[:LONGEST_LINE].decode("utf-8", errors="replace").rstrip("\r"))

    @property
    def lines(self) -> list[str]:
        """The first and the last lines printed, in order; of JSON, what it says."""
        return [logged.text for logged in self._logged]

    @property
    def _logged(self) -> list[LogLine]:
        return [*self._first, *self._last]

    @property
    def phase(self) -> str | None:
        """The phase reached."""
        return self.events[-1]["phase"] if self.events else None

    @property
    def failed_phase(self) -> str | None:
        """The first phase that failed and ended the startup by that."""
        return self._first_phase("failed")

    @property
    def degraded_phase(self) -> str | None:
        """The first phase that failed, and the startup went on."""
        return self._first_phase("degraded")

    def _first_phase(self, status: str) -> str | None:
        return next((event["phase"] for event in self.events if event["status"] == status), None)

    @property
    def phases_after_failure(self) -> tuple[str, ...]:
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
    def phase_seconds(self) -> dict[str, float]:
        ended = {
            event["phase"]: finite_or_none(event.get("seconds"))
            for event in self.events
            if event["status"] in ("completed", "failed", "degraded")
        }
        return {phase: seconds for phase, seconds in ended.items() if seconds is not None}

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Of the phases that ended; see `chaosnetra.orchestrator.steps`."""
        given = (event.get("steps") for event in self.events if event["status"] != "started")
        found = (step for steps in given if isinstance(steps, list) for step in steps)
        known = (_known_step(step) for step in islice(found, MOST_STEPS))
        return tuple(step for step in known if step is not None)

    @property
    def error(self) -> StartupFailure | None:
        """Why the startup failed, None when nothing that was printed tells."""
        found = self.found
        return found.error if found else None

    @property
    def found(self) -> causes.Found | None:
        """That error, with how much of a cause it is."""
        for status in ("failed", "degraded"):
            event = next((event for event in self.events if event["status"] == status), None)
            if event is not None:
                return causes.Found(_error_of_event(event), is_named=True, is_error=True)
        return causes.find(self._logged)

    @property
    def lines_that_matter(self) -> tuple[str, ...]:
        """Those that tell most of a startup that did not end."""
        return causes.that_matter(self._logged)

    def _take(self, line: str) -> None:
        is_event = line.startswith(EVENT_START)
        if is_event:
            self._take_event(line)
        read_as = [LogLine(line)] if is_event else read(line)
        if self._pattern is not None and not self.matched:
            # As it was printed, and as it reads.
            texts = (line, *(logged.text for logged in read_as))
            self.matched = any(self._pattern.search(text) for text in texts)
        for logged in read_as:
            kept = LogLine(logged.text[:LONGEST_KEPT_LINE], logged.entry_level)
            if len(self._first) < KEPT_FIRST:
                self._first.append(kept)
            else:
                self._last.append(kept)

    def _take_event(self, line: str) -> None:
        try:
            event = json.loads(line)["startup_phase"]
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        if not isinstance(event.get("phase"), str) or not isinstance(event.get("status"), str):
            return
        if self.first_event_at is None:
            self.first_event_at = self._clock()
        if len(self.events) >= MOST_EVENTS:
            if event["status"] != "failed":
                return
            self.events.pop()
        self.events.append(event)


def _known_step(step: Any) -> dict[str, Any] | None:
    """What is known of a step, in its shape; None when it has no name."""
    if not isinstance(step, dict) or not isinstance(step.get("step"), str):
        return None
    counts = {key: step.get(key) for key in ("round_trips", "statements", "answered")}
    budgets = step.get("budgets")
    return {
        "step": causes.short(step["step"]),
        "budgets": [causes.short(str(name)) for name in budgets[:10]]
        if isinstance(budgets, list)
        else [],
        **{key: value if type(value) is int else None for key, value in counts.items()},
        "connected_seconds": finite_or_none(step.get("connected_seconds")),
        "seconds": finite_or_none(step.get("seconds")),
    }


def _error_of_event(event: Mapping[str, Any]) -> StartupFailure:
    def text_or_none(key: str) -> str | None:
        value = event.get(key)
        return value if isinstance(value, str) else None

    chain = event.get("cause")
    text = text_or_none("error") or f"phase {event['phase']} failed"
    if "\n" in text:  # a traceback, as it is: what it says stands at its end
        found = causes.find([logged for line in text.split("\n") for logged in read(line)])
        text = found.error.text if found else text
    return StartupFailure(
        text=causes.short(text),
        error_class=text_or_none("error_class"),
        sqlstate=text_or_none("sqlstate"),
        causes=tuple(causes.short(str(cause)) for cause in chain[:10])
        if isinstance(chain, list)
        else (),
        budget=text_or_none("budget"),
        budget_seconds=finite_or_none(event.get("budget_seconds")),
    )
