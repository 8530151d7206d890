"""Mends what an activity left in the journal before the core stumbles over it; and its times.

The core takes durations from a clock that can be set.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from chaoslib.run import RunEventHandler
from chaoslib.types import Configuration, Secrets

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.journal.jsonsafe import json_safe
from chaosnetra.evidence.journal.values import ENDED, STARTED
from chaosnetra.evidence.verdict.tolerance import within
from chaosnetra.running.run import Run, activities_of

logger = logging.getLogger("chaostoolkit")

# They do not raise.
OWN_TOLERANCES = "chaosnetra.tolerances"
# By how much the core's own duration of a run differs from ours where no clock was set.
MOST_DIFFERENCE_SECONDS = 1.0


def mend_output(context: Mapping[str, Any], state: dict[str, Any]) -> None:
    """The core would write a truncated journal for output that is not JSON."""
    safe, problem = json_safe(state["output"])
    state["output"] = safe
    if problem is not None:
        text = f"output of {context.get('name')!r} is not JSON: {problem}"
        state.update(output=safe, status="failed", exception=[text])
        logger.error(f"  => failed: {text}")


def judge_tolerance(
    context: Mapping[str, Any],
    state: dict[str, Any],
    configuration: Configuration,
    secrets: Secrets,
) -> None:
    """Judge an activity outside the steady state by its tolerance, which the core passes over.

    What comes out is `tolerance_met`, as in the steady state. A tolerance that cannot judge the
    answer fails the activity.
    """
    tolerance, value = _substituted(context["tolerance"], configuration, secrets), state["output"]
    met: bool | None
    try:
        if _is_function(tolerance):
            met = _by_function(tolerance, value, configuration, secrets)
        else:
            met = _within(tolerance, value, configuration, secrets)
        if not isinstance(met, bool):
            raise TypeError(f"{tolerance!r} is no tolerance")
    except Exception as error:  # noqa: BLE001 - a tolerance can raise anything
        _fail_tolerance(context, state, error)
        return
    state["tolerance_met"] = met
    if not met:
        logger.warning(f"  => the answer of {context.get('name')!r} is outside its tolerance")


def tell_why_unmet(run: dict[str, Any], configuration: Configuration, secrets: Secrets) -> None:
    """Fail a probe of the steady state whose tolerance function raised.

    The core takes that for an answer outside it, and keeps no word of it: ask once more.
    """
    tolerance = run["activity"].get("tolerance")
    if run.get("tolerance_met") is not False or run["status"] != "succeeded":
        return
    if not _is_function(tolerance) or tolerance["provider"].get("module") == OWN_TOLERANCES:
        return
    try:
        _by_function(tolerance, run["output"], configuration, secrets)
    except Exception as error:  # noqa: BLE001 - a tolerance can raise anything
        _fail_tolerance(run["activity"], run, error)


def _substituted(tolerance: Any, configuration: Configuration, secrets: Secrets) -> Any:
    from chaoslib import substitute

    text = isinstance(tolerance, str)
    return substitute(tolerance, configuration, secrets) if text else tolerance


def _is_function(tolerance: Any) -> bool:
    return isinstance(tolerance, dict) and tolerance.get("type") == "probe"


def _by_function(
    tolerance: Mapping[str, Any], value: Any, configuration: Configuration, secrets: Secrets
) -> bool:
    from chaoslib.activity import run_activity

    provider = tolerance.get("provider") or {}
    arguments = {**(provider.get("arguments") or {}), "value": value}
    judge = {**tolerance, "provider": {**provider, "arguments": arguments}}
    return bool(run_activity(judge, configuration, secrets))


def _within(
    tolerance: Any, value: Any, configuration: Configuration, secrets: Secrets
) -> bool | None:
    """As the core judges, also where it lacks the package that most JSON paths can do without."""
    from chaoslib.hypothesis import within_tolerance

    try:
        met = within_tolerance(tolerance, value, configuration=configuration, secrets=secrets)
    except NameError:
        known = within(tolerance, value)
        if known is None:
            raise
        return known
    return bool(met) if met is not None else None


def _fail_tolerance(context: Mapping[str, Any], state: dict[str, Any], error: Exception) -> None:
    from chaosnetra.evidence.verdict.wrong_tolerances import wrong_tolerance

    why = wrong_tolerance(context["tolerance"], state["output"]) or _told(context, error)
    text = f"tolerance of {context.get('name')!r} cannot judge its output: {why}"
    state.update(status="failed", exception=[text])
    logger.error(f"  => failed: {text}")


def _told(context: Mapping[str, Any], error: Exception) -> Exception | str:
    """What a tolerance raised, or what it lacks: the core does without what a JSON path takes."""
    tolerance = context["tolerance"]
    kind = tolerance.get("type") if isinstance(tolerance, dict) else None
    if kind == "jsonpath" and isinstance(error, NameError):
        return "a JSON path takes the package jsonpath2: pip install chaostoolkit-lib[jsonpath]"
    return error


def give_arguments(experiment: Mapping[str, Any]) -> None:
    """Let tolerances that are probes have arguments: the core puts the answer in, and would end.

    Raises:
        InvalidInput: they have some that nothing can be put into.
    """
    for probe in activities_of(experiment):
        tolerance = probe.get("tolerance")
        if not isinstance(tolerance, dict) or tolerance.get("type") != "probe":
            continue
        provider = tolerance.get("provider")
        if not isinstance(provider, dict):
            continue
        if provider.get("arguments") is None:
            provider["arguments"] = {}
        elif not isinstance(provider["arguments"], dict):
            raise InvalidInput(
                f"the tolerance of {probe.get('name')!r} gets the answer as an argument, so its "
                f"arguments must be an object, got {provider['arguments']!r:.100}",
                "arguments of the tolerance's provider",
            )


def check_loaded(experiment: Mapping[str, Any], configuration: Configuration) -> None:
    """Refuse a configuration that the core could not load: every use of it would be an empty text.

    Raises:
        InvalidInput: says whose probe failed.
    """
    declared = experiment.get("configuration")
    for name, value in declared.items() if isinstance(declared, Mapping) else ():
        is_asked = isinstance(value, Mapping) and value.get("type") == "probe"
        if is_asked and name not in (configuration or {}):
            raise InvalidInput(
                f"configuration {name!r} has no value, because its probe failed: correct the probe"
            )


def mend_tolerance(
    context: Mapping[str, Any],
    state: dict[str, Any],
    configuration: Configuration,
    secrets: Secrets,
) -> None:
    """A tolerance that raises ends the core without journal and rollbacks: fail the probe."""
    from chaoslib.hypothesis import within_tolerance

    tolerance = _substituted(context["tolerance"], configuration, secrets)
    if _is_function(tolerance):
        return  # the core catches what these raise
    try:
        within_tolerance(tolerance, state["output"], configuration=configuration, secrets=secrets)
    except Exception as error:  # noqa: BLE001 - a tolerance can raise anything
        _fail_tolerance(context, state, error)


def hide_provider_secrets(journal: Mapping[str, Any]) -> None:
    """Take out the secrets that the core copies into the journal.

    For a dynamic configuration probe it puts all secrets, in clear, into the experiment's
    configuration (chaostoolkit-lib issue, pull request 208); their names are enough.
    """
    for value in ((journal.get("experiment") or {}).get("configuration") or {}).values():
        provider = value.get("provider") if isinstance(value, dict) else None
        if isinstance(provider, dict) and isinstance(provider.get("secrets"), dict):
            provider["secrets"] = sorted(provider["secrets"])


def literals(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment without what only names its secrets and settings: where secrets may be learned.

    The core loads both before any control is called, and hands their values over.
    """
    loaded = ("configuration", "secrets")
    defaults = {
        name: {
            key: value["default"]
            for key, value in (experiment.get(name) or {}).items()
            if isinstance(value, Mapping) and "default" in value
        }
        for name in loaded
        if isinstance(experiment.get(name), Mapping)
    }
    others = {key: value for key, value in experiment.items() if key not in loaded}
    return {**defaults, **_without_names(others)}


