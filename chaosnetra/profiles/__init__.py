"""Profiles: named, dated sets of budgets, pool settings and infrastructure, as data.

The figures come from the public history of the platform that the experiments were made for;
each file under `data/` says when they were in force. A profile of one's own is a JSON file of
the same shape, named by its path; what has a default may be left out of it.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from chaosnetra.documents.encodings import decoded
from chaosnetra.errors import InvalidInput, UnknownProfile
from chaosnetra.quantities import duration, whole_number

__all__ = [
    "Budgets",
    "OrchestratorBehaviour",
    "PoolSettings",
    "Profile",
    "known_profiles",
    "load_profile",
]

_DATA = resources.files(__name__) / "data"


@dataclass(frozen=True)
class Budgets:
    """Named timeouts of a startup, in seconds at time scale 1; None means: nothing bounds it.

    Attributes:
        initialization_seconds: building the engine. It is lazy: no connection happens here.
        table_setup_seconds: the first real connection and the first table check.
        connection_seconds: one connection attempt of the driver.
        pool_seconds: taking one connection out of the pool.
        health_check_seconds: the database part of the health check.
        schema_validation_seconds: the second table check and the schema validation.
        validation_seconds: the validation at the end of the startup.
        critical_path_seconds: the check of the critical path at the end.
    """

    initialization_seconds: float
    table_setup_seconds: float
    connection_seconds: float
    pool_seconds: float
    health_check_seconds: float
    schema_validation_seconds: float | None = None
    validation_seconds: float | None = None
    critical_path_seconds: float | None = None

    def seconds(self, budget: str) -> float | None:
        """Length of the budget of that name (without `_seconds`), None when nothing bounds it."""
        value: float | None = getattr(self, f"{budget}_seconds")
        return value


@dataclass(frozen=True)
class PoolSettings:
    """SQLAlchemy's pool: connections kept, connections beyond, waits and ages in seconds."""

    size: int
    max_overflow: int
    timeout_seconds: float
    recycle_seconds: float
    pre_ping: bool = True
    reset_on_return: str = "rollback"


@dataclass(frozen=True)
class OrchestratorBehaviour:
    """How the reference orchestrator fails.

    Attributes:
        graceful_startup: true: an error that the database answers quickly (refused, reset, any
            SQLSTATE) is logged and swallowed, and the service starts without its database, while
            a hang is fatal; false: both are fatal.
        timeout_message_names: whose length the error message of phase 3 names when a budget ran
            out there: `initialization`, whichever it was; or `expired`, the one that it was.
    """

    graceful_startup: bool = False
    timeout_message_names: str = "expired"


@dataclass(frozen=True)
class Profile:
    """One profile; `infrastructure` is kept as the plain data of the file.

    `source` is what loads it again from anywhere: the name, or the file's absolute path.
    """

    name: str
    date: str
    environment: str
    description: str
    budgets: Budgets
    pool: PoolSettings
    infrastructure: Mapping[str, Any]
    source: str
    orchestrator: OrchestratorBehaviour = OrchestratorBehaviour()

    @property
    def startup_deadline_seconds(self) -> float:
        """How long the platform waits for a startup; Cloud Run's limit is 240 s."""
        cloud_run = self.infrastructure.get("cloud_run", {})
        return duration(
            "infrastructure.cloud_run.startup_deadline_seconds",
            cloud_run.get("startup_deadline_seconds", 240),
        )

    @property
    def infrastructure_figures(self) -> dict[str, dict[str, Any]]:
        """The infrastructure without what is neither figure nor text, nor a flat list of them."""
        return {
            section: {name: value for name, value in figures.items() if _is_figure(value)}
            for section, figures in self.infrastructure.items()
        }

    @property
    def max_connections(self) -> int:
        """Connection slots of the database that the profile describes; 100 where it is silent."""
        cloud_sql = self.infrastructure.get("cloud_sql", {})
        return whole_number(
            "infrastructure.cloud_sql.max_connections",
            cloud_sql.get("max_connections", 100),
            minimum=20,
            maximum=5000,
        )


