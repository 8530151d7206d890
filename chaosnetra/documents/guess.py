"""What a misspelled name was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

LONGEST = 100
MOST_KNOWN = 200


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`; None when none is.

    Capitals, and hyphens in place of underscores, make no difference to the likeness.
    """
    if len(name) > LONGEST:
        return None
    plain = {_plain(candidate): candidate for candidate in islice(known, MOST_KNOWN)}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else None


def instead(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to write: the nearest name, else `otherwise`."""
    guess = nearest(name, known)
    return f"write {guess!r}" if guess is not None else otherwise


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
