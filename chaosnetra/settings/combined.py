"""What settings are together: values that depend on others, and what excludes each other."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.hints import key_hint, variable_of
from chaosnetra.templates import STATE_FOLDER

REFERENCE_TARGET = "chaosnetra.orchestrator.app:app"
LOCAL_TIME_SCALE = 0.1
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
# What asks for a part of the stand: what it would have to be, and why it cannot be in staging.
_STAND = (
    ("toxiproxy_url", None, "what stands before the database is the run's own"),
    ("database_state", "fresh", "no copy of the database is made"),
    ("state_folder", None, "the job's container has its own folders"),
    ("prepare_command", None, "the database is prepared already"),
)


@dataclass(frozen=True)
class Target:
    """What to start. Either `import_path` or `command` is set."""

    import_path: str | None
    command: tuple[str, ...]
    directory: Path | None = None
    python: str | None = None

    @property
    def is_reference(self) -> bool:
        return self.import_path == REFERENCE_TARGET

    @property
    def shown(self) -> str:
        return self.import_path or shlex.join(self.command)


def completed(values: dict[str, Any]) -> dict[str, Any]:
    """Values by key, each parsed, with those that depend on others.

    Raises:
        InvalidInput: some exclude each other.
    """
    staging = values["environment"] == "staging"
    if staging:
        _refuse_stand(values)
    _check_cloud_sql(values)
    target = _target(values)
    if values["connector"] == "auto":
        values["connector"] = "none" if staging else "emulator"
    if values["startup_timeout_seconds"] is None:
        values["startup_timeout_seconds"] = values["profile"].startup_deadline_seconds
    return {
        **values,
        "state_folder": _state_folder(values, target),
        "target": target,
        "time_scale": _time_scale(values, target),
        "readiness": values["readiness"] or _readiness(target),
        "startup_method": _startup_method(values["startup_method"], target),
    }


def _hint(key: str) -> str:
    return key_hint(key, variable_of(key))


def _is_real(values: dict[str, Any]) -> bool:
    """Whether it is Google's staging, and no rehearsal: see `Settings.is_rehearsal`."""
    return values["environment"] == "staging" and not values["cloud_run_endpoint"]


def _time_scale(values: dict[str, Any], target: Target) -> float:
    scale: float | None = values["time_scale"]
    if scale is None:
        return LOCAL_TIME_SCALE if target.is_reference and not _is_real(values) else 1.0
    if _is_real(values) and scale != 1:
        raise InvalidInput(
            f"time_scale must be 1 in staging, where nothing of the real parts is scaled, "
            f"got {scale:g}",
            _hint("time_scale"),
        )
    return scale


def _refuse_stand(values: dict[str, Any]) -> None:
    """In staging nothing is started: refuse what asks for a part of the stand."""
    if _is_real(values) and values["database_url"] is None:
        raise InvalidInput(
            "no database is named, and in staging none is started", _hint("database_url")
        )
    for key, asked, why in _STAND:
        if values[key] == asked if asked else values[key]:
            raise InvalidInput(
                f"{key} is for one's own machine; in staging {why}: leave it out, or set "
                "environment to local",
                _hint(key),
            )


def _check_cloud_sql(values: dict[str, Any]) -> None:
    if values["cloud_sql_path"] != "connector":
        return
    if not values["cloud_sql_instance"]:
        raise InvalidInput(
            "the Cloud SQL connector needs to know an instance", _hint("cloud_sql_instance")
        )
    if values["database_url"] is None:
        raise InvalidInput(
            "the Cloud SQL connector knows where the database is, and not as whom to open it",
            f"{_hint('database_url')} to postgresql://user:password@private-ip/database",
        )


def _target(values: dict[str, Any]) -> Target:
    text: str = values["target"]
    directory: Path | None = values["target_directory"]
    if not text:
        return Target(import_path=REFERENCE_TARGET, command=())
    if _IMPORT_PATH.fullmatch(text):
        return Target(text, (), directory, values["target_python"])
    try:
        return Target(None, tuple(shlex.split(text)), directory)
    except ValueError as error:
        raise InvalidInput(
            f"target {text!r} cannot be split into words: {error}", _hint("target")
        ) from None


def _state_folder(values: dict[str, Any], target: Target) -> Path | None:
    folder: Path | None = values["state_folder"]
    words = (*target.command, *values["target_environment"].values())
    if folder is not None and not any(f"{{{STATE_FOLDER}}}" in word for word in words):
        raise InvalidInput(
            "state_folder is given, and nothing refers to it",
            f"target_environment or target so that {{{STATE_FOLDER}}} is in it, by "
            f"{_hint('target_environment')}",
        )
    return None if folder is None else folder.absolute()


def _readiness(target: Target) -> str:
    if target.is_reference:
        return "http://127.0.0.1:{port}/ready"
    return "tcp://127.0.0.1:{port}" if target.import_path else "exit"


def _startup_method(method: str, target: Target) -> str:
    """`fork` or `spawn`."""
    if method == "auto":
        return "fork" if target.is_reference and sys.platform == "linux" else "spawn"
    if method == "fork" and target.import_path is None:
        raise InvalidInput(
            f"startup_method fork needs a module:app target, got the command {target.shown!r}",
            _hint("startup_method"),
        )
    return method
