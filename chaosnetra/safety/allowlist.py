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
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chaosnetra.documents.shapes import entry, parsers, refuse_unknown, shaped
from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import number, whole_number

VERSION = 1
LABEL = {"chaosnetra": "allowed"}
LARGEST_FILE_BYTES = 1_000_000
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

    instances: int = entry(partial(whole_number, minimum=1, maximum=1000), 10)
    tasks: int = entry(partial(whole_number, minimum=1, maximum=10_000), 100)
    connections: int = entry(partial(whole_number, minimum=1, maximum=5000), 100)
    share_of_free_slots: float = entry(partial(number, above=0, maximum=1), 0.7)
    seconds: float = entry(partial(number, above=0, maximum=86_400), 3600.0)


def _name(
    name: str,
    value: Any,
    *,
    demanded: bool = False,
    digits: bool = False,
) -> str:
    if not isinstance(value, str) or value != value.strip():
        raise InvalidInput(f"{name} must be text, got {value!r}")
    if demanded and not value:
        raise InvalidInput(f"{name} must be named")
    if digits and not (value.isascii() and value.isdigit()):
        raise InvalidInput(f"{name} must be digits, got {value!r}")
    return value


def _label(name: str, data: Any) -> Mapping[str, str]:
    if (
        not isinstance(data, dict)
        or len(data) != 1
        or not all(isinstance(value, str) and value for value in (*data, *data.values()))
    ):
        raise InvalidInput(
            f'{name} must be an object of one label and its value, such as {{"chaosnetra": '
            '"allowed"}',
        )
    return data


@dataclass(frozen=True)
class AllowList:
    """What a staging project's owner allows; empty names allow nothing of that kind."""

    project: str = entry(partial(_name, demanded=True))
    project_number: str = entry(partial(_name, demanded=True, digits=True))
    region: str = entry(partial(_name, demanded=True))
    service: str = entry(_name, "")
    job: str = entry(_name, "")
    cloud_sql_instance: str = entry(_name, "")
    database_host: str = entry(_name, "")
    database_name: str = entry(_name, "")
    label: Mapping[str, str] = entry(_label, default_factory=lambda: dict(LABEL))
    caps: Caps = entry(partial(shaped, shape=Caps), Caps())
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def load_allow_list(path: str) -> AllowList:
    """Read an allow-list.

    Args:
        path: of the file.

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
        raise InvalidInput(f"allow-list {path!r} cannot be read: {error}") from None
    label = f"allow-list {path}"
    if len(raw) > LARGEST_FILE_BYTES:
        raise InvalidInput(f"{label} is larger than {LARGEST_FILE_BYTES} bytes")
    try:
        data = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{label} is not valid JSON: {error}") from None
    if isinstance(data, dict):
        refuse_unknown(label, data, ("version", *parsers(AllowList)))
    version = data.pop("version", None) if isinstance(data, dict) else VERSION
    if version != VERSION or isinstance(version, bool):
        raise InvalidInput(f"{label}: version must be {VERSION}")
    allowed: AllowList = shaped(label, data, shape=AllowList, between=": ", source=source)
    return allowed


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once: of two the last would win, unseen."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(twice)} is there twice")
    return data
