"""A search's journal, `search.json`: what was asked, every trial, and where it stands.

`from_json` of what `to_json` gave is the same search. Everything that is concluded from the trials
is computed anew from them, see `chaosnetra.search.conclusion`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.quantities import finite_or_none
from chaosnetra.search.span import Span
from chaosnetra.whole_file import write_whole

FILE = "search.json"
VERSION = 1
MOST_BYTES = 32 * 2**20
MOST_TRIALS = 1000
# Keys at its beginning, which no journal of a run has there.
_SIGNS = ("fingerprint", "feeds")
# How a limit that is a budget, and what broke by one, begin.
BUDGET = "budget "


@dataclass(frozen=True)
class Limit:
    """A limit of the service or its platform, and what of a startup it bounds; real seconds.

    Attributes:
        name: of it.
        seconds: its length.
        own_seconds: what the work inside takes without the fault.
        round_trips: one after the other, in that work.
        spread_seconds: how far what the work takes lies from that.
        shown_under: latencies, clearly different, under which startups that were not ready showed
            it, as a limit of the service's own; 0: it is known otherwise.
        is_near: whether the work inside was measured under a latency close to the one at which it
            breaks, so that hardly anything has to be extrapolated.
    """

    name: str
    seconds: float
    own_seconds: float
    round_trips: int
    spread_seconds: float = 0.0
    shown_under: int = 0
    is_near: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is the service's own, as startups that were not ready showed."""
        return self.shown_under > 0


@dataclass(frozen=True)
class Forecast:
    """Where it is expected to break, from the baseline alone.

    Attributes:
        value: of the key.
        spread: a standard deviation, as a share of the value.
        limit: that breaks first.
        how: it was computed, as a sentence.
    """

    value: float
    spread: float
    limit: Limit
    how: str


