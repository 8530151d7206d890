"""Checks arguments and tolerances of all our activities of an experiment before the first runs.

A wrong value is to cost no baseline, and to leave nothing behind. Values that are known only
later (a `${name}` that no configuration has yet) are left to the activity itself.
"""

import importlib
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, get_origin

from chaoslib import substitute
from chaoslib.exceptions import ActivityFailed

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.verdict.wrong_tolerances import without_target
from chaosnetra.running.preview import previewing
from chaosnetra.running.run import Run, activities_of
from chaosnetra.running.unread import unread_variables

logger = logging.getLogger("chaostoolkit")

# Modules whose functions all go through `chaosnetra.running.activity.edge`.
_ACTIVITIES = re.compile(r"chaosnetra\.\w+\.(?:actions|probes)")
_LATER = re.compile(r"\$\{[^}]*\}")
MOST_SHOWN = 3


def check_arguments(experiment: Mapping[str, Any], configuration: Any, secrets: Any) -> bool:
    """Let every activity of ours parse its arguments; none of them acts.

    Args:
        experiment: as it is written.
        configuration: as the Chaos Toolkit loaded it.
        secrets: likewise.

    Returns:
        True: they can all be used.

    Raises:
        InvalidInput: an argument cannot be used; names up to three activities.
    """
    refused: dict[str, str] = {}
    for activity in activities_of(experiment):
        text = _refusal(activity, configuration or {}, secrets or {}) or _wrong_tolerance(activity)
        if text is not None:
            refused.setdefault(text, f"{activity.get('type')} {activity.get('name')!r}")
    if not refused:
        return True
    reasons = [f"{who}: {text}" for text, who in refused.items()]
    more = f"; and {len(reasons) - MOST_SHOWN} more" if len(reasons) > MOST_SHOWN else ""
    raise InvalidInput("; ".join(reasons[:MOST_SHOWN]) + more)


def check_running(run: Run) -> bool:
    """Check the experiment that the Chaos Toolkit runs just now, which no control has announced.

    Args:
        run: learns of the experiment.

    Returns:
        Whether there is one that is known.

    Raises:
        InvalidInput: as `check_arguments`.
    """
    found = _running_experiment()
    if found is None:
        return False
    run.experiment = run.experiment or found[0]
    for line in unread_variables(os.environ, found[0]):
        logger.warning(line)
    return check_arguments(*found)


def _running_experiment() -> tuple[Mapping[str, Any], Any, Any] | None:
    """It with its configuration and secrets, from the frames of the core that this call comes from.

    None when the activity was not called by the core.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("chaoslib."):
            found = frame.f_locals
            if isinstance(found.get("experiment"), Mapping) and "configuration" in found:
                return found["experiment"], found["configuration"], found.get("secrets")
        frame = frame.f_back
    return None


def _refusal(
    activity: Mapping[str, Any], configuration: Mapping[str, Any], secrets: Mapping[str, Any]
) -> str | None:
    """Why an activity would refuse its arguments; None when it would not, or nobody can tell."""
    provider = activity.get("provider")
    if not isinstance(provider, Mapping) or provider.get("type") != "python":
        return None
    function = _function(provider)
    given = provider.get("arguments") or {}
    if function is None or not isinstance(given, Mapping):
        return None
    # As the core does it, which substitutes nothing where there is nothing to substitute by.
    arguments = substitute(dict(given), configuration, secrets)
    if _is_later(arguments):
        return None
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        return f"{provider['func']}: {error}"
    try:
        with previewing():
            function(**arguments, configuration=dict(configuration))
    except ActivityFailed as error:
        return str(error)
    except Exception:
        # A run will tell what this is.
        logger.debug(f"{provider['func']} could not check its arguments", exc_info=True)
    return None


def _wrong_tolerance(activity: Mapping[str, Any]) -> str | None:
    """Why no answer of a probe of ours can meet its tolerance: they are objects, or lists."""
    provider = activity.get("provider")
    if not isinstance(provider, Mapping) or "tolerance" not in activity:
        return None
    function = _function(provider)
    answer = get_origin(getattr(function, "__annotations__", {}).get("return"))
    why = without_target(activity["tolerance"], answer()) if answer in (dict, list) else None
    return None if why is None else f"its tolerance is wrong: {why}"


def _function(provider: Mapping[str, Any]) -> Callable[..., Any] | None:
    module, name = str(provider.get("module")), str(provider.get("func"))
    if not _ACTIVITIES.fullmatch(module):
        return None
    try:
        loaded = importlib.import_module(module)
    except ImportError:  # an extra that is not installed, or no such module: the core tells
        return None
    return getattr(loaded, name) if name in getattr(loaded, "__all__", ()) else None


def _is_later(value: Any) -> bool:
    """Whether something in it is still to be substituted."""
    if isinstance(value, str):
        return bool(_LATER.search(value))
    if isinstance(value, Mapping):
        return any(_is_later(one) for one in value.values())
    return isinstance(value, (list, tuple)) and any(_is_later(one) for one in value)
