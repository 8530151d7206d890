"""Makes the trials of a search, one after the other, and writes down each."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from chaosnetra.errors import InvalidInput, NotAllowed
from chaosnetra.quantities import finite_or_none
from chaosnetra.runner.ending import undo
from chaosnetra.runner.files import RunFiles, find_experiments
from chaosnetra.runner.process import run_experiment
from chaosnetra.running.baseline import WITHOUT_BASELINE
from chaosnetra.running.run import BASELINE_FILE
from chaosnetra.search.endings import End
from chaosnetra.search.forecast import forecast_of, limits_of, model_of, round_trip_seconds
from chaosnetra.search.habits import habits_of
from chaosnetra.search.judging import end_of, judged, next_values
from chaosnetra.search.own_limits import Tried, own_limit_of
from chaosnetra.search.placing import AROUND
from chaosnetra.search.record import FILE, Forecast, Search, SearchTrial, write_search
from chaosnetra.search.stand import shared_stand
from chaosnetra.search.subject import Subject
from chaosnetra.search.telling import trial_line
from chaosnetra.search.trial import journal_of, trial_of, why_stopped

TRIALS = "trials"
BASELINE = "baseline.json"
# One of so many trials has a baseline of its own; the others have what the one before left, where
# that is no older.
OWN_BASELINE_EVERY = 4
BASELINE_SECONDS = 60.0
SEED_VARIABLE = "CHAOSNETRA_SEED"


class Admission(Protocol):
    """Lets the trials of a search act in staging; see `chaosnetra.controls.search_consent`."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the environment by which a trial finds out."""

    def next_variables(self) -> Mapping[str, str]:
        """Of the next trial's configuration.

        Raises:
            NotAllowed: none may be begun any more.
        """


def conduct(
    subject: Subject,
    search: Search,
    folder: Path,
    variables: Mapping[str, str],
    say: Callable[[str], None],
    admission: Admission | None = None,
) -> Search:
    """Make trials until the search has ended; after each its journal is written.

    Args:
        subject: what is varied.
        search: new, or one that goes on.
        folder: of the search.
        variables: of the configuration, for all trials.
        say: called with each line of what happens.
        admission: to staging; None: the trials are local.

    Raises:
        KeyboardInterrupt: it was interrupted; the trial that ran was undone, and what was found
            is written.
        PartUnavailable: the stand cannot be had.
        NotAllowed: it would act in staging, and was not admitted.
        InvalidInput: it gets harder in the other direction than the bound that was asked for says.
        OSError: the folder cannot be written.
    """
    if goes_on(search) and subject.settings.in_staging and admission is None:
        raise NotAllowed("in staging a search has to be consented to before its first trial")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, search)
    if not goes_on(search):
        return search
    baseline = folder / BASELINE
    baseline.unlink(missing_ok=True)
    stand = (
        shared_stand(subject.settings) if admission is None else nullcontext(admission.environment)
    )
    try:
        with stand as environment:
            while goes_on(search):
                try:
                    more = {} if admission is None else admission.next_variables()
                except NotAllowed as error:
                    search = replace(search, stopped=str(error))
                    break
                trial = _make(subject, search, folder, {**variables, **more}, environment)
                search = _learned(subject, replace(search, trials=(*search.trials, trial)), folder)
                search = replace(search, stopped=_stopped_by(trial, folder, admission))
                _write(folder, search)
                with suppress(OSError):  # nobody reads any more
                    say(trial_line(search, trial, judged(search)))
            _write(folder, search)
    except KeyboardInterrupt:
        _write(folder, replace(search, interrupted=True))
        raise
    finally:
        baseline.unlink(missing_ok=True)
    return search


def _stopped_by(trial: SearchTrial, folder: Path, admission: Admission | None) -> str:
    """Why no trial may follow one; empty: another may."""
    journal = folder / trial.journal
    data = journal_of(journal)
    why = why_stopped(data, trial, in_staging=admission is not None)
    if data is None and admission is not None:
        # As long as the lease is held nobody else meets what it left.
        why = "; ".join([why, *undo(journal.parent)])
    return why


def goes_on(search: Search) -> bool:
    """Whether another trial is to be made.

    Raises:
        InvalidInput: it gets harder in the other direction than the bound that was asked for says.
    """
    if search.asked is not None and search.oriented.falling is (search.at_most is None):
        wrong, right = ("--at-least", "--at-most")[:: 1 if search.at_most is None else -1]
        raise InvalidInput(
            f"{search.key} makes it harder going {search.oriented.grows}: give {right} in place of "
            f"{wrong}; the same folder goes on"
        )
    return end_of(search) is End.GOES_ON


def _make(
    subject: Subject,
    search: Search,
    folder: Path,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
) -> SearchTrial:
    values, number = next_values(search), len(search.trials) + 1
    place = folder / TRIALS / f"{number:03}"
    experiment = find_experiments([subject.path])[0]
    ran = run_experiment(
        experiment,
        place,
        variables={**variables, **{key: f"{value:.12g}" for key, value in values.items()}},
        environment={
            SEED_VARIABLE: str(search.seed + number),
            BASELINE_FILE: str(folder.resolve() / BASELINE),
            **_given_seed(),
            **environment,
        },
        options=_options(subject, search, folder),
        given_by="--set",
    )
    journal = str(RunFiles(Path(TRIALS, place.name)).journal)
    # Of a map, what holds at a value is looked up by the value that was asked for.
    latency = subject.is_latency and search.second is None
    trial = trial_of(number, values[search.key], journal, ran, latency)
    return trial if search.second is None else replace(trial, second=values[search.second.key])


def _options(subject: Subject, search: Search, folder: Path) -> tuple[str, ...]:
    """Of the next trial: without a baseline of its own, where the last one has just left one.

    Every few trials measure theirs all the same, as the first one does, and one after a trial that
    proved nothing.
    """
    file, number = folder / BASELINE, len(search.trials)
    keeps = (
        subject.may_adopt
        and search.second is None
        and number % OWN_BASELINE_EVERY
        and search.trials[-1].counts
    )
    if keeps and file.exists() and time.time() - file.stat().st_mtime < BASELINE_SECONDS:
        return WITHOUT_BASELINE
    file.unlink(missing_ok=True)
    return ()


def _given_seed() -> dict[str, str]:
    """The seed that whoever called has set for all runs."""
    given = os.environ.get(SEED_VARIABLE)
    return {} if given is None else {SEED_VARIABLE: given}


def _learned(subject: Subject, search: Search, folder: Path) -> Search:
    """A search with what its last trial tells of where it breaks, and of its runs."""
    last = search.trials[-1]
    if not last.counts or search.second is not None:
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
    found = None if own is None else forecast_of([own], scale)
    if found is None:
        return search
    known = search.forecast
    if known is not None and _is_same(search, found):
        # It stays where it is, and may be better known.
        found = replace(known, spread=min(known.spread, found.spread))
    return replace(search, forecast=found)


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
    write_search(folder / FILE, search, judged(search).to_json())
