"""Makes the trials of a search, one after the other, and writes down each."""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosnetra import __version__
from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import finite_or_none
from chaosnetra.runner.files import RunFiles, find_experiments
from chaosnetra.runner.process import run_experiment
from chaosnetra.search.conclusion import End, conclude, end_of
from chaosnetra.search.forecast import (
    Tried,
    forecast_of,
    limits_of,
    model_of,
    own_limit_of,
    round_trip_seconds,
)
from chaosnetra.search.habits import habits_of
from chaosnetra.search.placing import AROUND, next_value
from chaosnetra.search.record import (
    FILE,
    VERSION,
    Forecast,
    Search,
    SearchTrial,
    read_search,
    write_search,
)
from chaosnetra.search.span import Span
from chaosnetra.search.stand import shared_stand
from chaosnetra.search.subject import Subject
from chaosnetra.search.telling import trial_line
from chaosnetra.search.trial import journal_of, trial_of

TRIALS = "trials"
# A limit of its own that a trial shows is known less well than a budget that is written down.
OWN_SPREAD = 0.1
SEED_VARIABLE = "CHAOSNETRA_SEED"


@dataclass(frozen=True)
class Wanted:
    """What a search was asked for; see `Search`."""

    lower: float
    upper: float
    seed: int
    precision: float
    most_trials: int
    most_seconds: float | None
    operating_point: float | None
    at_least: float | None
    variables: Mapping[str, str]


def begun(subject: Subject, wanted: Wanted, folder: Path) -> Search:
    """The search in a folder that goes on, or a new one.

    Raises:
        InvalidInput: the folder holds another search, or something else.
        Unreadable: its search cannot be read.
    """
    new = Search(
        version=VERSION,
        chaosnetra=__version__,
        experiment=str(subject.path),
        fingerprint=hashlib.sha256(subject.path.read_bytes()).hexdigest(),
        title=subject.title,
        key=subject.key,
        feeds=", ".join(dict.fromkeys(one.shown for one in subject.fed)),
        span=Span(wanted.lower, wanted.upper, subject.whole),
        resolution=subject.resolution,
        seed=wanted.seed,
        precision=wanted.precision,
        most_trials=wanted.most_trials,
        most_seconds=wanted.most_seconds,
        operating_point=wanted.operating_point,
        operating_point_measured=False,
        at_least=wanted.at_least,
        variables=tuple(sorted(wanted.variables)),
        profile=subject.settings.profile.name,
        target=subject.target,
        time_scale=subject.settings.time_scale,
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
        if getattr(former, name) != getattr(new, name):
            raise InvalidInput(
                f"{folder} holds a search of another {what}", "--output-folder to a new folder"
            )
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


# What has to be the same where a search goes on, and what that is called.
_SAME = {
    "fingerprint": "experiment",
    "key": "key",
    "span": "span",
    "seed": "seed",
    "variables": "set of variables",
    "profile": "profile",
    "target": "target",
    "time_scale": "time scale",
}


def conduct(
    subject: Subject,
    search: Search,
    folder: Path,
    variables: Mapping[str, str],
    say: Callable[[str], None],
) -> Search:
    """Make trials until the search has ended; after each its journal is written.

    Args:
        subject: what is varied.
        search: new, or one that goes on.
        folder: of the search.
        variables: of the configuration, for all trials.
        say: called with each line of what happens.

    Raises:
        KeyboardInterrupt: it was interrupted; the trial that ran was undone, and what was found
            is written.
        PartUnavailable: the stand cannot be had.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, search)
    if not _goes_on(search):
        return search
    try:
        with shared_stand(subject.settings) as environment:
            while _goes_on(search):
                trial = _make(subject, search, folder, variables, environment)
                search = _learned(subject, replace(search, trials=(*search.trials, trial)), folder)
                _write(folder, search)
                with suppress(OSError):  # nobody reads any more
                    say(trial_line(search, trial, conclude(search)))
    except KeyboardInterrupt:
        _write(folder, replace(search, interrupted=True))
        raise
    return search


def _goes_on(search: Search) -> bool:
    return end_of(search) is End.GOES_ON


def _make(
    subject: Subject,
    search: Search,
    folder: Path,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
) -> SearchTrial:
    value, number = next_value(search), len(search.trials) + 1
    place = folder / TRIALS / f"{number:03}"
    experiment = find_experiments([subject.path])[0]
    ran = run_experiment(
        experiment,
        place,
        variables={**variables, search.key: f"{value:.12g}"},
        environment={SEED_VARIABLE: str(search.seed + number), **_given_seed(), **environment},
    )
    journal = str(RunFiles(Path(TRIALS, place.name)).journal)
    return trial_of(number, value, journal, ran, subject.is_latency)


def _given_seed() -> dict[str, str]:
    """The seed that whoever called has set for all runs."""
    given = os.environ.get(SEED_VARIABLE)
    return {} if given is None else {SEED_VARIABLE: given}


def _learned(subject: Subject, search: Search, folder: Path) -> Search:
    """A search with what its last trial tells of where it breaks, and of its runs."""
    last = search.trials[-1]
    if not last.counts:
        return search
    data = journal_of(folder / last.journal)
    if data is None:
        return search
    facts = data["chaosnetra"]
    scale = finite_or_none(facts.get("time_scale"))
    if not subject.is_latency or scale is None or scale <= 0:
        return search
    tried = _tried(search, scale, folder)
    first = search.model is None
    model = model_of(*(one.journal for one in tried))
    search = replace(search, time_scale=scale, model=model, habits=habits_of(tried))
    if first and search.operating_point is None and scale == 1:
        search = _with_measured_point(search, data)
    if search.forecast is None and len(search.counted) == 1:
        search = replace(search, forecast=forecast_of(limits_of(data), scale))
    own = own_limit_of(tried)
    found = None if own is None else forecast_of([own], scale, OWN_SPREAD)
    if found is not None and not _is_same(search, found):
        search = replace(search, forecast=found)
    return search


def _is_same(search: Search, found: Forecast) -> bool:
    """Whether a forecast is the known one but for chance: the trials around that stay around it."""
    known = search.forecast
    return known is not None and abs(found.value - known.value) <= (
        AROUND * search.precision * known.value
    )


def _tried(search: Search, scale: float, folder: Path) -> list[Tried]:
    """The trials that say anything, with their journals."""
    journals = ((trial, journal_of(folder / trial.journal)) for trial in search.counted)
    return [
        Tried(trial.applied * scale / 1000, trial.violated, data)
        for trial, data in journals
        if data is not None
    ]


def _with_measured_point(search: Search, data: Mapping[str, Any]) -> Search:
    """What a round trip takes here today, where nobody said where the system stands."""
    seconds = round_trip_seconds(data)
    if seconds is None:
        return search
    point = float(f"{1000 * seconds:.3g}")
    return replace(search, operating_point=point, operating_point_measured=True)


def _write(folder: Path, search: Search) -> None:
    write_search(folder / FILE, search, conclude(search).to_json())
