"""Reads what a target prints: bounded, whatever it prints, and however much.

Phase lines (see `chaosnetra.orchestrator.phases`) are believed where they are there; else the
cause is looked for as a person would: the first exception of a traceback, because the last one
is often only the framework giving up, else the last line that looks like an error.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from chaosnetra.quantities import finite_or_none
from chaosnetra.startup.outcome import StartupError

EVENT_START = '{"startup_phase":'
LONGEST_LINE = 1 << 16
LONGEST_KEPT_LINE = 4000
KEPT_FIRST = 200
KEPT_LAST = 400
MOST_EVENTS = 200
MOST_STEPS = 50
LONGEST_ERROR = 500

_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:Error|Exception|Timeout|Expired|Exit|Interrupt|Group))"
    r"(?:\s*[:(]\s*(.*))?$"
)
_ERROR_LINE = re.compile(r"\b(?:FATAL|CRITICAL|ERROR|[Ee]rror|[Ff]ailed|[Tt]imed? ?out)\b")
# uvicorn's and gunicorn's words for "your startup failed": true of every failure, cause of none.
_GIVING_UP = re.compile(r"Application startup failed|Worker failed to boot|^\S*\s*Exiting\b")
# Says that something else went wrong.
_NO_CAUSE = {"CancelledError", "ExceptionGroup", "BaseExceptionGroup"}
# How a traceback of an exception group indents what it holds.
_GROUP_INDENT = re.compile(r"^\s*(?:\| ?|\+ )")
_LOG_PREFIX = re.compile(r"^(?:ERROR|CRITICAL|FATAL):\s+")
_SQLSTATE = re.compile(r"(?:SQLSTATE|[Ss]ql_?[Ss]tate|\bcode)\W{1,4}(?=[0-9A-Z]*\d)([0-9A-Z]{5})\b")
# For clients that print no code. Texts of the server, in its untranslated form.
_SQLSTATE_TEXTS = (
    ("too many clients already", "53300"),
    ("remaining connection slots are reserved", "53300"),
    ("password authentication failed", "28P01"),
    ("the database system is starting up", "57P03"),
    ("the database system is shutting down", "57P03"),
    ("canceling statement due to statement timeout", "57014"),
    ("terminating connection due to administrator command", "57P01"),
)


class Output:
    """What one target has printed so far.

    Args:
        matches: pattern that is looked for in every line, for readiness by log.
        clock: monotonic seconds; the keeper's status lines use the same one.
    """

    def __init__(
        self, matches: re.Pattern[str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pattern = matches
        self._clock = clock
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=KEPT_LAST)
        self._partial: dict[str, bytes] = {}
        self._events: list[dict[str, Any]] = []
        self.lines_seen = 0
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
        """The first and the last lines printed, in order."""
        return [*self._first, *self._last]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Phase events, in order."""
        return list(self._events)

    @property
    def phase(self) -> str | None:
        """The phase reached."""
        return self._events[-1]["phase"] if self._events else None

    @property
    def failed_phase(self) -> str | None:
        """The first phase that failed and ended the startup by that."""
        return self._first_phase("failed")

    @property
    def degraded_phase(self) -> str | None:
        """The first phase that failed, and the startup went on."""
        return self._first_phase("degraded")

    @property
    def phases_after_failure(self) -> tuple[str, ...]:
        """Phases that began after the one that failed, in order."""
        began: dict[str, None] = {}
        failed: str | None = None
        for event in self._events:
            if failed is not None and event["phase"] != failed:
                began[event["phase"]] = None
            elif event["status"] == "failed":
                failed = event["phase"]
        return tuple(began)

    @property
    def phase_seconds(self) -> dict[str, float]:
        ended = {
            event["phase"]: finite_or_none(event.get("seconds"))
            for event in self._events
            if event["status"] in ("completed", "failed", "degraded")
        }
        return {phase: seconds for phase, seconds in ended.items() if seconds is not None}

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """What the phases that ended said of their steps; see `chaosnetra.orchestrator.steps`."""
        told = (event.get("steps") for event in self._events if event["status"] != "started")
        found = (step for steps in told if isinstance(steps, list) for step in steps)
        known = (_known_step(step) for step in islice(found, MOST_STEPS))
        return tuple(step for step in known if step is not None)

    @property
    def error(self) -> StartupError | None:
        """Why the startup failed, None when nothing that was printed tells."""
        for status in ("failed", "degraded"):
            event = next((event for event in self._events if event["status"] == status), None)
            if event is not None:
                return _error_of_event(event)
        return _error_in(self.lines)

    def _first_phase(self, status: str) -> str | None:
        return next((event["phase"] for event in self._events if event["status"] == status), None)

    def _take(self, line: str) -> None:
        self.lines_seen += 1
        if line.startswith(EVENT_START):
            self._take_event(line)
        if self._pattern is not None and not self.matched:
            self.matched = self._pattern.search(line) is not None
        kept = line[:LONGEST_KEPT_LINE]
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
        if len(self._events) >= MOST_EVENTS:
            if event["status"] != "failed":
                return
            self._events.pop()
        self._events.append(event)


