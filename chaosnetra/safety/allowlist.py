"""The allow-list of a staging project: what may be touched, named exactly, and how much of it.

A JSON file that its owner writes:

    {
      "version": 1,
      "project": "acme-staging",
      "project_number": "314159265358",
      "region": "europe-west1",
      "service": "orchestrator",
      "job": "orchestrator-startups",
      "cloud_sql_instance": "acme-staging:europe-west1:main",
      "database_host": "10.20.0.3",
      "database_name": "orchestrator",
      "label": {"chaosnetra": "allowed"},
      "caps": {"instances": 10, "tasks": 100, "connections": 100,
               "share_of_free_slots": 0.7, "seconds": 3600}
    }

What is left out may not be touched; `label` and `caps` have these defaults.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import number, whole_number

VERSION = 1
LABEL = {"chaosnetra": "allowed"}
LARGEST_FILE_BYTES = 1_000_000
_NAMES = (
    "project",
    "project_number",
    "region",
    "service",
    "job",
    "cloud_sql_instance",
    "database_host",
    "database_name",
)
_DEMANDED = ("project", "project_number", "region")
# Words that stand for production where they are a part of a name; digits may follow.
_PRODUCTION = re.compile(r"(?:prod|prd|prods|production|live)\d*")
_PARTS = re.compile(r"[^A-Za-z0-9]+")


def looks_like_production(name: str) -> bool:
    """Whether a part of a name is a word for production: `shop-prod`, `live.db`, `prd2_users`.

    `nonprod` is one word and no such part; `non-prod` has one, and is refused.
    """
    return any(_PRODUCTION.fullmatch(part.lower()) for part in _PARTS.split(name))


@dataclass(frozen=True)
class Caps:
    """How much a run may ask for.

    Attributes:
        instances: instances that a service is bound to have, 1 to 1,000.
        tasks: tasks of one execution of a job, 1 to 10,000.
        connections: connections to the database that a run may cause, 1 to 5,000.
        share_of_free_slots: share of the slots that are free, above 0 to 1, that they may take.
        seconds: how long the whole experiment may take, above 0 to 86,400.
    """

    instances: int = 10
    tasks: int = 100
    connections: int = 100
    share_of_free_slots: float = 0.7
    seconds: float = 3600.0

    @classmethod
    def parse(cls, data: Any, label: str, setting: str) -> "Caps":
        """From JSON data; what is left out has its default.

        Raises:
            InvalidInput: an unknown key, or a value out of bounds.
        """
        if not isinstance(data, dict):
            raise InvalidInput(f"{label}: caps must be a JSON object", setting)
        _refuse_unknown(data, [one.name for one in fields(cls)], f"{label}: caps", setting)
        limits = {"instances": 1000, "tasks": 10_000, "connections": 5000}
        values: dict[str, Any] = {
            name: whole_number(
                f"{label}: caps.{name}", data[name], minimum=1, maximum=most, setting=setting
            )
            for name, most in limits.items()
            if name in data
        }
        for name, largest in (("share_of_free_slots", 1), ("seconds", 86_400)):
            if name in data:
                values[name] = number(
                    f"{label}: caps.{name}", data[name], above=0, maximum=largest, setting=setting
                )
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class AllowList:
    """What a staging project's owner allows; empty names allow nothing of that kind."""

    project: str
    project_number: str
    region: str
    service: str = ""
    job: str = ""
    cloud_sql_instance: str = ""
    database_host: str = ""
    database_name: str = ""
    label: Mapping[str, str] = field(default_factory=lambda: dict(LABEL))
    caps: Caps = Caps()
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def load_allow_list(path: str, setting: str) -> AllowList:
    """Read an allow-list.

    Args:
        path: of the file.
        setting: what the user would change, for messages.

    Raises:
        InvalidInput: it cannot be read, or is not as it must be; says where.
    """
    try:
        file = Path(path).expanduser()
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_FILE_BYTES + 1)
        source = str(file.resolve())
        text = raw.decode("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"allow-list {path!r} cannot be read: {error}", setting) from None
    label = f"allow-list {path}"
    if len(raw) > LARGEST_FILE_BYTES:
        raise InvalidInput(f"{label} is larger than {LARGEST_FILE_BYTES} bytes", setting)
    try:
        data = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{label} is not valid JSON: {error}", setting) from None
    return _allow_list(data, label, source, setting)


def _allow_list(data: Any, label: str, source: str, setting: str) -> AllowList:
    if not isinstance(data, dict):
        raise InvalidInput(f"{label} must be a JSON object", setting)
    _refuse_unknown(data, ["version", *_NAMES, "label", "caps"], label, setting)
    if data.get("version") != VERSION or isinstance(data.get("version"), bool):
        raise InvalidInput(f"{label}: version must be {VERSION}", setting)
    names: dict[str, str] = {}
    for name in _NAMES:
        value = data.get(name, "")
        if not isinstance(value, str) or value != value.strip():
            raise InvalidInput(f"{label}: {name} must be text, got {value!r}", setting)
        if name in _DEMANDED and not value:
            raise InvalidInput(f"{label} must name {', '.join(_DEMANDED)}: {name} is not", setting)
        names[name] = value
    if not names["project_number"].isascii() or not names["project_number"].isdigit():
        raise InvalidInput(
            f"{label}: project_number must be digits, got {names['project_number']!r}", setting
        )
    return AllowList(
        **names,
        label=_label(data.get("label", LABEL), label, setting),
        caps=Caps.parse(data.get("caps", {}), label, setting),
        source=source,
    )


def _label(data: Any, label: str, setting: str) -> Mapping[str, str]:
    if (
        not isinstance(data, dict)
        or len(data) != 1
        or not all(isinstance(value, str) and value for value in (*data, *data.values()))
    ):
        raise InvalidInput(
            f'{label}: label must be an object of one label and its value, such as {{"chaosnetra": '
            '"allowed"}',
            setting,
        )
    return data


def _refuse_unknown(data: Mapping[str, Any], known: list[str], label: str, setting: str) -> None:
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise InvalidInput(
            f"{label} has unknown keys {', '.join(unknown)}; known are {', '.join(known)}", setting
        )


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once: of two the last would win, unseen."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(twice)} is there twice")
    return data
