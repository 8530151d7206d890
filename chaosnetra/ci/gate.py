"""What a pipeline's step ends with, from what was run and what it was compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from chaosnetra.evidence.compare.comparison import Comparison
from chaosnetra.runner.outcome import Kind, RunOutcome


class Exit(IntEnum):
    """How `chaosnetra ci` ends."""

    HELD = 0
    VIOLATED = 1
    PROVES_NOTHING = 2
    REGRESSION = 3
    INTERRUPTED = 6

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Exit.HELD: "held",
    Exit.VIOLATED: "violated",
    Exit.PROVES_NOTHING: "an experiment proves nothing",
    Exit.REGRESSION: "regression",
    Exit.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Validation:
    """All that one call found.

    Attributes:
        outcomes: one an experiment, in the order in which they were to be run.
        comparison: with the baseline, where there was one.
        baseline: the baseline as one line: where it is, or why there is no comparison.
        baseline_unusable: whether there is a baseline that cannot be read.
        reports_missing: why there are no reports, if so.
        interrupted: whether a signal ended it before all were run.
    """

    outcomes: Sequence[RunOutcome]
    comparison: Comparison | None
    baseline: str
    baseline_unusable: bool = False
    reports_missing: str | None = None
    interrupted: bool = False

    @property
    def exit(self) -> Exit:
        """The weightiest: the system became worse; it is not well; nothing is proved."""
        kinds = {outcome.kind for outcome in self.outcomes}
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.comparison is not None and self.comparison.regressed:
            return Exit.REGRESSION
        if Kind.VIOLATED in kinds:
            return Exit.VIOLATED
        if kinds - {Kind.HELD} or self.baseline_unusable or not kinds:
            return Exit.PROVES_NOTHING
        return Exit.HELD

    def to_json(self) -> dict[str, Any]:
        return {
            "exit_code": self.exit.value,
            "result": self.exit.meaning,
            "experiments": [outcome.to_json() for outcome in self.outcomes],
            "baseline": self.baseline,
            "comparison": self.comparison.to_json() if self.comparison else None,
            "reports_missing": self.reports_missing,
        }
