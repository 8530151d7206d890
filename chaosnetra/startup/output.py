"""Reads what a target prints: bounded, whatever it prints, and however much.

Phase lines (see `chaosnetra.orchestrator.phases`, and the setting `phase_patterns`) are believed
where they are there; else the cause is searched in all other lines: see
`chaosnetra.startup.causes`.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable

from chaosnetra.line_patterns import LinePattern
from chaosnetra.startup import causes
from chaosnetra.startup.kept_output import LAST_LINES, LONGEST_READ, Keeping, kept
from chaosnetra.startup.log_lines import LogLine, read
from chaosnetra.startup.outcome import StartupFailure
from chaosnetra.startup.phase_lines import PhaseLines
from chaosnetra.startup.phase_log import PhaseLog

EVENT_START = '{"startup_phase":'
# As long as an entry of Cloud Logging may be.
LONGEST_LINE = 1 << 18
LONGEST_KEPT_LINE = 4000
KEPT_FIRST = 200
KEPT_LAST = 400
# Of tracebacks between these two.
KEPT_STACKS = 400
# How far below the last frame of one the words of its error may go on.
BELOW_STACK = 12
LONGEST_ERROR = causes.LONGEST_TEXT
_STACK_STARTS = ("\t", " ", "T", "C", "p", "f", "g")
_STACK_LINE = re.compile(
    r"[ |+]*(?:Exception Group )?Traceback \(most recent call last\)|\s+at \S|Caused by: "
    r"|panic: |fatal error: |goroutine \d+ \["
)


class Output:
    """What one target has printed so far.

    Args:
        matches: pattern that is searched in every line, for readiness by log.
        clock: monotonic seconds; the supervisor's status lines use the same one.
        phase_lines: reads what lines say of phases, by the service's own patterns.

    Attributes:
        phases: what was told of them.
        matched: whether a line matched.
    """

    def __init__(
        self,
        matches: LinePattern | None = None,
        clock: Callable[[], float] = time.monotonic,
        phase_lines: PhaseLines | None = None,
    ) -> None:
        self._pattern = matches
        self._phase_lines = phase_lines
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque(maxlen=KEPT_LAST)
        self._stacks: deque[LogLine] = deque(maxlen=KEPT_STACKS)
        self._above_stack: LogLine | None = None
        self._below_stack = 0
        self._tail: deque[bytes] = deque(maxlen=LAST_LINES)
        self._printed = self._searched = 0
        self._until: int | None = None
        self._last_cause: causes.Found | None = None
        self._partial: dict[str, bytes] = {}
        self.phases = PhaseLog(clock)
        self.matched = False

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
        self._tail.extend(line[: 4 * LONGEST_READ] for line in lines[-LAST_LINES:])
        for line in lines:
            self._take(line[:LONGEST_LINE].decode("utf-8", errors="replace").rstrip("\r"))

    @property
    def lines(self) -> list[str]:
        """The first and the last lines printed, and tracebacks between, in order; of JSON, what it
        says."""
        return [logged.text for logged in self._logged]

    @property
    def _logged(self) -> list[LogLine]:
        return [*self._first, *self._stacks, *self._last]

    @property
    def error(self) -> StartupFailure | None:
        """Why the startup failed, None when nothing that was printed tells."""
        found = self.found
        return found.error if found else None

    @property
    def found(self) -> causes.Found | None:
        """That error, with how much of a cause it is."""
        printed = self._cause
        return self.phases.found(printed) or printed

    @property
    def _cause(self) -> causes.Found | None:
        """The cause that all lines tell, phases aside; searched anew when there are more."""
        if self._searched != self._printed:
            self._searched, self._last_cause = self._printed, causes.find(self._logged)
        return self._last_cause

    def kept(self, keeping: Keeping) -> tuple[str, ...]:
        """The lines that are kept of it: see `chaosnetra.startup.kept_output`."""
        if keeping.most_bytes <= 0:
            return ()
        logged = self._logged
        found = self._cause
        error = [logged[number] for number in found.numbers] if found and found.is_error else []
        last = [
            line.decode("utf-8", errors="replace").rstrip("\r")[:LONGEST_READ]
            for line in self._tail
        ]
        return kept(last, self._printed, error, keeping)

    @property
    def lines_that_matter(self) -> tuple[str, ...]:
        """Those that tell most of a startup that did not end."""
        return causes.that_matter(self._logged, self._until)

    def is_decided(self) -> None:
        """What is printed from now on may only say that it was told to end."""
        self._until = self._printed

    def _take(self, line: str) -> None:
        is_event = line.startswith(EVENT_START)
        if is_event:
            self._take_event(line)
        number = self._printed
        self._printed = number + 1
        read_as = [LogLine(line, None, number)] if is_event else read(line, number)
        if self._pattern is not None and not self.matched:
            # As it was printed, and as it reads.
            texts = (line, *(logged.text for logged in read_as))
            self.matched = any(self._pattern.is_in(text) for text in texts)
        if self._phase_lines is not None and not is_event:
            for said in self._phase_lines.read(line, [logged.text for logged in read_as]):
                self.phases.say(said)
        first, last = self._first, self._last
        for logged in read_as:
            if len(logged.text) > LONGEST_KEPT_LINE:
                logged = logged._replace(text=logged.text[:LONGEST_KEPT_LINE])
            if len(first) < KEPT_FIRST:
                first.append(logged)
                continue
            if len(last) == KEPT_LAST:
                self._pass_by(last[0])
            last.append(logged)

    def _pass_by(self, logged: LogLine) -> None:
        """Let a line go that is neither among the first nor the last; a traceback is kept."""
        text = logged.text
        if not self._below_stack:
            if text[:1] not in _STACK_STARTS or not _STACK_LINE.match(text):
                self._above_stack = logged
                return
            if self._above_stack is not None:
                self._stacks.append(self._above_stack)
        self._stacks.append(logged)
        is_inside = text.startswith((" ", "\t")) or _STACK_LINE.match(text)
        self._below_stack = BELOW_STACK if is_inside else self._below_stack - 1
        self._above_stack = None

    def _take_event(self, line: str) -> None:
        try:
            event = json.loads(line)["startup_phase"]
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        if isinstance(event.get("phase"), str) and isinstance(event.get("status"), str):
            self.phases.add(event)
