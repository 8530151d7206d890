"""What the run of a step is given: its parameters, its consent, its bound, and its process.

A step that acts on Google Cloud needs consent to its plan. The conductor asks here before the first
step, for every step of a day whose environment is `staging`, and again before each run: a
repetition with other values has another plan.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import read_document
from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError, InvalidInput, PartUnavailable
from chaosnetra.gameday.people.interface import Left
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.gameday.plan.parameters import Passed, for_experiment, own_limit
from chaosnetra.gameday.record.record import Record
from chaosnetra.repository import folder_of
from chaosnetra.runner.child import ChildRun
from chaosnetra.runner.files import RunFiles
from chaosnetra.runner.reports import PROGRAM
from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.settings.sources import find_sources
from chaosnetra.text import one_line

PLAN_SECONDS = 120.0
POLL_SECONDS = 0.02
ANY_PLAN = "yes"


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


def settings_of(step: DayStep, passed: Passed) -> Settings:
    """The settings that a run of a step has.

    Raises:
        InvalidInput: one of them cannot be used.
    """
    environ = {**os.environ, **passed.environment}
    sources = find_sources(folder_of(str(step.experiment)), environ=environ)
    return sources.settings(environ)


def check_changes(day: GameDay, step: DayStep, changed: Mapping[str, str]) -> None:
    """That a step can be run with what repetitions have changed of its parameters.

    Raises:
        InvalidInput: it cannot.
    """
    try:
        settings_of(step, parameters_of(day, step, changed))
    except InvalidInput:
        raise
    except ChaosnetraError as error:
        raise InvalidInput(str(error)) from None


def seconds_at_most(step: DayStep, passed: Passed) -> float:
    """How long a run may take: by the bounds of its step, its experiment and the watchdog."""
    own = own_limit(read_document(step.experiment).data)
    limits = (step.maximum_seconds, own, settings_of(step, passed).time_to_live_seconds)
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


@dataclass(frozen=True)
class Consent:
    """What is known of the plan of one step.

    Attributes:
        given: whether the step may run.
        text: one line: what the plan changes and who consented, or what is missing and how to get
            it.
        environment: environment variables that its run needs to act by the plan.
    """

    given: bool
    text: str
    environment: Mapping[str, str] = field(default_factory=dict)


def consent_to(
    experiment: Path, environment: Mapping[str, str], tick: Callable[[], None] = lambda: None
) -> Consent:
    """Whether somebody has consented to what a step would change in staging.

    Its plan is made by `chaosnetra plan`, in a process of its own: what that looks at must not
    become part of the conductor's.

    Args:
        experiment: its file.
        environment: environment variables that its run would get, which its plan is made from.
        tick: called often while the plan is made; what it raises ends that.
    """
    variable = SETTINGS["consent"].variable
    variables = {**os.environ, **environment}
    try:
        plan = _plan(experiment, variables, tick)
    except (OSError, ValueError) as error:
        return Consent(False, one_line(f"{experiment.name}: its plan cannot be made: {error}"))
    if plan["refusals"]:
        refused = "; ".join(map(str, plan["refusals"]))
        return Consent(False, one_line(f"{experiment.name}: its plan is refused: {refused}"))
    made, given = str(plan["hash"]), variables.get(variable, "")
    if given not in (ANY_PLAN, made):
        whose = "is for another plan" if given else "is not given"
        return Consent(
            False,
            f"{experiment.name}: consent {whose}: read `chaosnetra plan {experiment}`, and give "
            f"its hash as the step's parameter consent or in {variable} ({made})",
        )
    how = "to whatever the plan is" if given == ANY_PLAN else "to this plan"
    return Consent(True, f"consent {how}, {made}", {variable: given})


def _plan(
    experiment: Path, environment: Mapping[str, str], tick: Callable[[], None]
) -> dict[str, Any]:
    """What `chaosnetra plan` says.

    Raises:
        ValueError: no plan; says why.
        OSError: it cannot be started.
    """
    deadline = Deadline.after(PLAN_SECONDS)
    with subprocess.Popen(
        [*PROGRAM, "plan", str(experiment), "--format", "json"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while (answer := _answer(process)) is None:
                tick()
                if deadline.passed:
                    raise ValueError(f"it took more than {PLAN_SECONDS:g} s")
        except BaseException:
            process.kill()
            raise
    stdout, stderr = answer
    try:
        found = json.loads(stdout)
        if isinstance(found["hash"], str) and isinstance(found["refusals"], list):
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    said = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    raise ValueError(said[-1].removeprefix("Error: ") if said else "`chaosnetra plan` said nothing")


def _answer(process: "subprocess.Popen[str]") -> tuple[str, str] | None:
    try:
        return process.communicate(timeout=POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return None
