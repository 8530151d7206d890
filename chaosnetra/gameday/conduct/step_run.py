"""What the run of a step is given: its parameters, its bounds, and its process."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from chaosnetra.documents.document import read_document
from chaosnetra.errors import ChaosnetraError, InvalidInput, PartUnavailable
from chaosnetra.gameday.conduct.consent import consent_to
from chaosnetra.gameday.people.interface import Left
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.gameday.plan.parameters import Passed, for_experiment, own_limit
from chaosnetra.gameday.record.record import Record
from chaosnetra.runner.child import ChildRun
from chaosnetra.runner.files import RunFiles

if TYPE_CHECKING:
    from chaosnetra.settings import Settings


def parameters_of(day: GameDay, step: DayStep, changed: Mapping[str, str]) -> Passed:
    """How a run of a step gets its parameters, with those that a repetition changed.

    Raises:
        Unreadable: its experiment cannot be read.
        InvalidInput: see `for_experiment`.
    """
    return for_experiment(read_document(step.experiment).data, day, step, changed)


def consented_parameters(record: Record, tick: Callable[[], None]) -> Passed:
    """As `parameters_of`, for the step that a day is at; with the consent that it needs.

    Args:
        record: of the day.
        tick: called often while a plan is made; what it raises ends that.

    Raises:
        Left: nobody consented to its plan.
    """
    day, step = record.day, record.step
    passed = parameters_of(day, step, record.state.changed)
    record.learn_secrets(passed.environment)
    if day.environment != "staging":
        return passed
    consent = consent_to(step.experiment, passed.environment, tick)
    if not consent.given:
        raise Left(f"step {step.name!r} may not run: {consent.text}")
    return Passed({**passed.environment, **consent.environment}, passed.variables)


def settings_of(passed: Passed) -> "Settings":
    """The settings that a run has.

    Raises:
        InvalidInput: one of them cannot be used.
    """
    from chaosnetra.settings import Settings

    return Settings.from_configuration({}, {**os.environ, **passed.environment})


def check_changes(day: GameDay, step: DayStep, changed: Mapping[str, str]) -> None:
    """That a step can be run with what repetitions have changed of its parameters.

    Raises:
        InvalidInput: it cannot.
    """
    try:
        settings_of(parameters_of(day, step, changed))
    except InvalidInput:
        raise
    except ChaosnetraError as error:
        raise InvalidInput(str(error)) from None


def seconds_at_most(step: DayStep, passed: Passed) -> float:
    """How long a run may take: by the bounds of its step, its experiment and the watchdog."""
    own = own_limit(read_document(step.experiment).data)
    limits = (step.maximum_seconds, own, settings_of(passed).time_to_live_seconds)
    return min(limit for limit in limits if limit is not None)


def run_in(folder: Path, step: DayStep, passed: Passed) -> ChildRun:
    """The run of a step in a new folder; it has not begun.

    Raises:
        PartUnavailable: it cannot be started.
    """
    files = RunFiles(folder)
    try:
        folder.mkdir(parents=True)
        with files.output.open("wb") as output:
            return ChildRun(
                step.experiment,
                files,
                output,
                variables=passed.variables,
                environment=passed.environment,
            )
    except (OSError, ValueError) as error:
        raise PartUnavailable(f"the run cannot be started: {error}") from None
