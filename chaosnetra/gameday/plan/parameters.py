"""What a step sets of its experiment: which environment variables, and which `--var`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.documents.document import Document
from chaosnetra.documents.findings import Finding, nearest
from chaosnetra.documents.places import Place
from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.lint.outline import mapping, objects
from chaosnetra.quantities import finite_or_none, number
from chaosnetra.settings import SETTINGS

RULE = "parameters"
ENVIRONMENT = "environment"
ACTS_ELSEWHERE = "environment is no parameter of a step; the day has one for all of them"
ABORT_CONTROL = "chaosnetra.controls.abort"


@dataclass(frozen=True)
class Passed:
    """How parameters reach a run: as environment variables, or as `--var KEY=VALUE`."""

    environment: Mapping[str, str]
    variables: Mapping[str, str]


def known_parameters(experiment: Any) -> list[str]:
    """Keys of the experiment's configuration, then those that every run has."""
    return list(dict.fromkeys([*_configuration(experiment), *SETTINGS]))


def passed(experiment: Any, parameters: Mapping[str, str]) -> Passed:
    """How to hand parameters to a run of an experiment.

    A key of its configuration that comes from an environment variable is set by that variable;
    one that stands there as a value by `--var`; a setting that it does not declare by the
    setting's own variable.

    Raises:
        InvalidInput: it has no such parameter, or a value cannot be handed over, or is no number
            where the experiment has one.
    """
    configuration = _configuration(experiment)
    environment, variables = {}, {}
    for key, value in parameters.items():
        if "\0" in value:
            raise InvalidInput(f"parameter {key}: a NUL character cannot be handed to a run")
        declared = configuration.get(key)
        _check_number(key, value, declared)
        if key not in configuration:
            if key not in SETTINGS:
                raise InvalidInput(unknown(key, experiment))
            environment[SETTINGS[key].variable] = value
        elif isinstance(declared, Mapping) and declared.get("type") == "env":
            environment[str(declared.get("key"))] = value
        else:
            variables[key] = value
    return Passed(environment, variables)


def _check_number(key: str, value: str, declared: Any) -> None:
    """That a value is a number where the experiment's own is, and as little negative."""
    default = declared.get("default") if isinstance(declared, Mapping) else declared
    try:
        own = number(key, default)
    except InvalidInput:
        return
    number(key, value, minimum=0 if own >= 0 else None)


def unknown(key: str, experiment: Any) -> str:
    """That an experiment has no such parameter, and which it has."""
    own = list(_configuration(experiment)) or ["none of its own"]
    guess = nearest(key, known_parameters(experiment))
    meant = f"; did you mean {guess}?" if guess else ""
    return f"the experiment has no parameter {key!r}{meant} It has {', '.join(own)}"


def check_parameters(
    day: GameDay, step: DayStep, experiment: Any, lines: Document
) -> list[Finding]:
    """What a step sets that its experiment does not have, each with its line in the day's file.

    The day's own parameters are for the experiments that have them.
    """
    known = known_parameters(experiment)
    place: Place = ("steps", list(day.steps).index(step), "parameters")
    found = []
    for key in step.parameters:
        if key == ENVIRONMENT:
            wrong, remedy = ACTS_ELSEWHERE, "remove it"
        elif key not in known:
            wrong, remedy = unknown(key, experiment), f"change it here or in {step.experiment.name}"
        else:
            continue
        text = f"step {step.name!r}: {wrong}"
        found.append(Finding(lines.name, lines.line((*place, key)), RULE, text, remedy))
    return found


def check_shared(day: GameDay, experiments: Iterable[Any], lines: Document) -> list[Finding]:
    """What the day sets for all steps that no experiment of it has, each with its line."""
    known = list(dict.fromkeys(key for one in experiments for key in known_parameters(one)))
    found = []
    for key in day.parameters:
        if key not in known:
            guess = nearest(key, known)
            meant = f"did you mean {guess}?" if guess else "remove it"
            text = f"no step's experiment has a parameter {key!r}"
            line = lines.line(("parameters", key))
            found.append(Finding(lines.name, line, RULE, text, meant))
    return found


def for_experiment(
    experiment: Any, day: GameDay, step: DayStep, changed: Mapping[str, str]
) -> Passed:
    """What a run of a step gets; of the day's parameters those that its experiment has.

    Raises:
        InvalidInput: see `passed`; or a step would act elsewhere than its day, whose consent and
            rehearsal are for all of it.
    """
    known = known_parameters(experiment)
    shared = {key: value for key, value in day.parameters.items() if key in known}
    own = {**step.parameters, **changed}
    if ENVIRONMENT in own:
        raise InvalidInput(ACTS_ELSEWHERE)
    return passed(experiment, {**shared, **own})


def own_limit(experiment: Any) -> float | None:
    """Seconds after which the experiment's own abort control ends its run, if it has one."""
    found = []
    for _, control in objects(mapping(experiment).get("controls")):
        provider = mapping(control.get("provider"))
        if provider.get("module") == ABORT_CONTROL:
            arguments = mapping(provider.get("arguments"))
            found.append(finite_or_none(arguments.get("maximum_seconds")))
    return min((seconds for seconds in found if seconds is not None), default=None)


def _configuration(experiment: Any) -> Mapping[str, Any]:
    return mapping(mapping(experiment).get("configuration"))
