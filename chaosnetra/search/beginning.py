"""Begins a search, or goes on with the one that a folder holds."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosnetra import __version__
from chaosnetra.errors import InvalidInput
from chaosnetra.search.record import FILE, VERSION, Axis, Search, read_search
from chaosnetra.search.span import Span
from chaosnetra.search.subject import Subject
from chaosnetra.text import cut

# A setting that each trial has a value of its own for.
SEED = "seed"
LONGEST_VALUE = 60
# What has to be the same where a search goes on, and what that is called.
_SAME = {
    "fingerprint": "experiment",
    "key": "key",
    "span": "span",
    "second": "second key or span",
    "seed": "seed",
    "variables": "set of variables",
    "profile": "profile",
    "target": "target",
    "time_scale": "time scale",
    "environment": "environment",
}


@dataclass(frozen=True)
class Varied:
    """A key that is varied, and between which values."""

    subject: Subject
    lower: float
    upper: float

    @property
    def shown(self) -> str:
        """For people."""
        axis = self.axis(falling=False)
        return f"{axis.key} from {self.lower:g} to {self.upper:g} ({axis.feeds})"

    def axis(self, *, falling: bool) -> Axis:
        """It, as the journal has it."""
        subject = self.subject
        return Axis(
            subject.key,
            ", ".join(dict.fromkeys(one.shown for one in subject.fed)),
            Span(self.lower, self.upper, subject.whole, falling),
            subject.resolution,
        )


@dataclass(frozen=True)
class Wanted:
    """What a search was asked for; see `Search`."""

    seed: int
    precision: float
    most_trials: int
    most_seconds: float | None
    operating_point: float | None
    at_least: float | None
    at_most: float | None
    variables: Mapping[str, str]


def begun(varied: Varied, wanted: Wanted, folder: Path, second: Varied | None = None) -> Search:
    """The search in a folder that goes on, or a new one.

    Args:
        varied: what is varied.
        wanted: what is asked.
        folder: of the search.
        second: what is varied with it, of the same experiment.

    Raises:
        InvalidInput: the folder holds another search, or something else.
        Unreadable: its search cannot be read.
    """
    subject = varied.subject
    axis = varied.axis(falling=_falls(subject, wanted))
    new = Search(
        version=VERSION,
        chaosnetra=__version__,
        experiment=str(subject.path),
        fingerprint=hashlib.sha256(subject.path.read_bytes()).hexdigest(),
        title=subject.title,
        key=axis.key,
        feeds=axis.feeds,
        span=axis.span,
        resolution=axis.resolution,
        seed=wanted.seed,
        precision=wanted.precision,
        most_trials=wanted.most_trials,
        most_seconds=wanted.most_seconds,
        operating_point=wanted.operating_point,
        operating_point_measured=False,
        at_least=wanted.at_least,
        at_most=wanted.at_most,
        variables=tuple(sorted(wanted.variables)),
        given=_given_to_all(subject, second),
        profile=subject.settings.profile.name,
        target=subject.target,
        time_scale=subject.settings.time_scale,
        second=None if second is None else second.axis(falling=second.subject.falls),
        environment=subject.settings.environment,
    )
    file = folder / FILE
    if not file.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InvalidInput(
                f"{folder} is there, not empty, and holds no search",
                "--output-folder to a new folder, or to that of a search to go on with",
            )
        return new
    former = read_search(file)
    for name, what in _SAME.items():
        if _told(former, name) != _told(new, name):
            raise InvalidInput(
                f"{folder} holds a search of another {what}", "--output-folder to a new folder"
            )
    _require_same_values(folder, former.given, new.given)
    kept = replace(
        new,
        trials=former.trials,
        forecast=former.forecast,
        model=former.model,
        habits=former.habits,
        interrupted=False,
    )
    if wanted.operating_point is None:
        kept = replace(
            kept,
            operating_point=former.operating_point,
            operating_point_measured=former.operating_point_measured,
        )
    return kept


def _given_to_all(subject: Subject, second: Varied | None) -> dict[str, str]:
    varied = {SEED, subject.key, *(() if second is None else (second.subject.key,))}
    return {name: value for name, value in subject.given.items() if name not in varied}


def _require_same_values(folder: Path, former: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Refuse to go on with trials that had other values."""
    for name in sorted({**former, **new}) if former else ():
        before, now = former.get(name, "its default"), new.get(name, "its default")
        if before != now:
            raise InvalidInput(
                f"{folder} holds a search with {cut(before, LONGEST_VALUE)} for {name}, and not "
                f"{cut(now, LONGEST_VALUE)}",
                "--output-folder to a new folder",
            )


def _told(search: Search, name: str) -> Any:
    found = getattr(search, name)
    # In which direction it gets harder is only expected.
    if isinstance(found, Axis):
        return replace(found, span=replace(found.span, falling=False))
    return replace(found, falling=False) if isinstance(found, Span) else found


def _falls(subject: Subject, wanted: Wanted) -> bool:
    """Whether it is expected to get harder as the value falls: who asks for a bound knows."""
    if wanted.at_least is not None or wanted.at_most is not None:
        return wanted.at_most is not None
    return subject.falls
