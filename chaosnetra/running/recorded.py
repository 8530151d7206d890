"""What a journal holds of how its run was started, so that it can be run again from that alone."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosnetra.redaction import MASK, holds_secret

if TYPE_CHECKING:
    from chaosnetra.settings import Settings

# Of a value that an experiment's configuration got: more is no setting, but data.
LONGEST_VALUE = 4000
# A consent is to one plan, once.
NOT_RECORDED = frozenset({"consent"})


def recorded_configuration(
    configuration: Mapping[str, Any] | None, declared: Any = None
) -> dict[str, Any]:
    """The values of an experiment's configuration that a person could have typed.

    Args:
        configuration: as the Chaos Toolkit loaded it.
        declared: as it is written; None: not known.

    Returns:
        Values by key; a secret one is masked, however short.
    """
    found = {}
    for key, value in (configuration or {}).items():
        if isinstance(declared, Mapping) and key not in declared:
            continue  # a setting that somebody else gives
        entry = declared.get(key) if isinstance(declared, Mapping) else None
        variable = str(entry.get("key")) if isinstance(entry, Mapping) else ""
        if holds_secret(key, value) or holds_secret(variable, value):
            found[key] = MASK
            continue
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        try:
            length = len(json.dumps(value))
        except (TypeError, ValueError, RecursionError):
            continue
        if length <= LONGEST_VALUE:
            found[key] = value
    return found


def recorded_settings(
    settings: "Settings", configuration: Mapping[str, Any] | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The settings of a run that are not as by default, as they can be given to another run.

    Paths are absolute, and what depends on the machine or the target is as it was in effect.

    Args:
        settings: of the run.
        configuration: that they were read from.
        environ: likewise.

    Returns:
        Values by key; `target_environment` is an object, everything else text. A secret one is
        masked, however short.
    """
    from chaosnetra.settings import SETTINGS, raw_settings

    raw = raw_settings(configuration or {}, environ)
    found = {
        key: _text(value)
        for key, value in raw.items()
        if key not in NOT_RECORDED and _text(value) != _text(SETTINGS[key].default)
    }
    found["time_scale"] = f"{settings.time_scale:.12g}"
    if settings.profile.source != SETTINGS["profile"].default:
        found["profile"] = settings.profile.source
    if settings.target.is_reference:
        found.pop("target", None)  # the section names it
    else:
        found["target"] = settings.target.shown
        found["target_directory"] = str((settings.target.directory or Path.cwd()).absolute())
    if settings.state_folder is not None:
        found["state_folder"] = str(settings.state_folder.absolute())
    if settings.allow_list:
        found["allow_list"] = str(Path(settings.allow_list).expanduser().absolute())
    if settings.target.python and "/" in settings.target.python:
        found["target_python"] = os.path.abspath(settings.target.python)  # noqa: PTH100 - no link
    shown: dict[str, Any] = {
        key: MASK if holds_secret(key, text) else text for key, text in found.items()
    }
    if "target_environment" in found:
        shown["target_environment"] = {
            name: MASK if holds_secret(name, text) else text
            for name, text in settings.target_environment.items()
        }
    return shown


def _text(value: Any) -> str:
    """As an environment variable gives it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.strip() if isinstance(value, str) else json.dumps(value)
