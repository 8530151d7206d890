"""Very many times, kept small: what plots and tables need of startups and attempts.

A journal may hold hundreds of thousands of startups. They are walked through once; of each, its
times are kept as numbers, and a few are kept whole.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.samples import (
    Check,
    RecordedAttempt,
    Startup,
    seconds_of,
    startup_of,
)
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.values import objects
from chaosnetra.evidence.statistics.quantiles import Quantile, quantile
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.happened import Launch
from chaosnetra.report.observed import MOST_PROBES, ProbeCollector, alike
from chaosnetra.report.safe_text import one_visible_line

# A hostile journal may name any number of phases and errors; people read the first.
MOST_PHASES = 40
MOST_ERRORS = 500
MOST_SERIES = 40
LONGEST_PROBE = 60
ROWS = 10
LONGEST_KEY = 600
TIMED_OUT = ("timed_out", "pool_timeout")
MOST_SECONDS = 1e9


class Failure(NamedTuple):
    """What went wrong, the same for all that are counted together."""

    stage: Stage
    probe: str
    status: str
    sqlstate: str | None
    text: str | None
    phase: str | None = None
    budget: str | None = None
    budget_seconds: float | None = None
    exit_code: int | None = None


@dataclass
class Failures:
    """Failures by what they say; of the first of each, the chain of causes.

    What one says that was given up is no cause: those that differ by numbers only are one.
    """

    counts: Counter[Failure] = field(default_factory=Counter)
    causes: dict[Failure, tuple[str, ...]] = field(default_factory=dict)
    others: int = 0
    _alike: dict[Failure, Failure] = field(default_factory=dict)

    def add(self, failure: Failure, causes: Sequence[Any] = ()) -> None:
        if failure.status in TIMED_OUT and failure.text is not None:
            key = failure._replace(text=alike(failure.text))
            failure = self._alike.get(key, failure)
            if len(self._alike) < MOST_ERRORS:
                self._alike[key] = failure
        if failure not in self.counts:
            if len(self.counts) >= MOST_ERRORS:
                self.others += 1
                return
            self.causes[failure] = tuple(
                one_visible_line(cause, LONGEST_KEY)
                for cause in causes[:20]
                if isinstance(cause, str)
            )
        self.counts[failure] += 1


@dataclass
class Times:
    """Times of one stage, real seconds.

    Attributes:
        seen: until what was waited for happened.
        failed: until it failed by itself.
        given_up: until nobody waited longer.
        attempts: how many were made; more than the times where only some are listed.
        checks: how many checks made them.
        told: quantiles that the last check itself told, by name: seconds, and whether it is at
            least so much.
    """

    seen: "array[float]" = field(default_factory=lambda: array("d"))
    failed: "array[float]" = field(default_factory=lambda: array("d"))
    given_up: "array[float]" = field(default_factory=lambda: array("d"))
    attempts: int = 0
    checks: int = 0
    told: dict[str, tuple[float, bool]] = field(default_factory=dict)

    @property
    def kinds(self) -> "tuple[array[float], array[float], array[float]]":
        return self.seen, self.failed, self.given_up

    @property
    def listed(self) -> int:
        return sum(map(len, self.kinds))

    @property
    def complete(self) -> bool:
        """Whether every attempt is listed, so that quantiles can be taken."""
        return self.listed >= self.attempts


@dataclass
class StartupTimes(Times):
    """Times until startups were ready; each that was not is censored.

    Attributes:
        phases: by phase: seconds of those that did their work, and of those cut short.
        boots: seconds until the first phase began.
    """

    phases: "dict[str, tuple[array[float], array[float]]]" = field(default_factory=dict)
    boots: "array[float]" = field(default_factory=lambda: array("d"))

    def ready(self, share: float) -> Quantile:
        return quantile(self.seen, share, [*self.failed, *self.given_up])

    def phase(self, name: str, share: float) -> Quantile:
        ended, cut = self.phases[name]
        return quantile(ended, share, cut)


@dataclass
class AttemptTimes(Times):
    """Times until attempts to use the database were answered.

    Those that failed by themselves did not wait for an answer, and do not count for quantiles.
    """

    outcomes: Counter[str] = field(default_factory=Counter)

    def answered(self, share: float) -> Quantile:
        return quantile(self.seen, share, self.given_up)


class Asked(NamedTuple):
    """When startups were launched, and by which probe, where a stage has several."""

    stage: Stage
    probe: str | None = None

    @property
    def when(self) -> str:
        """It for people."""
        if self.probe is None:
            return self.stage.when
        return f"{self.stage.when}, {one_visible_line(self.probe, LONGEST_PROBE)}"


class StartupCollector:
    """Takes in startups one by one; see `StartupTimes`.

    Startups of different probes are told apart: of each stage there may be several, under
    different faults.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[Stage, str], StartupTimes] = {}
        self.phases: list[str] = []
        self.failures = Failures()
        self.limits: set[float] = set()
        self.seen: dict[str, ProbeCollector] = {}
        self._data: dict[tuple[Stage, str], tuple[list[Check], list[Mapping[str, Any]]]] = {}

    @property
    def stages(self) -> dict[Asked, StartupTimes]:
        """Times of the startups, in the order in which they came."""
        return {self._asked(key): times for key, times in self._times.items()}

    @property
    def rows(self) -> dict[Asked, list[tuple[int, Startup]]]:
        """A few startups of each; see `_rows`."""
        return {self._asked(key): self._rows(key) for key in self._times}

    def _asked(self, key: tuple[Stage, str]) -> Asked:
        stage, probe = key
        is_alone = sum(other is stage for other, _ in self._times) == 1
        return Asked(stage, None if is_alone else probe)

    def add(self, check: Check, launch: Launch) -> None:
        """Take in a check; what its startups did is added to `launch` too."""
        listed = check.output.get("startups")
        if not isinstance(listed, list):
            return
        limit = finite_or_none(check.output.get("startup_timeout_seconds"))
        if limit is not None and limit > 0 and len(self.limits) < ROWS:
            self.limits.add(limit)
        key = (check.stage, check.probe)
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= MOST_SERIES:
                return
            times = StartupTimes()
        of, kept = self._data.setdefault(key, ([], []))
        before = [len(kind) for kind in times.kinds]
        for data in objects(listed):
            startup = startup_of(check, data)
            if startup is None or startup.seconds > MOST_SECONDS:
                continue
            times.attempts += 1
            of.append(check)
            kept.append(data)
            self._add(times, startup)
            if not startup.ready:
                launch.failed(startup.seconds, _said(startup))
            if "wire" in data or "output" in data:
                self._see(check, startup, data)
        launch.good, launch.bad, launch.late = (
            kind[start:] for kind, start in zip(times.kinds, before, strict=True)
        )
        if times.attempts:
            self._times[key] = times

    def _see(self, check: Check, startup: Startup, data: Mapping[str, Any]) -> None:
        found = self.seen.get(check.probe)
        if found is None and len(self.seen) < MOST_PROBES:
            found = self.seen[check.probe] = ProbeCollector(check.probe)
        if found is not None:
            found.add(check, startup, data)

    def _add(self, times: StartupTimes, startup: Startup) -> None:
        if startup.ready:
            times.seen.append(startup.seconds)
        else:
            late = startup.status in TIMED_OUT
            (times.given_up if late else times.failed).append(startup.seconds)
            self._failure(startup)
        if startup.boot_seconds is not None:
            times.boots.append(startup.boot_seconds)
        if startup.ready:  # as most are, of very many: each phase did its work
            for name, value in startup.phases.items():
                if (seconds := seconds_of(value)) is None:
                    continue
                found = times.phases.get(name) or self._phase(times, name)
                if found is not None:
                    found[0].append(seconds)
            return
        names = {**startup.phase_seconds, **({startup.phase: 0.0} if startup.phase else {})}
        for name in names:
            found = times.phases.get(name) or self._phase(times, name)
            time = startup.time_in_phase(name)
            if found is not None and time is not None:
                found[0 if time[1] else 1].append(time[0])

    def _phase(self, times: StartupTimes, name: str) -> "tuple[array[float], array[float]] | None":
        """Where the times of a phase go; None for one too many."""
        if name not in self.phases:
            if len(self.phases) >= MOST_PHASES:
                return None
            self.phases.append(name)
        return times.phases.setdefault(name, (array("d"), array("d")))

    def _failure(self, startup: Startup) -> None:
        error = startup.error
        causes = error.get("causes")
        self.failures.add(
            Failure(
                startup.stage,
                startup.probe,
                startup.status,
                _text(error.get("sqlstate")),
                _text(error.get("text")),
                startup.phase,
                _text(error.get("budget")),
                finite_or_none(error.get("budget_seconds")),
                startup.exit_code,
            ),
            causes if isinstance(causes, list) else (),
        )

    def _rows(self, key: tuple[Stage, str]) -> list[tuple[int, Startup]]:
        """A few startups, from the fastest to the slowest, evenly by rank.

        Ready ones come first. Each has its rank, from 1.
        """
        of, kept = self._data[key]
        order = sorted(
            range(len(kept)),
            key=lambda index: (kept[index]["status"] != "ready", kept[index]["seconds"]),
        )
        last, steps = len(order) - 1, min(ROWS, len(order)) - 1
        ranks = [round(step * last / max(1, steps)) for step in range(steps + 1)]
        found = [(rank + 1, startup_of(of[order[rank]], kept[order[rank]])) for rank in ranks]
        return [(rank, startup) for rank, startup in found if startup is not None]


