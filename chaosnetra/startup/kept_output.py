"""What is kept of the output of a startup that is not ready: its error whole, and its last lines.

Whatever a service prints, what is kept holds no secret that is known, does nothing to a terminal,
and stays within `MOST_BYTES`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chaosnetra.startup.log_lines import LogLine, plain
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.text import cut, one_line

LAST_LINES = 50
# Of one startup, as JSON has it.
MOST_BYTES = 1 << 16
# So many different outputs are kept of one launch.
MOST_DIFFERENT = 20
# A line is masked as it was read, and cut afterwards, by more than a secret is long: half of one is
# not masked any more.
LONGEST_LINE = 2000
LONGEST_READ = 2 * LONGEST_LINE
TAB = "    "
_COUNTED = re.compile(r"0x[0-9a-f]+|\d+")


def _unmasked(text: str) -> str:
    return text


@dataclass(frozen=True)
class Keeping:
    """How outputs are kept.

    Attributes:
        mask: a text without the secrets of the run.
        most_bytes: of one startup; 0: nothing is kept.
    """

    mask: Callable[[str], str] = _unmasked
    most_bytes: int = MOST_BYTES


def kept(
    last: Sequence[str], printed: int, error: Sequence[LogLine], keeping: Keeping
) -> tuple[str, ...]:
    """What is kept of an output.

    Args:
        last: the last lines, as they were printed.
        printed: how many there were in all.
        error: the lines of its error, as they read, in order.
        keeping: how.
    """
    first_of_last = printed - len(last)

    def is_shown(logged: LogLine) -> bool:
        """Whether it is among the last lines, whole."""
        at = logged.number - first_of_last
        return at >= 0 and len(last[at]) <= LONGEST_LINE and plain(last[at]) == logged.text

    above = [logged for logged in error if not is_shown(logged)]
    lines = _harmless([logged.text for logged in above], keeping.mask)
    numbers = [*(logged.number for logged in above), first_of_last]
    gaps = [after - before - 1 for before, after in pairwise(numbers)]
    # Masking may have joined lines that hold one secret.
    if len(lines) == len(gaps):
        lines = [
            one
            for line, gap in zip(lines, gaps, strict=True)
            for one in ((line, _left_out(gap)) if gap > 0 else (line,))
        ]
    return _within(lines, _harmless(last, keeping.mask), keeping.most_bytes)


def bounded(lines: Iterable[str], most_bytes: int = MOST_BYTES) -> tuple[str, ...]:
    """An output that somebody else has kept, as harmless and as short as one of our own."""
    return _within([], _harmless(list(lines), _unmasked), most_bytes)


class Different:
    """Keeps the outputs of one launch that differ; startups that fail alike print the same.

    The first `MOST_DIFFERENT` are kept. One that is like one of them, but for numbers and the order
    of its lines, names the startup that has it.
    """

    def __init__(self) -> None:
        self._kept: dict[bytes, int] = {}

    def of(self, outcome: StartupOutcome) -> StartupOutcome:
        """An outcome with its output, or with the startup that has it."""
        if not outcome.output:
            return outcome
        words = sorted({_COUNTED.sub("#", line) for line in outcome.output})
        key = hashlib.sha256("\n".join(words).encode(errors="replace")).digest()
        number = self._kept.get(key)
        if number is None and len(self._kept) < MOST_DIFFERENT:
            self._kept[key] = outcome.number
            return replace(outcome, output_of=outcome.number)
        return replace(outcome, output=(), output_of=number)


def _harmless(lines: Sequence[str], mask: Callable[[str], str]) -> list[str]:
    """Lines without secrets, and without what a terminal would obey."""
    if not lines:
        return []
    lines = [line if len(line) < LONGEST_READ else _without_end(line, mask) for line in lines]
    printed = mask("\n".join(lines)).split("\n")
    shown = [_plain(line).rstrip() for line in printed]
    if shown != printed:  # a secret may have had colours in it
        shown = mask("\n".join(shown)).split("\n")
    return [cut(line, LONGEST_LINE) for line in shown]


def _plain(line: str) -> str:
    return one_line(plain(line).replace("\t", TAB))


def _without_end(line: str, mask: Callable[[str], str]) -> str:
    """A line that was cut where it was read, without the part that may end in half a secret."""
    shown = mask(_plain(mask(line)))
    return f"{shown[: max(0, len(shown) - LONGEST_LINE)]}…"


def _within(above: Sequence[str], last: Sequence[str], most_bytes: int) -> tuple[str, ...]:
    """Lines that fit: of the last ones the last, of those above both ends."""
    needed = sum(map(_size, above))
    room = max(most_bytes // 2, most_bytes - needed)
    below = _from_end(last, room)
    room = most_bytes - sum(map(_size, below))
    if needed > room:
        room -= _size(_left_out(len(above)))
        begin = _from_end(above[::-1], room // 3)[::-1]
        end = _from_end(above[len(begin) :], room - sum(map(_size, begin)))
        missing = len(above) - len(begin) - len(end)
        above = [*begin, _left_out(missing), *end] if room > 0 else []
    return (*above, *below)


def _from_end(lines: Sequence[str], room: int) -> list[str]:
    taken: list[str] = []
    for line in reversed(lines):
        room -= _size(line)
        if room < 0:
            break
        taken.append(line)
    return taken[::-1]


def _size(line: str) -> int:
    """Bytes of a line as JSON has it in a list."""
    return len(json.dumps(line)) + 2


def _left_out(lines: int) -> str:
    return f"… {lines:,} {'line' if lines == 1 else 'lines'} left out"
