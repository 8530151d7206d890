"""Parsers of single settings that are no plain numbers and choices."""

import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.profiles import Profile, load_profile
from chaosnetra.quantities import choice
from chaosnetra.templates import CONFIG_FILE, SERVICE_PORT, STATE_FOLDER, fill_template

# Of a target's environment.
DATABASE_PLACEHOLDERS = tuple(DatabaseAddress("h", 1, "u", "p", "d").placeholders)
PLACEHOLDERS = (*DATABASE_PLACEHOLDERS, SERVICE_PORT, STATE_FOLDER, CONFIG_FILE)
_INSTANCE = re.compile(r"[^:\s]+(?::[^:\s]+)?:[^:\s]+:[^:\s]+")


def text(name: str, value: Any, *, default: str = "") -> str:
    """Text without white space around it; `default` where there is none."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidInput(f"{name} must be text, got {value!r}")
    try:
        return str(value).strip() or default
    except ValueError:  # Python refuses to print whole numbers of thousands of digits
        raise InvalidInput(f"{name} is far too long a number") from None


def profile(name: str, value: Any) -> Profile:
    return load_profile(text(name, value))


def database(name: str, value: Any) -> DatabaseAddress | None:
    url = text(name, value)
    return DatabaseAddress.parse(url) if url else None


def on_or_off(name: str, value: Any) -> bool:
    return choice(name, value, allowed=("off", "on")) == "on"


def cloud_sql_instance(name: str, value: Any) -> str:
    instance = text(name, value)
    if instance and not _INSTANCE.fullmatch(instance):
        raise InvalidInput(f"{name} must be project:region:instance, got {instance!r}")
    return instance


def toxiproxy_url(name: str, value: Any) -> str | None:
    url = text(name, value)
    if not url:
        return None
    try:
        parts = urlsplit(url)
        plain = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in url)
        usable = parts.scheme == "http" and parts.hostname and plain
        port = parts.port
    except ValueError:
        usable, port = False, None
    if not usable:
        # Not repeated in the message: somebody may have put a password into it.
        raise InvalidInput(f"{name} must look like http://host:8474")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{host}:{port or 8474}"


def directory(name: str, value: Any) -> Path:
    """A folder that exists."""
    return _existing(name, value, Path.is_dir, "directory")


def file(name: str, value: Any) -> Path:
    """A file that exists."""
    return _existing(name, value, Path.is_file, "file")


def _existing(name: str, value: Any, is_one: Callable[[Path], bool], what: str) -> Path:
    given = text(name, value)
    try:
        path = Path(given).expanduser()
        found = is_one(path)
    except (OSError, ValueError, RuntimeError):
        found = False
    if not found:
        raise InvalidInput(f"{name} {given!r} is not a {what}")
    return path


def python(name: str, value: Any) -> str | None:
    program = text(name, value)
    if program.startswith("~"):  # a Path would turn ./python into python
        try:
            return str(Path(program).expanduser())
        except RuntimeError as error:
            raise InvalidInput(f"{name} {program!r}: {error}") from None
    return program or None


def command_line(name: str, value: Any) -> tuple[str, ...]:
    """The words of a command, which no shell reads."""
    given = text(name, value)
    try:
        return tuple(shlex.split(given))
    except ValueError as error:
        raise InvalidInput(f"{name} {given!r} cannot be split into words: {error}") from None


def target_environment(name: str, value: Any) -> dict[str, str]:
    """Templates by the name of their variable."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{name} is not valid JSON: {error}") from None
    if not isinstance(value, dict) or not all(
        isinstance(part, str) for entry in value.items() for part in entry
    ):
        raise InvalidInput(f"{name} must be a JSON object of texts")
    known = dict.fromkeys(PLACEHOLDERS, "")
    for variable, template in value.items():
        if not _can_be_variable(variable, template):
            raise InvalidInput(
                f"{name}: {variable!r} cannot be an environment variable with that value"
            )
        fill_template(f"{name}[{variable}]", template, known)
    return value


def _can_be_variable(name: str, text: str) -> bool:
    """Whether the system takes it as an environment variable."""
    try:
        whole = os.fsencode(name) + os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return bool(name) and "=" not in name and b"\0" not in whole
