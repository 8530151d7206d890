"""The one place of lint that asks the Chaos Toolkit itself: what it refuses, and its settings."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any


def refusal(experiment: Any) -> str | None:
    """Why `chaos validate` refuses an experiment here; None when it does not.

    Args:
        experiment: as it was read; not changed. Variables of the environment that are not set
            count as set, and secrets of Vault are not fetched.

    Returns:
        The first thing that it says, on any line of the Chaos Toolkit.
    """
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid

    with _quiet():
        try:
            data = _as_if_set(deepcopy(experiment))
            _ensure_runtime_is_valid(data)
            ensure_experiment_is_valid(data)
        except ChaosException as error:
            return str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the core's, or a control's own
            return f"it ends with a traceback ({type(error).__name__}: {error})"
    return None


def loader_settings() -> Mapping[str, Any]:
    """The settings that `chaos run` would load; empty when there are none that can be read."""
    from chaoslib.settings import load_settings

    with _quiet(), contextlib.suppress(OSError, ValueError):
        settings = load_settings()
        return settings if isinstance(settings, dict) else {}
    return {}


def _ensure_runtime_is_valid(experiment: Any) -> None:
    """Of the newer line: it can start a Python of the experiment's own."""
    from chaoslib.exceptions import InvalidExperiment

    try:
        from chaostoolkit.runtime import PythonRuntimeError, get_python_runtime_info
    except ImportError:
        return
    try:
        get_python_runtime_info(experiment)
    except PythonRuntimeError as error:
        raise InvalidExperiment(str(error)) from None


def _as_if_set(data: Any) -> Any:
    """An experiment for which nothing of its surroundings is missing."""
    if not isinstance(data, dict):
        return data
    configuration = data.get("configuration")
    for variable in configuration.values() if isinstance(configuration, dict) else ():
        if not isinstance(variable, dict):
            continue
        if variable.get("type") == "env" and variable.get("key") not in os.environ:
            variable.setdefault("default", "0")  # of any type that the core converts to
    _without_sources(data.get("secrets"))
    return data


def _without_sources(secrets: Any) -> None:
    for key, value in secrets.items() if isinstance(secrets, dict) else ():
        kind = value.get("type") if isinstance(value, dict) else None
        is_unset = kind == "env" and "key" in value and value["key"] not in os.environ
        if is_unset or kind == "vault":
            secrets[key] = "0"
        else:
            _without_sources(value)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the core says goes nowhere: what matters of it is a finding."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
