"""Startups that are no trials: the fault that they were to meet was not measured where they ran."""

from dataclasses import dataclass
from typing import Any

from chaosnetra.text import how_many


@dataclass(frozen=True)
class Uncounted:
    """Startups of one launch that count for nothing.

    Attributes:
        startups: how many.
        of: how many were launched.
        why: of the first of them, in one line.
    """

    startups: int
    of: int
    why: str

    @property
    def text(self) -> str:
        """As one line, for people."""
        verb = "counts" if self.startups == 1 else "count"
        return f"{self.startups} of {how_many(self.of, 'startup')} {verb} for nothing: {self.why}"

    @property
    def more(self) -> str:
        """Beside those that count, as a clause."""
        return f"{self.startups} more {'counts' if self.startups == 1 else 'count'} for nothing"

    def to_json(self, *, is_undecided: bool) -> dict[str, Any]:
        """For a probe's result; `is_undecided`: whether it depends on what became of them."""
        return {**vars(self), "undecided": is_undecided}


def uncounted_result(uncounted: Uncounted | None, *, is_undecided: bool) -> dict[str, Any]:
    """What the result of a probe has of them; None: all of its startups count."""
    told = None if uncounted is None else uncounted.to_json(is_undecided=is_undecided)
    return {"uncounted": told}
