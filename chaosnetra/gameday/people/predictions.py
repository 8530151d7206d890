"""What people said would happen, read from what they typed. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import finite_or_none, number
from chaosnetra.text import one_line

LONGEST_ANSWER = 2000
LONGEST_SECONDS = 86_400.0
# What somebody means who says how it ends and not how sure they are.
PLAIN_CONFIDENCE = 0.8
ABSTAIN = ("-", "pass")
_YES = ("y", "yes", "holds", "held", "h")
_NO = ("n", "no", "violated", "fails", "v")
_CONFIDENCE = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:-|\u2013|to)\s*(\d+(?:\.\d+)?))?\s*s?(?:ec(?:onds)?)?")


@dataclass(frozen=True)
class Prediction:
    """What one person said of one run.

    Attributes:
        by: who.
        held_probability: that the steady state holds; None when they did not say.
        low_seconds: of the time that a startup takes under the fault; None when not said.
        high_seconds: its upper end; the same as the lower one when they said one number.
    """

    by: str
    held_probability: float | None = None
    low_seconds: float | None = None
    high_seconds: float | None = None

    @property
    def middle_seconds(self) -> float | None:
        """The time they said, or the middle of their range."""
        if self.low_seconds is None or self.high_seconds is None:
            return None
        return (self.low_seconds + self.high_seconds) / 2

    @property
    def is_range(self) -> bool:
        return self.low_seconds != self.high_seconds

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Prediction":
        """From the record; what is no number there counts as not said."""
        probability = finite_or_none(data.get("held_probability"))
        return cls(
            str(data.get("by")),
            probability if probability is None or 0 <= probability <= 1 else None,
            finite_or_none(data.get("low_seconds")),
            finite_or_none(data.get("high_seconds")),
        )


def checked_answer(raw: str | bytes) -> str:
    """An answer as text on one line, without space around it.

    Raises:
        InvalidInput: it is empty, longer than 2,000 characters, or no text.
    """
    at_most = f"at most {LONGEST_ANSWER:,} fit"
    if len(raw) > LONGEST_ANSWER * 4:
        raise InvalidInput(f"the answer has {len(raw):,} characters; {at_most}")
    if isinstance(raw, bytes):
        try:
            raw = raw.decode()
        except UnicodeDecodeError:
            raise InvalidInput("the answer is no text (not UTF-8); type it again") from None
    if _CONTROL.search(raw):
        raise InvalidInput("the answer holds control characters; type it again")
    text = " ".join(one_line(raw).split())
    if not text:
        raise InvalidInput("the answer is empty; type one, or - for none")
    if len(text) > LONGEST_ANSWER:
        raise InvalidInput(f"the answer has {len(text):,} characters; {at_most}")
    return text


def held_probability(text: str) -> float | None:
    """The probability that it holds: `yes`, `no 70%`, `85%`; None for `-`.

    The percentage says how sure they are of what they said; alone it is that of holding.

    Raises:
        InvalidInput: it says something else.
    """
    plain = text.strip().lower()
    if plain in ABSTAIN:
        return None
    sure = _CONFIDENCE.search(plain)
    word = _CONFIDENCE.sub("", plain).strip(" ,;")
    confidence = PLAIN_CONFIDENCE
    if sure is not None:
        confidence = number("how sure you are", sure.group(1), minimum=0, maximum=100) / 100
    if word in _YES or (sure is not None and not word):
        return confidence
    if word in _NO:
        return round(1 - confidence, 6)
    raise InvalidInput(f"{text[:40]!r} is neither yes nor no; type yes, no, yes 90% or -")


def seconds_range(text: str) -> tuple[float, float] | None:
    """A time: `4`, `4 s`, `3-6`; None for `-`.

    Raises:
        InvalidInput: it says something else, or more than a day.
    """
    plain = text.strip().lower()
    if plain in ABSTAIN:
        return None
    found = _TIME.fullmatch(plain)
    if found is None:
        raise InvalidInput(f"{text[:40]!r} is no time in seconds; type 4, or a range such as 3-6")
    low = number("seconds", found.group(1), maximum=LONGEST_SECONDS)
    high = low if found.group(2) is None else number("seconds", found.group(2))
    if not low <= high <= LONGEST_SECONDS:
        raise InvalidInput("the range ends before it begins, or after a day; type it as 3-6")
    return low, high


def follow_up(text: str) -> dict[str, str]:
    """Something to be done after the day: `what; owner; 2026-12-10`.

    Returns:
        For the record: `what_to_do`, `owner` and `due`, a date in ISO 8601.

    Raises:
        InvalidInput: one of the three is missing, or the date is none.
    """
    parts = [part.strip() for part in text.rsplit(";", 2)]
    if len(parts) != 3 or not all(parts):
        raise InvalidInput("a follow-up needs three parts: what; owner; due date (2026-12-10)")
    try:
        due = date.fromisoformat(parts[2])
    except ValueError:
        raise InvalidInput(f"{parts[2][:40]!r} is no date; write it as 2026-12-10") from None
    return {"what_to_do": parts[0], "owner": parts[1], "due": due.isoformat()}


def changes(text: str) -> dict[str, str]:
    """Parameters for a repetition: `latency_ms=800 count=3`.

    Raises:
        InvalidInput: a word is no KEY=VALUE.
    """
    found = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise InvalidInput(f"{word[:40]!r} is no KEY=VALUE; type for example latency_ms=800")
        found[key] = value
    return found
