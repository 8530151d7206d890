"""One line as a service writes it, read as what it says: plain lines, and how serious they are.

Services print text, text with colours, and JSON: a log entry as Cloud Logging takes it, or as a
logging library writes it, often with a whole traceback in one of its fields. Whatever it is, what
comes out is what a person would have printed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

MOST_LINES = 200
# Of these, from the beginning; the others from the end, where a long traceback says what it is.
FIRST_LINES = 40
DEEPEST = 4


def words(text: str) -> tuple[str, ...]:
    """A table of words: between bars and ends of lines."""
    return tuple(re.split(r"\s*[|\n]\s*", text.strip()))


# Where a logging library puts what it says, in the order that a person would read it.
_MESSAGES = ("message", "msg", "textPayload", "text", "log", "event", "@m", "@mt", "body")
_NESTED = ("jsonPayload", "json_payload", "payload", "fields", "record")
_MAY_HOLD_ENTRIES = (*_NESTED, *_MESSAGES)
_STACKS = words(
    """
    stack_trace | stacktrace | stackTrace | stack | traceback | exc_info | exc_text | exception
    error.stack_trace | @x
    """
)
_ERRORS = ("error", "err", "cause", "exception", "error.message", "reason")
_CLASSES = ("type", "class", "name", "exc_type", "error.type", "error_class")
_CODES = ("sqlstate", "sqlState", "SqlState", "code")
_LEVELS = ("severity", "level", "levelname", "lvl", "log.level", "level_name", "@l")

_ANSI = re.compile(
    r"\x1b\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)"  # a title, a link
    r"|(?:\x1b\[|\x9b)[0-?]{0,100}[ -/]{0,10}[@-~]"  # a colour, a place on the screen
    r"|\x1b[@-Z\\-_a-z=>]"
)
# A traceback whose ends of line were escaped, in a format that keeps a record on one line.
_ESCAPED = re.compile(
    r"Traceback \(most recent call last\):?\\n|\\n(?:\\t| {2,8})at |\\n\s*File \""
)
_LEVEL_WORD = re.compile(
    r"\b(?:(TRACE|DEBUG|VERBOSE|INFO|INFORMATION|NOTICE|LOG|DBUG)"
    r"|(WARN|WARNING)|(ERR|ERROR|SEVERE|CRIT|CRITICAL|FATAL|ALERT|EMERGENCY|PANIC))\b"
)
_LEVEL_KEY = re.compile(r"\b(?:level|lvl|severity)=\"?(\w{1,12})", re.IGNORECASE)
_SYSLOG = re.compile(r"^(?:[IWEF])\d{4} \d\d:\d\d:\d\d")  # klog: I0102 15:04:05.678
_LEVEL_WITHIN = 80


class Level(IntEnum):
    """How serious a line says it is."""

    LOW = 0
    UNKNOWN = 1
    WARNING = 2
    ERROR = 3


class LogLine(NamedTuple):
    """A plain line, how serious its entry says it is (None where only the line may tell), and which
    of the lines printed it stands on, from 0."""

    text: str
    entry_level: Level | None = None
    number: int = 0

    @property
    def level(self) -> Level:
        return level_of(self.text) if self.entry_level is None else self.entry_level


def read(line: str, number: int = 0) -> list[LogLine]:
    """What a line says; at least one plain line, and at most `MOST_LINES`.

    Args:
        line: as it was printed, without its end.
        number: which of the lines printed it is.
    """
    # Nearly all lines are plain, and must not cost what the others do.
    if (
        "{" not in line
        and "\\" not in line
        and "\n" not in line
        and "\x1b" not in line
        and "\x9b" not in line
    ):
        return [LogLine(line, None, number)]
    line = plain(line)
    found = [
        LogLine._make((text, level, number)) for text, level, _ in _read(line, None, DEEPEST)
    ] or [LogLine(line, None, number)]
    if len(found) > MOST_LINES:
        return [*found[:FIRST_LINES], *found[FIRST_LINES - MOST_LINES :]]
    return found


def plain(text: str) -> str:
    """A text without its colours and other terminal sequences."""
    return _ANSI.sub("", text) if "\x1b" in text or "\x9b" in text else text


def level_of(line: str) -> Level:
    """How serious a plain line says it is."""
    start = line[:_LEVEL_WITHIN]
    key = _LEVEL_KEY.search(start)
    if key is not None:
        return _level(key[1])
    if _SYSLOG.match(start):
        return _level({"I": "INFO", "W": "WARN"}.get(start[0], "ERROR"))
    word = _LEVEL_WORD.search(start)
    return _level(word[0]) if word else Level.UNKNOWN


def _read(line: str, level: Level | None, depth: int) -> Iterator[LogLine]:
    """The lines of a text that may be JSON; of its entry's level, where that has one."""
    entry = _object(line) if depth else None
    if entry is not None:
        yield from _entry(entry, level, depth - 1)
        return
    if "\\n" in line and _ESCAPED.search(line):
        line = line.replace("\\n", "\n").replace("\\t", "\t")
    if "\n" not in line:
        yield LogLine(plain(line).rstrip("\r"), level)
        return
    for one in line.split("\n"):
        yield LogLine(plain(one).rstrip("\r"), level)