@dataclass(frozen=True)
class SearchTrial:
    """One run at one value.

    Attributes:
        number: from 1.
        value: that was asked for.
        applied: that was in place, as the fault's parameters say; else the same.
        outcome: held, violated, inconclusive or broken.
        attempts: under the fault; 1 where only held or violated is known.
        failures: of these.
        max_failure_rate: that the experiment allows; None: it counts no attempts.
        line: the verdict as one line.
        breaks_first: what ended the startups, where it was violated.
        journal: of the run, as a path from the search's folder.
        seconds: that it took.
        baseline_seconds: until each startup of its baseline was ready.
        under_fault_seconds: until each startup under the fault that was ready was so.
        recovered_seconds: until each startup after the rollbacks was ready.
        second: value of the second key, where two are varied.
    """

    number: int
    value: float
    applied: float
    outcome: str
    attempts: int
    failures: int
    max_failure_rate: float | None
    line: str
    breaks_first: str | None
    journal: str
    seconds: float
    baseline_seconds: tuple[float, ...] = ()
    under_fault_seconds: tuple[float, ...] = ()
    recovered_seconds: tuple[float, ...] = ()
    second: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it says anything of the system."""
        return self.outcome in ("held", "violated")

    @property
    def violated(self) -> bool:
        return self.outcome == "violated"


@dataclass(frozen=True)
class Axis:
    """One key of two that are varied together; see `Search` for its attributes."""

    key: str
    feeds: str
    span: Span
    resolution: float


@dataclass(frozen=True)
class StartModel:
    """What a startup takes: its own seconds, and so many round trips one after the other."""

    own_seconds: float
    round_trips: int


@dataclass(frozen=True)
class Habits:
    """What a service does otherwise under a latency; each a sentence, or None: it does not.

    Attributes:
        polls: it makes another number of round trips, so they do not tell what a start takes.
        tries_again: it opens more connections when one fails.
    """

    polls: str | None = None
    tries_again: str | None = None


@dataclass(frozen=True)
class Search:
    """A search.

    Attributes:
        version: of this form.
        chaosnetra: version that made it.
        experiment: its file.
        fingerprint: of its content, SHA-256.
        title: of it.
        key: that was varied.
        feeds: what the key becomes, for people.
        span: of the values, with the direction in which it is expected to get harder.
        resolution: values that lie nearer to each other cannot be told apart; 0: any can.
        seed: that the trials were given.
        precision: that was asked for: the interval's width as a share of the value.
        most_trials: that were allowed.
        most_seconds: likewise; None: as many as it takes.
        operating_point: where the system stands today; None: not known.
        operating_point_measured: whether it was measured in the first baseline, and not given.
        at_least: that the breaking point has to lie above; None: nothing is asked.
        at_most: that it has to lie below, where it gets harder as the value falls; None likewise.
        second: the key that is varied with it; None: none is.
        variables: names of those that were set for the trials.
        given: settings and values of the configuration that all trials have, secrets masked; empty:
            not known, of an earlier version.
        profile: of the runs; None before the first.
        target: likewise.
        time_scale: likewise.
        trials: in order.
        forecast: None: nothing predicts where it breaks.
        model: of a startup, from the first baseline; None: it is not known.
        habits: what startups under a latency do otherwise than without.
        interrupted: whether a signal ended it.
        environment: where its trials acted.
        stopped: why no further trial may be made, as a clause; empty: that is not so.
    """

    version: int
    chaosnetra: str
    experiment: str
    fingerprint: str
    title: str
    key: str
    feeds: str
    span: Span
    resolution: float
    seed: int
    precision: float
    most_trials: int
    most_seconds: float | None
    operating_point: float | None
    operating_point_measured: bool
    at_least: float | None
    variables: tuple[str, ...]
    profile: str | None
    target: str | None
    time_scale: float | None
    trials: tuple[SearchTrial, ...] = ()
    forecast: Forecast | None = None
    model: StartModel | None = None
    habits: Habits = Habits()
    interrupted: bool = False
    at_most: float | None = None
    second: Axis | None = None
    environment: str = "local"
    stopped: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def standing_forecast(self) -> Forecast | None:
        """The forecast that trials still go by; None: there is none, or they rule it out.

        A trial that was violated rules out one that lies, give or take its spread, beyond the span.
        """
        forecast = self.forecast
        if forecast is None or not any(trial.violated for trial in self.counted):
            return forecast
        is_beyond = forecast.value * (1 - forecast.spread) > self.span.upper
        return None if is_beyond else forecast

    @property
    def asked(self) -> float | None:
        """What the breaking point has to lie beyond; None: nothing is asked."""
        return self.at_least if self.at_most is None else self.at_most

    @property
    def oriented(self) -> Span:
        """The span with the direction in which it gets harder, as trials at its ends tell.

        It is the expected one until one end was violated more often than the other.
        """
        span, shares = self.span, []
        for end in (span.lower, span.upper):
            found = [trial.violated for trial in self.counted if trial.value == end]
            if not found:
                return span
            shares.append(sum(found) / len(found))
        if shares[0] == shares[1]:
            return span
        return replace(span, falling=shares[0] > shares[1])

    @property
    def counted(self) -> tuple[SearchTrial, ...]:
        """The trials that say anything."""
        return tuple(trial for trial in self.trials if trial.counts)

    @property
    def seconds(self) -> float:
        """That all trials took."""
        return sum(trial.seconds for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Search":
        """What `to_json` gave.

        Raises:
            ValueError: it is not that; also `KeyError` and `TypeError`.
        """
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in data.items() if name in known}
        forecast, model, second = data["forecast"], data["model"], data.get("second")
        search = cls(
            **{
                **given,
                "span": Span(**data["span"]),
                "variables": tuple(map(str, data["variables"])),
                "given": {str(key): str(value) for key, value in data.get("given", {}).items()},
                "trials": tuple(map(_trial, data["trials"][: MOST_TRIALS + 1])),
                "forecast": None
                if forecast is None
                else Forecast(**{**forecast, "limit": Limit(**forecast["limit"])}),
                "model": None if model is None else StartModel(**model),
                "second": None
                if second is None
                else Axis(**{**second, "span": Span(**second["span"])}),
                "habits": Habits(**data.get("habits", {})),
            }
        )
        search.check()
        return search

    def check(self) -> None:
        """Refuse what no search writes.

        Raises:
            ValueError: it is such.
        """
        spans = [self.span] if self.second is None else [self.span, self.second.span]
        numbers: list[Any] = [self.precision, *(trial.applied for trial in self.trials)]
        for span in spans:
            numbers += [span.lower, span.upper]
        if self.second is not None:
            numbers += [self.second.resolution, *(trial.second for trial in self.trials)]
        if any(finite_or_none(value) is None for value in numbers):
            raise ValueError("its spans or its values are no finite numbers")
        if any(span.lower >= span.upper for span in spans):
            raise ValueError("the ends of a span are not in order")
        if len(self.trials) > MOST_TRIALS:
            raise ValueError(f"it has more than {MOST_TRIALS:,} trials")
        if (finite_or_none(self.resolution) or 0.0) < 0:
            raise ValueError(f"its resolution is {self.resolution}")
        if not 0 < self.precision < 1:
            raise ValueError(f"its precision is {self.precision}")
        for trial in self.trials:
            if type(trial.attempts) is not int or type(trial.failures) is not int:
                raise TypeError("a trial's attempts and failures are whole numbers")
            if not 0 <= trial.failures <= trial.attempts:
                raise ValueError(f"trial {trial.number} has more failures than attempts")
            if trial.counts and not trial.attempts:
                raise ValueError(f"trial {trial.number} has no attempts")


def _trial(data: Mapping[str, Any]) -> SearchTrial:
    times = {
        name: tuple(map(float, data.get(name) or ()))
        for name in ("baseline_seconds", "under_fault_seconds", "recovered_seconds")
    }
    return SearchTrial(**{**data, **times})


def search_file(path: Path) -> Path | None:
    """The search's journal that a path means: that file, or the one in that folder; or None."""
    file = path / FILE if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            beginning = opened.read(4096)
    except OSError:
        return None
    return file if all(f'"{key}"'.encode() in beginning for key in _SIGNS) else None


def read_search(path: Path) -> Search:
    """Read a search's journal.

    Raises:
        Unreadable: there is none, or it is damaged, or another version wrote it.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"{path} is larger than any search writes ({MOST_BYTES:,} bytes)")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is no search: {error}") from None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise Unreadable(f"{path} is no search of a form that is known here (version {VERSION})")
    try:
        return Search.from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{path} is no whole search: {error}") from None


def write_search(path: Path, search: Search, conclusion: Mapping[str, Any]) -> None:
    """Write a search's journal, with what is concluded from it beside.

    Raises:
        OSError: it cannot be written.
    """
    data = {**search.to_json(), "conclusion": conclusion}
    write_whole(path, json.dumps(data, indent=2) + "\n")