def _is_figure(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(part is None or isinstance(part, (bool, int, float, str)) for part in parts)


def known_profiles() -> list[str]:
    """Names of the profiles that are shipped, sorted."""
    return sorted(
        entry.name.removesuffix(".json")
        for entry in _DATA.iterdir()
        if entry.name.endswith(".json")
    )


def load_profile(name_or_path: str, setting: str | None = None) -> Profile:
    """Load a shipped profile by name, or a user's own by the path of its JSON file.

    Args:
        name_or_path: a name from `known_profiles`, or a path: whatever ends in `.json` or
            holds a path separator.
        setting: what the user would change, for error messages.

    Raises:
        UnknownProfile: no shipped profile has that name; the message lists those that exist.
        InvalidInput: the file cannot be read, or something in it is missing, unknown or wrong.
    """
    if name_or_path.endswith(".json") or "/" in name_or_path or "\\" in name_or_path:
        try:
            path = Path(name_or_path).expanduser()
            text = decoded(path.read_bytes(), path)
            source = str(path.resolve())
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInput(f"profile file {name_or_path!r}: {error}", setting) from None
    elif name_or_path in known_profiles():
        text = (_DATA / f"{name_or_path}.json").read_text(encoding="utf-8")
        source = name_or_path
    else:
        raise UnknownProfile(
            f"unknown profile {name_or_path!r}; known are {', '.join(known_profiles())}, "
            "or give the path of a JSON file",
            setting,
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"profile {name_or_path}: not valid JSON: {error}", setting) from None
    return _profile(data, source, setting)


def _profile(data: Any, source: str, setting: str | None) -> Profile:
    label = f"profile {source}"
    top = _section(data, label, Profile, setting, leave_out={"source"})
    for key in ("name", "date", "environment", "description"):
        if not isinstance(top[key], str) or not top[key]:
            raise InvalidInput(f"{label}: {key} must be text, got {top[key]!r}", setting)
    infrastructure = top["infrastructure"]
    if not isinstance(infrastructure, dict) or not all(
        isinstance(section, dict) for section in infrastructure.values()
    ):
        raise InvalidInput(f"{label}: infrastructure must be an object of objects", setting)
    return Profile(
        name=top["name"],
        date=top["date"],
        environment=top["environment"],
        description=top["description"],
        budgets=_budgets(top["budgets"], f"{label}: budgets", setting),
        pool=_pool(top["pool"], f"{label}: pool", setting),
        infrastructure=top["infrastructure"],
        source=source,
        orchestrator=_orchestrator(top.get("orchestrator", {}), f"{label}: orchestrator", setting),
    )


def _budgets(data: Any, label: str, setting: str | None) -> Budgets:
    values = _section(data, label, Budgets, setting)
    optional = {field.name for field in fields(Budgets) if field.default is None}
    checked: dict[str, Any] = {
        key: None
        if value is None and key in optional
        else duration(f"{label}.{key}", value, setting=setting)
        for key, value in values.items()
    }
    return Budgets(**checked)


def _pool(data: Any, label: str, setting: str | None) -> PoolSettings:
    values = _section(data, label, PoolSettings, setting)
    return PoolSettings(
        size=whole_number(f"{label}.size", values["size"], minimum=1, setting=setting),
        max_overflow=whole_number(
            f"{label}.max_overflow", values["max_overflow"], minimum=0, setting=setting
        ),
        timeout_seconds=duration(
            f"{label}.timeout_seconds", values["timeout_seconds"], setting=setting
        ),
        recycle_seconds=duration(
            f"{label}.recycle_seconds", values["recycle_seconds"], setting=setting
        ),
        pre_ping=_flag(values, "pre_ping", True, label, setting),
        reset_on_return=_choice(values, "reset_on_return", ("rollback", "commit"), label, setting),
    )


def _orchestrator(data: Any, label: str, setting: str | None) -> OrchestratorBehaviour:
    values = _section(data, label, OrchestratorBehaviour, setting)
    return OrchestratorBehaviour(
        graceful_startup=_flag(values, "graceful_startup", False, label, setting),
        timeout_message_names=_choice(
            values, "timeout_message_names", ("expired", "initialization"), label, setting
        ),
    )


def _flag(
    values: Mapping[str, Any], key: str, default: bool, label: str, setting: str | None
) -> bool:
    value = values.get(key, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"{label}.{key} must be true or false, got {value!r}", setting)
    return value


def _choice(
    values: Mapping[str, Any], key: str, allowed: tuple[str, ...], label: str, setting: str | None
) -> str:
    """One of `allowed`; the first of them where the key is missing."""
    value = values.get(key, allowed[0])
    if value not in allowed:
        raise InvalidInput(f"{label}.{key} must be {' or '.join(allowed)}, got {value!r}", setting)
    return str(value)


def _section(
    data: Any,
    label: str,
    shape: type[Any],
    setting: str | None,
    leave_out: frozenset[str] | set[str] = frozenset(),
) -> dict[str, Any]:
    """`data` as a mapping with the fields of `shape`: none missing, none unknown."""
    if not isinstance(data, dict):
        raise InvalidInput(f"{label} must be a JSON object", setting)
    known = {field.name: field for field in fields(shape) if field.name not in leave_out}
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise InvalidInput(
            f"{label} has unknown keys {', '.join(unknown)}; known are {', '.join(known)}", setting
        )
    missing = [
        name for name, field in known.items() if field.default is MISSING and name not in data
    ]
    if missing:
        raise InvalidInput(f"{label} lacks {', '.join(missing)}", setting)
    return data