def _object(line: str) -> Mapping[str, Any] | None:
    start = line.lstrip()
    if not start.startswith("{"):
        return None
    try:
        data = json.loads(start)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _entry(entry: Mapping[str, Any], level: Level | None, depth: int) -> Iterator[LogLine]:
    """What a log entry says: its message, then its stack and its error."""
    named = next((entry[key] for key in _LEVELS if isinstance(entry.get(key), (str, int))), None)
    own = _level(named)
    level = own if own is not Level.UNKNOWN else level
    seen: set[str] = set()
    for text in _texts(entry, depth):
        if text not in seen:
            seen.add(text)
            yield from _read(text, level, depth)


def _texts(entry: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key in _MESSAGES:
        if isinstance(entry.get(key), str):
            yield entry[key]
            break
    if depth <= 0:
        return
    for key in _MAY_HOLD_ENTRIES:
        if isinstance(entry.get(key), dict):
            yield json.dumps(entry[key])
    # What is within an error is inner to it; where a stack says so itself, that is enough.
    stacks = [entry[key] for key in _STACKS if isinstance(entry.get(key), (str, list))]
    for stack in stacks:
        yield stack if isinstance(stack, str) else "\n".join(map(str, stack[:MOST_LINES]))
    for key in _ERRORS:
        value = entry.get(key)
        if isinstance(value, dict):
            yield json.dumps(value)
        elif isinstance(value, str) and value not in stacks:
            yield value
    yield from _named(entry)


def _named(entry: Mapping[str, Any]) -> Iterator[str]:
    """An error given by its class, its message and its code, in fields of their own."""
    name = _first_text(entry, _CLASSES)
    message = _first_text(entry, ("error.message", "message", "msg", "value"))
    text = None
    if name is not None and message is not None and re.fullmatch(r"[\w.$:]{1,200}", name):
        looks_like_one = re.search(r"(?:Error|Exception|Timeout|Refused|error)$", name)
        if looks_like_one and not message.startswith(name):
            text = f"{name}: {message}"
    code = _first_text(entry, _CODES)
    if code is not None and re.fullmatch(r"[0-9A-Z]{5}", code) and any(map(str.isdigit, code)):
        # Beside the message, since a code alone would be taken for the whole message.
        text = text or message
        text = f"{text} (SQLSTATE {code})" if text else f"SQLSTATE {code}"
    if text is not None:
        yield text


def _first_text(entry: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((entry[key] for key in keys if isinstance(entry.get(key), str)), None)


def _level(name: Any) -> Level:
    """A level by its name, or by the number that pino and bunyan have for it."""
    if isinstance(name, bool) or name is None:
        return Level.UNKNOWN
    if isinstance(name, int):
        bounds = ((50, Level.ERROR), (40, Level.WARNING), (10, Level.LOW))
        return next((level for least, level in bounds if least <= name <= 60), Level.UNKNOWN)
    return _level_named(str(name)[:20])


@lru_cache(maxsize=256)  # a service has a few, and names one on each line
def _level_named(name: str) -> Level:
    match = _LEVEL_WORD.fullmatch(name.upper())
    if match is None:
        return Level.UNKNOWN
    return Level.LOW if match[1] else Level.WARNING if match[2] else Level.ERROR