def _known_step(step: Any) -> dict[str, Any] | None:
    """What is known of a step, in its shape; None when it has no name."""
    if not isinstance(step, dict) or not isinstance(step.get("step"), str):
        return None
    counts = {key: step.get(key) for key in ("round_trips", "statements", "answered")}
    budgets = step.get("budgets")
    return {
        "step": _one_line(step["step"]),
        "budgets": [_one_line(str(name)) for name in budgets[:10]]
        if isinstance(budgets, list)
        else [],
        **{key: value if type(value) is int else None for key, value in counts.items()},
        "connected_seconds": finite_or_none(step.get("connected_seconds")),
        "seconds": finite_or_none(step.get("seconds")),
    }


def _error_of_event(event: Mapping[str, Any]) -> StartupError:
    def text_or_none(key: str) -> str | None:
        value = event.get(key)
        return value if isinstance(value, str) else None

    causes = event.get("cause")
    return StartupError(
        text=_one_line(text_or_none("error") or f"phase {event['phase']} failed"),
        error_class=text_or_none("error_class"),
        sqlstate=text_or_none("sqlstate"),
        causes=tuple(_one_line(str(cause)) for cause in causes[:10])
        if isinstance(causes, list)
        else (),
        budget=text_or_none("budget"),
        budget_seconds=finite_or_none(event.get("budget_seconds")),
    )


def _error_in(lines: list[str]) -> StartupError | None:
    found = list(_exceptions(lines))
    if found:
        # The chain is printed innermost first. A cancellation is how a timeout works inside, and
        # says less than the TimeoutError that follows it.
        name, text = next((one for one in found if one[0] not in _NO_CAUSE), found[0])
        return StartupError(
            text=_one_line(f"{name}: {text}" if text else name),
            error_class=name,
            sqlstate=_sqlstate(text) or _sqlstate_of_class(name) or _sqlstate("\n".join(lines)),
            causes=tuple(
                _one_line(f"{other}: {said}" if said else other) for other, said in reversed(found)
            ),
        )
    for line in reversed(lines):
        if _ERROR_LINE.search(line) and not _GIVING_UP.search(line):
            text = _one_line(_LOG_PREFIX.sub("", line))
            return StartupError(text=text, sqlstate=_sqlstate(line))
    last = next(
        (
            line
            for line in reversed(lines)
            if any(map(str.isalnum, line)) and not _GIVING_UP.search(line)
        ),
        None,
    )
    return None if last is None else StartupError(text=_one_line(last))


def _exceptions(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Class and text of each exception that ends a traceback, in the order printed."""
    inside = False
    for printed in lines:
        line = _GROUP_INDENT.sub("", printed)
        if _TRACEBACK in line:
            inside = True
        elif inside and line and not line[0].isspace():
            match = _EXCEPTION.match(line)
            if match:
                yield match[1], (match[2] or "").strip()
                inside = False


def _sqlstate(text: str) -> str | None:
    match = _SQLSTATE.search(text)
    if match:
        return match[1]
    return next((code for words, code in _SQLSTATE_TEXTS if words in text), None)


def _sqlstate_of_class(name: str) -> str | None:
    """asyncpg has a class for each SQLSTATE; a traceback names it without its code."""
    import asyncpg

    return getattr(getattr(asyncpg.exceptions, name, None), "sqlstate", None)


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_ERROR else f"{joined[: LONGEST_ERROR - 1]}…"
