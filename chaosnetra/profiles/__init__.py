"""Profiles: named, dated sets of budgets, pool settings and infrastructure, as data.

The figures come from the public history of the platform that the experiments were made for;
each file under `data/` says when they were in force. A profile of one's own is a JSON file of
the same shape, named by its path; what has a default may be left out of it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from chaosnetra.documents.encodings import decoded
from chaosnetra.documents.shapes import entry, shaped
from chaosnetra.errors import InvalidInput, UnknownProfile
from chaosnetra.quantities import choice, duration, optional, some_text, truth, whole_number

__all__ = [
    "ALIASES",
    "Budgets",
    "OrchestratorBehaviour",
    "PoolSettings",
    "Profile",
    "known_profiles",
    "load_profile",
]

_DATA = resources.files(__name__) / "data"
# Other names of shipped profiles, for services that have nothing to do with the incident's
# platform: the profile, and what it is by itself.
ALIASES = {
    "tight": (
        "issue-1263",
        "Short budgets and a large pool: a startup breaks early on a slow path to its database.",
    ),
    "relaxed": (
        "issue-1278",
        "Long budgets and a small pool: a startup has time on a slow path to its database.",
    ),
}


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

    initialization_seconds: float = entry(duration)
    table_setup_seconds: float = entry(duration)
    connection_seconds: float = entry(duration)
    pool_seconds: float = entry(duration)
    health_check_seconds: float = entry(duration)
    schema_validation_seconds: float | None = entry(optional(duration, None), None)
    validation_seconds: float | None = entry(optional(duration, None), None)
    critical_path_seconds: float | None = entry(optional(duration, None), None)

    def seconds(self, budget: str) -> float | None:
        """Length of the budget of that name (without `_seconds`), None when nothing bounds it."""
        value: float | None = getattr(self, f"{budget}_seconds")
        return value


@dataclass(frozen=True)
class PoolSettings:
    """SQLAlchemy's pool: connections kept, connections beyond, waits and ages in seconds."""

    size: int = entry(partial(whole_number, minimum=1))
    max_overflow: int = entry(partial(whole_number, minimum=0))
    timeout_seconds: float = entry(duration)
    recycle_seconds: float = entry(duration)
    pre_ping: bool = entry(truth, True)
    reset_on_return: str = entry(partial(choice, allowed=("rollback", "commit")), "rollback")

    @property
    def connections(self) -> int:
        """The most that it has open."""
        return self.size + self.max_overflow

    def engine_options(self, time_scale: float = 1.0) -> dict[str, Any]:
        """The pool as options of SQLAlchemy's `create_engine`."""
        return {
            "pool_size": self.size,
            "max_overflow": self.max_overflow,
            "pool_timeout": self.timeout_seconds * time_scale,
            "pool_recycle": self.recycle_seconds * time_scale,
            "pool_pre_ping": self.pre_ping,
            "pool_reset_on_return": self.reset_on_return,
        }


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

    graceful_startup: bool = entry(truth, False)
    timeout_message_names: str = entry(
        partial(choice, allowed=("expired", "initialization")), "expired"
    )


def _infrastructure(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(part, dict) for part in value.values()):
        raise InvalidInput(f"{name} must be an object of objects")
    return value


@dataclass(frozen=True)
class Profile:
    """One profile; `infrastructure` is kept as the plain data of the file.

    `source` is what loads it again from anywhere: the name, or the file's absolute path.
    """

    name: str = entry(some_text)
    date: str = entry(some_text)
    environment: str = entry(some_text)
    description: str = entry(some_text)
    budgets: Budgets = entry(partial(shaped, shape=Budgets))
    pool: PoolSettings = entry(partial(shaped, shape=PoolSettings))
    infrastructure: Mapping[str, Any] = entry(_infrastructure)
    orchestrator: OrchestratorBehaviour = entry(
        partial(shaped, shape=OrchestratorBehaviour), OrchestratorBehaviour()
    )
    source: str = ""

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


def known_profiles() -> list[str]:
    """Names of the profiles that are shipped, their other ones among them, sorted."""
    shipped = (
        entry.name.removesuffix(".json")
        for entry in _DATA.iterdir()
        if entry.name.endswith(".json")
    )
    return sorted([*shipped, *ALIASES])


def load_profile(name_or_path: str) -> Profile:
    """Load a shipped profile by name, or a user's own by the path of its JSON file.

    Args:
        name_or_path: a name from `known_profiles`, or a path: whatever ends in `.json` or
            holds a path separator.

    Raises:
        UnknownProfile: no shipped profile has that name; the message lists those that exist.
        InvalidInput: the file cannot be read, or something in it is missing, unknown or wrong.
    """
    if name_or_path in ALIASES:
        same, description = ALIASES[name_or_path]
        return replace(
            load_profile(same), name=name_or_path, source=name_or_path, description=description
        )
    if name_or_path.endswith(".json") or "/" in name_or_path or "\\" in name_or_path:
        try:
            path = Path(name_or_path).expanduser()
            text = decoded(path.read_bytes(), path)
            source = str(path.resolve())
        except (OSError, ValueError, RuntimeError) as error:
            raise InvalidInput(f"profile file {name_or_path!r}: {error}") from None
    elif name_or_path in known_profiles():
        text = (_DATA / f"{name_or_path}.json").read_text(encoding="utf-8")
        source = name_or_path
    else:
        raise UnknownProfile(
            f"unknown profile {name_or_path!r}; known are {', '.join(known_profiles())}, "
            "or give the path of a JSON file",
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"profile {name_or_path}: not valid JSON: {error}") from None
    label = f"profile {source}"
    profile: Profile = shaped(label, data, shape=Profile, between=": ", source=source)
    return profile


def _is_figure(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(part is None or isinstance(part, (bool, int, float, str)) for part in parts)
