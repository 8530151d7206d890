"""What is found wrong in one place of a document, and what a misspelled name was meant to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import islice

from chaosnetra.text import one_line

# Of the names that are compared: their length, and how many.
LONGEST = 100
MOST_KNOWN = 200
# What names of durations, amounts and shares end with.
UNITS = ("seconds", "ms", "mb", "mbps", "megabytes", "rate")


class Severity(StrEnum):
    """An error is a trap; a warning is one only if something holds that a file does not show.

    A hint is none: it says what could be shorter, and means the same.
    """

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True)
class Finding:
    """One trap.

    Attributes:
        file: as it was named on the command line.
        line: of the key or the element that it is about, from 1.
        rule: short name of the trap.
        message: what is there, and what happens at run time.
        remedy: what to write instead.
        severity: error, warning or hint.
    """

    file: str
    line: int
    rule: str
    message: str
    remedy: str
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """The finding as one line: `file:line: [rule] message`."""
        mark = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        return one_line(
            f"{self.file}:{self.line}: [{self.rule}] {mark}{self.message}; {self.remedy}"
        )


def nearest(name: str, known: Iterable[str], likeness: float = 0.7) -> str | None:
    """The known name that is most like `name`; None when none is.

    Capitals, and hyphens in place of underscores, make no difference to the likeness. A name that
    lacks nothing but its unit, as `latency` for `latency_ms`, is like it.

    Args:
        name: as it was written.
        known: names that there are; the first 200 are compared.
        likeness: the least share of letters, 0 to 1, that both must have in the same order.
    """
    if len(name) > LONGEST:
        return None
    plain = {_plain(candidate): candidate for candidate in islice(known, MOST_KNOWN)}
    written = _plain(name)
    found = get_close_matches(written, plain, n=1, cutoff=likeness)
    found = found or [f"{written}_{unit}" for unit in UNITS if f"{written}_{unit}" in plain]
    return plain[found[0]] if found else None


def instead(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to write: the nearest name, else `otherwise`."""
    guess = nearest(name, known)
    return f"write {guess!r}" if guess is not None else otherwise


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
