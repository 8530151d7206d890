"""Two days side by side: what got better since the last one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.compare.changes import Change, ExperimentChange
from chaosnetra.evidence.compare.comparison import Comparison, compare
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.evidence.compare.experiment_runs import Runs
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.report.calibration import Calibration
from chaosnetra.gameday.report.happened import Happened, read_day
from chaosnetra.runner.files import RunFiles
from chaosnetra.text import markdown


@dataclass(frozen=True)
class DaysCompared:
    """Two days.

    Attributes:
        before: the earlier one.
        after: the later one.
        steps: their runs, compared by step and parameters.
    """

    before: Happened
    after: Happened
    steps: Comparison

    @property
    def better(self) -> list[str]:
        """What got better, each as a line."""
        found = []
        for step in self.steps.experiments:
            if step.change is Change.FIXED:
                found.append(f"{step.title}: {step.change.value}")
            found += [f"{step.title}: {text}" for text in _faster(step)]
        before, after = self.before.calibration, self.after.calibration
        if before.brier is not None and after.brier is not None and after.brier < before.brier:
            found.append(
                f"predictions: Brier score {after.brier:.2f} after {before.brier:.2f} (0 is best)"
            )
        return found

    @property
    def worse(self) -> list[str]:
        """What got worse, each as a line."""
        return [
            f"{step.title}: {text}" for step in self.steps.experiments for text in step.regressions
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "better": self.better,
            "worse": self.worse,
            "calibration": {
                "before": self.before.calibration.to_json(),
                "after": self.after.calibration.to_json(),
            },
            "seconds": {"before": self.before.seconds, "after": self.after.seconds},
            "steps": self.steps.to_json(),
        }


def compare_days(before: Any, after: Any) -> DaysCompared:
    """Compare the days in two folders.

    Raises:
        Unreadable: one of them holds no day, or none with a journal.
    """
    days = read_day(before), read_day(after)
    runs = [_runs_of(day) for day in days]
    for day, found in zip(days, runs, strict=True):
        if not found:
            raise Unreadable(f"{day.folder}: no run of this day left a journal to compare")
    return DaysCompared(*days, compare(runs[0], runs[1]))


def days_text(compared: DaysCompared) -> str:
    """The comparison for people; Markdown too."""
    return "\n".join(_lines(compared))


def _lines(compared: DaysCompared) -> Iterator[str]:
    before, after = compared.before, compared.after
    yield f"# {markdown(after.day.title)}"
    yield ""
    yield "| | before | after |"
    yield "| --- | --- | --- |"
    yield f"| began | {before.began[:16]} | {after.began[:16]} |"
    yield f"| took | {clock(before.seconds)} | {clock(after.seconds)} |"
    yield f"| runs held | {_held(before)} | {_held(after)} |"
    scores = before.calibration, after.calibration
    yield f"| predictions, Brier score | {_brier(scores[0])} | {_brier(scores[1])} |"
    yield f"| startup times said, median error | {_error(scores[0])} | {_error(scores[1])} |"
    for heading, texts in (("Better", compared.better), ("Worse", compared.worse)):
        yield ""
        yield f"## {heading}"
        yield ""
        yield from (f"- {markdown(text)}" for text in texts or ["nothing that is proven"])
    yield ""
    yield comparison_text(compared.steps)


def _runs_of(day: Happened) -> dict[str, Runs]:
    found: dict[str, Runs] = {}
    for attempt in day.attempts:
        try:
            journal = read_journal(RunFiles(day.folder / attempt.folder).journal)
        except Unreadable:
            continue  # the run was lost
        shown = " ".join(f"{key}={value}" for key, value in attempt.parameters.items())
        # A repetition with another intensity is another thing to compare; a change of the
        # profile is what two days are compared for.
        title = f"{attempt.step}{f' ({shown})' if attempt.number > 1 and shown else ''}"
        found.setdefault(title, Runs()).add(journal)
    return found


def _faster(step: ExperimentChange) -> Iterator[str]:
    for time in step.times:
        delta, p_value = time.test.cliffs_delta, time.p_adjusted
        if delta is None or p_value is None or time.ratio is None:
            continue
        if delta < 0 and p_value < 0.05:
            yield f"startups {time.when} are faster: {time.ratio:.2f} times the median"


def _held(day: Happened) -> str:
    held = sum(attempt.verdict == "held" for attempt in day.attempts)
    return f"{held} of {len(day.attempts)}"


def _brier(score: Calibration) -> str:
    return "none" if score.brier is None else f"{score.brier:.2f} ({score.judged})"


def _error(score: Calibration) -> str:
    error = score.median_error_seconds
    return "none" if error is None else f"{error:.2g} s ({score.times})"