class AttemptCollector:
    """Takes in attempts to use the database; see `AttemptTimes`."""

    def __init__(self) -> None:
        self.probes: dict[tuple[str, str], dict[Stage, AttemptTimes]] = {}
        self.failures = Failures()
        self.slow_after: dict[tuple[str, str], float] = {}

    def add_check(self, check: Check, kind: str) -> None:
        """What a check says of all its attempts."""
        if not isinstance(check.output.get(kind), list):
            return
        times = self._times(check.probe, kind, check.stage)
        times.checks += 1
        made = check.output.get("attempts")
        times.attempts += made if type(made) is int and 0 <= made < MOST_SECONDS else 0
        slow = finite_or_none(check.output.get("slow_after_seconds"))
        if slow is not None and slow > 0:
            self.slow_after.setdefault((check.probe, kind), slow)
        bounds = check.output.get("lower_bound")
        for name in ("p50", "p95", "p99", "max"):
            value = finite_or_none(check.output.get(f"answer_seconds_{name}"))
            if value is not None:
                is_bound = isinstance(bounds, dict) and bounds.get(name) is True
                times.told[name] = (value, is_bound)

    def add(self, attempt: RecordedAttempt, launch: Launch) -> None:
        """Take in an attempt; it is added to its `launch` too."""
        if attempt.seconds > MOST_SECONDS:
            return
        times = self._times(attempt.probe, attempt.kind, attempt.stage)
        end = attempt.at_seconds + attempt.seconds
        if attempt.censored:
            times.given_up.append(attempt.seconds)
            launch.late.append(end)
        elif attempt.answered:
            times.seen.append(attempt.seconds)
            # The claim counts an answer that came too late among those that failed.
            (launch.good if attempt.outcome == "ok" else launch.bad).append(end)
        else:
            times.failed.append(attempt.seconds)
            launch.bad.append(end)
        times.outcomes[one_visible_line(attempt.outcome, 40)] += 1
        if attempt.outcome != "ok":
            code = f" SQLSTATE {attempt.sqlstate}" if attempt.sqlstate else ""
            answered = f"answered after {attempt.seconds:.3g} s" if attempt.answered else None
            said = attempt.error or answered or "no error text"
            text = f"{attempt.outcome.replace('_', ' ')}{code}: {said}"
            launch.failed(end, one_visible_line(text, LONGEST_KEY))
            error = attempt.sqlstate, _text(attempt.error)
            self.failures.add(Failure(attempt.stage, attempt.probe, attempt.outcome, *error))

    def _times(self, probe: str, kind: str, stage: Stage) -> AttemptTimes:
        stages = self.probes.setdefault((probe, kind), {})
        return stages.setdefault(stage, AttemptTimes())


def _said(startup: Startup) -> str:
    """What tells of a startup that was not ready, on one line."""
    error = startup.error
    parts = [startup.status.replace("_", " ")]
    if startup.phase is not None:
        parts.append(f"phase {startup.phase}")
    if budget := _text(error.get("budget")):
        parts.append(f"budget {budget} ran out")
    if code := _text(error.get("sqlstate")):
        parts.append(f"SQLSTATE {code}")
    if startup.exit_code is not None:
        parts.append(f"exit code {startup.exit_code}")
    text = _text(error.get("text"))
    return one_visible_line(f"{', '.join(parts)}{f': {text}' if text else ''}", LONGEST_KEY)


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value if len(value) <= LONGEST_KEY else one_visible_line(value, LONGEST_KEY)


def merged(*failures: Failures) -> Iterator[tuple[Failure, int, tuple[str, ...]]]:
    """Failures of several collectors, the most frequent first."""
    found = [
        (failure, count, one.causes.get(failure, ()))
        for one in failures
        for failure, count in one.counts.items()
    ]
    yield from sorted(found, key=lambda item: -item[1])
