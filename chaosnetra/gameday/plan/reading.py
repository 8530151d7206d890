"""Reads a game day's file, and says everything that is wrong with it, each with its line."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import Document, read_document
from chaosnetra.documents.findings import Finding
from chaosnetra.documents.guess import instead
from chaosnetra.documents.places import Place
from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.gameday.plan.day import Abort, Asked, DayStep, GameDay, Role
from chaosnetra.quantities import number

VERSION = 1
RULE = "gameday"
ENVIRONMENTS = ("local", "staging")
LONGEST_TEXT = 4000
MOST_STEPS = 50
MOST_PEOPLE = 50
LONGEST_MINUTES = 24 * 60.0
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

_DAY_KEYS = (
    ("version", "title", "environment", "roles", "steps"),
    ("$schema", "purpose", "starts_at", "duration_minutes", "abort", "parameters"),
)
_STEP_KEYS = (
    ("name", "experiment"),
    (
        "parameters",
        "announcement",
        "predict",
        "observe",
        "go_on_when_violated",
        "maximum_seconds",
    ),
)
_ABORT_KEYS = ("conditions", "frequency_seconds")


def read_gameday(path: Path) -> tuple[GameDay | None, list[Finding]]:
    """Read a day.

    Returns:
        The day and no findings, or None and at least one, in the order of their lines.

    Raises:
        Unreadable: there is no such file, or it is no JSON.
    """
    if path.suffix != ".json":
        raise Unreadable(f"{path}: a game day is a .json file")
    return parse_gameday(read_document(path, any_encoding=True), path)


def parse_gameday(
    document: Document, path: Path, *, check_files: bool = True
) -> tuple[GameDay | None, list[Finding]]:
    """As `read_gameday`, for what was read already.

    Args:
        document: what the file holds.
        path: of the file; experiments are looked for beside it.
        check_files: whether they have to be there.
    """
    reader = _Reader(document, path, check_files)
    day = reader.day()
    findings = sorted(reader.findings, key=lambda finding: finding.line)
    return (None if findings else day), findings


class _Reader:
    """Takes the file apart; what is wrong is noted, and something harmless takes its place."""

    def __init__(self, document: Document, path: Path, check_files: bool) -> None:
        self._document = document
        self._path = path
        self._check_files = check_files
        self.findings: list[Finding] = []

    def day(self) -> GameDay:
        for twice in self._document.duplicates:
            self._say(twice.place, f"{twice.place[-1]!r} is there twice", "keep one of them")
        data = self._object((), self._document.data, *_DAY_KEYS, what="a game day")
        if "version" in data and data["version"] != VERSION:
            self._say(("version",), f"version is {data['version']!r}", f"write {VERSION}")
        steps = [self._step(("steps", at), raw) for at, raw in self._items(data, "steps", 1)]
        self._unique("steps", "name", [step.name for step in steps], MOST_STEPS)
        roles = [self._role(("roles", at), raw) for at, raw in self._items(data, "roles", 1)]
        self._unique("roles", "role", [role.role for role in roles], MOST_PEOPLE)
        return GameDay(
            path=self._path,
            data=data,
            title=self._text(("title",), data.get("title"), needed="title" in data),
            purpose=self._text(("purpose",), data.get("purpose", "")),
            environment=self._choice(("environment",), data.get("environment"), ENVIRONMENTS)
            if "environment" in data
            else "",
            starts_at=self._moment(("starts_at",), data.get("starts_at", "")),
            duration_minutes=self._number(
                ("duration_minutes",), data.get("duration_minutes", 60), LONGEST_MINUTES
            ),
            roles=tuple(roles),
            abort=self._abort(("abort",), data.get("abort", {})),
            parameters=self._parameters(("parameters",), data.get("parameters", {})),
            steps=tuple(steps),
        )

    def _step(self, place: Place, raw: Any) -> DayStep:
        data = self._object(place, raw, *_STEP_KEYS, what="a step")
        name = self._text((*place, "name"), data.get("name"), needed="name" in data)
        if name and not NAME.fullmatch(name):
            self._say(
                (*place, "name"),
                f"a step is called {name!r}",
                "write a name of small letters, digits and hyphens, at most 40",
            )
        longest = data.get("maximum_seconds")
        go_on = data.get("go_on_when_violated", True)
        if not isinstance(go_on, bool):
            self._say((*place, "go_on_when_violated"), "it is neither true nor false", "write one")
        return DayStep(
            name=name,
            experiment=self._experiment(place, data),
            parameters=self._parameters((*place, "parameters"), data.get("parameters", {})),
            announcement=self._text((*place, "announcement"), data.get("announcement", "")),
            predict=self._predict((*place, "predict"), data.get("predict", ["held"])),
            observe=tuple(
                self._text((*place, "observe", at), text, needed=True)
                for at, text in self._items(data, "observe", 0, place)
            ),
            go_on_when_violated=go_on is True,
            maximum_seconds=None
            if longest is None
            else self._number((*place, "maximum_seconds"), longest, LONGEST_MINUTES * 60),
        )

    def _experiment(self, place: Place, data: Mapping[str, Any]) -> Path:
        text = self._text((*place, "experiment"), data.get("experiment"), needed=True)
        path = Path(os.path.normpath(self._path.parent / text))
        try:
            missing = bool(text) and self._check_files and not path.is_file()
        except (OSError, ValueError):
            missing = True
        if missing:
            self._say(
                (*place, "experiment"),
                f"there is no experiment {text[:200]!r} beside {self._path.name}",
                "name a file that is there, seen from the folder of the game day",
            )
        return path

    def _predict(self, place: Place, raw: Any) -> tuple[Asked, ...]:
        known = [asked.value for asked in Asked]
        if not isinstance(raw, list) or any(item not in known for item in raw):
            self._say(place, "it is no list of what is predicted", f"it may hold {_listed(known)}")
            return ()
        return tuple(dict.fromkeys(Asked(item) for item in raw))

    def _role(self, place: Place, raw: Any) -> Role:
        data = self._object(place, raw, ("role", "person"), (), what="a role")
        return Role(
            self._text((*place, "role"), data.get("role"), needed="role" in data),
            self._text((*place, "person"), data.get("person"), needed="person" in data),
        )

    def _abort(self, place: Place, raw: Any) -> Abort:
        data = self._object(place, raw, (), _ABORT_KEYS, what="abort")
        conditions = []
        for at, condition in self._items(data, "conditions", 0, place):
            try:
                _check_condition(condition)
                conditions.append(condition)
            except InvalidInput as error:
                self._say((*place, "conditions", at), str(error), "see the abort control")
        frequency = self._number(
            (*place, "frequency_seconds"), data.get("frequency_seconds", 1), 3600
        )
        return Abort(tuple(conditions), frequency)

    def _parameters(self, place: Place, raw: Any) -> dict[str, str]:
        found = {}
        for key, value in self._mapping(place, raw).items():
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                self._say((*place, key), f"{key} is neither text nor a number", "write one of them")
            else:
                found[key] = self._text((*place, key), f"{value}")
        return found

    def _object(
        self, place: Place, raw: Any, needed: Sequence[str], more: Sequence[str], *, what: str
    ) -> Mapping[str, Any]:
        data = self._mapping(place, raw)
        known = (*needed, *more)
        for key in data:
            if key not in known:
                self._say(
                    (*place, key),
                    f"{what} has no {key!r}",
                    instead(key, known, f"it has {_listed(known)}"),
                )
        if isinstance(raw, Mapping):
            for key in needed:
                if key not in data:
                    self._say(place, f"{what} lacks {key!r}", "add it")
        return data

    def _mapping(self, place: Place, raw: Any) -> Mapping[str, Any]:
        if isinstance(raw, Mapping):
            return raw
        self._say(place, "it is no object", "write { … }")
        return {}

    def _items(
        self, data: Mapping[str, Any], key: str, fewest: int, place: Place = ()
    ) -> list[tuple[int, Any]]:
        raw = data.get(key, [])
        if not isinstance(raw, list):
            self._say((*place, key), f"{key} is no list", "write [ … ]")
            return []
        if key in data and len(raw) < fewest:
            self._say((*place, key), f"{key} is empty", "add one at least")
        return list(enumerate(raw[: MOST_STEPS + 1]))

    def _unique(self, key: str, what: str, names: Sequence[str], most: int) -> None:
        if len(names) > most:
            self._say((key,), f"there are more than {most} {key}", "make it two days")
        for at, name in enumerate(names):
            if name and name in names[:at]:
                self._say((key, at, what), f"there are two called {name!r}", "rename one of them")

    def _text(self, place: Place, raw: Any, *, needed: bool = False) -> str:
        if not isinstance(raw, str):
            if raw is not None or needed:
                self._say(place, f"{place[-1]} is no text", "write it in quotes")
            return ""
        if needed and not raw.strip():
            self._say(place, f"{place[-1]} is empty", "write what it is")
        if len(raw) > LONGEST_TEXT:
            self._say(place, f"{place[-1]} has {len(raw):,} characters", "at most 4,000 fit")
            return ""
        if "\0" in raw:
            self._say(place, f"{place[-1]} holds a NUL character", "remove it")
        return raw

    def _choice(self, place: Place, raw: Any, allowed: Sequence[str]) -> str:
        if raw in allowed:
            return str(raw)
        self._say(place, f"{place[-1]} is {str(raw)[:60]!r}", f"write {' or '.join(allowed)}")
        return ""

    def _number(self, place: Place, raw: Any, maximum: float) -> float:
        try:
            if isinstance(raw, str):
                raise InvalidInput(f"{place[-1]} must be a number, got text")
            return number(str(place[-1]), raw, above=0, maximum=maximum)
        except InvalidInput as error:
            self._say(place, str(error), "change it")
            return 1.0

    def _moment(self, place: Place, raw: Any) -> str:
        text = self._text(place, raw)
        if text:
            try:
                datetime.fromisoformat(text)
            except ValueError:
                self._say(
                    place,
                    f"starts_at is {text[:60]!r}",
                    "write a moment such as 2026-12-03T09:00:00+01:00",
                )
        return text

    def _say(self, place: Place, message: str, remedy: str) -> None:
        line = self._document.line(place)
        where = _shown(place)
        text = f"{where}: {message}" if where else message
        self.findings.append(Finding(self._document.name, line, RULE, text, remedy))


def _check_condition(condition: Any) -> None:
    from chaosnetra.running.abort_conditions import Condition

    Condition(condition)


def _shown(place: Place) -> str:
    """A place as people write it: steps[2].parameters.count, the first step being 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