def _without_names(part: Any) -> Any:
    """`part` without the lists of the secrets that a provider asks for."""
    if isinstance(part, Mapping):
        return {
            key: _without_names(value)
            for key, value in part.items()
            if not (key == "secrets" and isinstance(value, list))
        }
    return [_without_names(item) for item in part] if isinstance(part, list) else part


def forget_judged_values(journal: Any) -> None:
    """Take out the copies of each result that the core leaves in the tolerance that judged it.

    It gives a tolerance that is a probe the result as its argument `value`, in the experiment
    itself, which every state of the journal repeats: up to seven copies of the largest part.
    """
    if isinstance(journal, dict):
        tolerance = journal.get("tolerance")
        provider = tolerance.get("provider") if isinstance(tolerance, dict) else None
        arguments = provider.get("arguments") if isinstance(provider, dict) else None
        if isinstance(arguments, dict):
            arguments.pop("value", None)
    parts = journal.values() if isinstance(journal, dict) else journal
    for part in parts:
        if isinstance(part, (dict, list)):
            forget_judged_values(part)


class Clock(RunEventHandler):  # type: ignore[misc]  # chaoslib ships no types
    """Puts `started_seconds` and `ended_seconds` into each activity of the journal.

    Both count from the run's beginning. The activity's duration becomes the time between them.

    Args:
        run: the run in progress; None before it has begun.
    """

    def __init__(self, run: Callable[[], Run | None]) -> None:
        self._run = run
        # The core begins and ends an activity in the same thread.
        self._thread = threading.local()

    def start_activity(self, activity: dict[str, Any]) -> None:  # noqa: ARG002 - the core's
        run = self._run()
        self._thread.started = None if run is None else run.events.elapsed_seconds()

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:  # noqa: ARG002 - the core's
        started, now = getattr(self._thread, "started", None), self._run()
        if started is None or now is None:
            return
        ended = now.events.elapsed_seconds()
        run[STARTED], run[ENDED] = started, ended
        run["duration"] = round(ended - started, 6)


def mend_duration(journal: dict[str, Any], elapsed_seconds: float) -> None:
    """Correct a run's duration where its clock was set meanwhile: the core takes it from that."""
    duration = journal.get("duration")
    if not isinstance(duration, (int, float)):
        return
    if abs(duration - elapsed_seconds) > MOST_DIFFERENCE_SECONDS:
        journal["duration"] = round(elapsed_seconds, 6)
