"""Text from anywhere, made fit to be shown or written."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# What a fault's effect was observed to be, where nothing could be measured.
NOT_MEASURED = "not measured"

_MARKDOWN = r"[\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w)"
# Also those that turn the direction of writing around, in a terminal too.
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+"


# Of a run, as part of a name on a server: see `chaosnetra.running.resources.Resources.identifier`.
_RUN = r"chaosnetra_\d{8}t\d{6}_[0-9a-f]{6}"


def plain_names(text: str) -> str:
    """`text` in an experiment's own words: its toxics and its proxy without the run's name."""
    if "chaosnetra_" not in text:
        return text
    text = re.sub(rf"{_RUN}[_/]", "", text)
    text = re.sub(rf"\bproxy {_RUN} (down|up)\b", r"proxy \1", text)
    return re.sub(_RUN, "database", text)


def encodable(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", errors="replace").decode()
    return text


def cut(text: str, longest: int) -> str:
    """The beginning of `text`, with a sign at its end where something was cut off."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def one_line(text: str) -> str:
    """`text` on one line: control characters, line ends among them, become spaces."""
    if text.isprintable():  # so it has none; nor has it what UTF-8 cannot hold
        return text
    return encodable(re.sub(_CONTROL, " ", text))


def markdown(text: str) -> str:
    """`text` as one line of Markdown that shows it and does nothing else.

    Line ends become spaces; what Markdown or HTML would read as a sign is escaped. A word such
    as `startups_succeed` stays as it is.
    """
    return re.sub(_MARKDOWN, lambda sign: f"\\{sign.group()}", one_line(text))


# What is said of a process without a last line, in place of its own words.
PRINTED_NOTHING = "printed nothing"


def tenths_text(seconds: float) -> str:
    """Seconds with one decimal; what that would tell as none is less than a tenth."""
    return f"{seconds:.1f} s" if seconds >= 0.05 else "less than 0.1 s"


def how_many(count: int, what: str, plural: str | None = None) -> str:
    """A number and what it counts: 1 startup, 1,200 startups.

    Args:
        count: how many.
        what: one of them.
        plural: several of them; None: with an s.
    """
    return f"{count:,} {what if count == 1 else plural or f'{what}s'}"


def none_of(count: int, what: str) -> str:
    """Not one of so many, as the subject of what none of them did."""
    return f"not even the one {what}" if count == 1 else f"not one of {how_many(count, what)}"


def were(count: int) -> str:
    """`was` for one, else `were`."""
    return "was" if count == 1 else "were"


def are(count: int) -> str:
    """`is` for one, else `are`."""
    return "is" if count == 1 else "are"


def not_told(count: int, what: str) -> str:
    """That so many more are not told: 3 more probes are left out."""
    return f"{how_many(count, f'more {what}')} {are(count)} left out"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th …"""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def utc_now() -> str:
    """This moment as text, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def effect_text(effect: Mapping[str, Any], where: str = "") -> str:
    """What was measured and what was expected; that nothing was, where nothing was.

    Args:
        effect: as `chaosnetra.faults.Effect.to_json` has it.
        where: it was measured, with its preposition; empty: here.
    """
    observed, expected = effect.get("observed"), effect.get("expected")
    if observed == NOT_MEASURED:
        return f"effect {NOT_MEASURED}"
    where = f" {where}" if where else ""
    measured = f"{effect.get('quantity')} {value_text(observed)} measured{where}"
    return f"{measured}, {value_text(expected)} expected"


def effect_and_why(effect: Mapping[str, Any]) -> str:
    """It, and how it was measured; of what was not measured, why."""
    detail = effect.get("detail")
    if detail and effect.get("observed") == NOT_MEASURED:
        return str(detail)
    return f"{effect_text(effect)}: {detail}" if detail else effect_text(effect)


def value_text(value: Any) -> str:
    """What was expected or observed: a number, a word, or several by name."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {value_text(one)}" for key, one in value.items())
    return "unset" if value is None else str(value)
