"""What a validation found: the exit code of a pipeline's step, and a table and summary of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from chaosnetra.evidence.compare.comparison import Comparison
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.runner.outcome import Kind, RunOutcome
from chaosnetra.text import cut, markdown, one_line

LONGEST_LINE = 600


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


def table(validation: Validation) -> str:
    """One line an experiment, and one for why where it did not hold."""
    return "\n".join(_rows(validation))


def _rows(validation: Validation) -> Iterator[str]:
    for outcome in validation.outcomes:
        yield one_line(
            f"{outcome.kind.value:<12} {outcome.seconds:6.1f} s  {outcome.experiment.path}"
        )
        if outcome.kind is not Kind.HELD:
            yield f"{'':<12} {cut(outcome.line, LONGEST_LINE)}"
    if validation.comparison is not None:
        for one in validation.comparison.experiments:
            yield from (
                one_line(f"{'regression':<12} {one.title}: {text}") for text in one.regressions
            )
            yield from (
                one_line(f"{'not compared':<12} {one.title}: {text}") for text in one.refused
            )
    yield f"baseline: {one_line(validation.baseline)}"
    if validation.reports_missing:
        yield f"no reports: {validation.reports_missing}"
    yield f"result: {validation.exit.meaning} (exit code {validation.exit.value})"


def summary(validation: Validation) -> str:
    """The same as Markdown, with the comparison."""
    return "\n".join(_markdown(validation)) + "\n"


def _markdown(validation: Validation) -> Iterator[str]:
    yield f"# Steady state: {validation.exit.meaning}"
    yield ""
    yield "| experiment | outcome | seconds | why |"
    yield "| --- | --- | ---: | --- |"
    yield from map(_row, validation.outcomes)
    yield ""
    yield "## Compared with the baseline"
    yield ""
    yield markdown(validation.baseline)
    if validation.comparison is not None:
        yield ""
        yield comparison_text(validation.comparison).replace("\n## ", "\n### ")
    if validation.reports_missing:
        yield ""
        yield f"No reports: {markdown(validation.reports_missing)}"


def _row(outcome: RunOutcome) -> str:
    name = outcome.experiment.title or str(outcome.experiment.path)
    return (
        f"| {markdown(name)} | {outcome.kind.value} | {outcome.seconds:.1f} "
        f"| {markdown(cut(outcome.line, LONGEST_LINE))} |"
    )
