"""How one run of an experiment ended, judged from what it left."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.verdict.verdict import Outcome, judge
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.runner.files import Experiment, RunFiles
from chaosnetra.text import one_line

LOG_LINES = 40
LONGEST_LOG_BYTES = 64 * 1024
_ERROR_LINE = re.compile(r"(?:ERROR|CRITICAL)\S* (?P<text>.+)")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Kind(StrEnum):
    """held and violated are findings on the system. inconclusive: a journal that proves nothing.
    broken: no journal, because the experiment could not be run, or not to its end."""

    HELD = "held"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    BROKEN = "broken"


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        experiment: what was run.
        kind: what it showed.
        line: the verdict, or why there is none; one line.
        violations: of the steady state.
        files: where its evidence is.
        journal: its journal; None where it left none that can be read.
        profile: name of the profile that it ran with, if its journal says.
        seconds: how long it took.
        returncode: of `chaos run`; None where it was not run.
    """

    experiment: Experiment
    kind: Kind
    line: str
    violations: tuple[Violation, ...]
    files: RunFiles
    journal: Path | None
    profile: str | None
    seconds: float
    returncode: int | None

    @property
    def text(self) -> str:
        """All that a person needs to know of it, some lines."""
        parts = [self._first_line]
        for number, violation in enumerate(self.violations, 1):
            parts += ["", f"{number}. {one_line(violation.probe)}, {violation.when}"]
            parts += [f"   {name:<9} {one_line(str(value))}" for name, value in _told(violation)]
        parts += ["", f"run it alone: chaos run {self.experiment.path}"]
        if self.journal is not None:
            parts.append(f"journal: {self.journal}")
        if self.files.output.exists():
            parts.append(f"output: {self.files.output}")
        return "\n".join(parts)

    @property
    def _first_line(self) -> str:
        if self.kind is Kind.VIOLATED:
            return f"the system does not hold its steady state: {self.line}"
        if self.kind is Kind.HELD:
            return self.line
        return f"the experiment proves nothing of the system: {self.line}"

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": str(self.experiment.path),
            "title": self.experiment.title,
            "outcome": self.kind.value,
            "line": self.line,
            "violations": [violation.to_json() for violation in self.violations],
            "journal": f"{self.files.folder.name}/{self.journal.name}" if self.journal else None,
            "profile": self.profile,
            "seconds": round(self.seconds, 3),
            "exit_code": self.returncode,
        }


def judge_run(
    experiment: Experiment,
    files: RunFiles,
    returncode: int,
    seconds: float,
    given_up: str | None = None,
) -> RunOutcome:
    """Judge a run by its journal; the exit code alone tells nothing.

    Args:
        experiment: what was run.
        files: where it was to leave its evidence.
        returncode: of `chaos run`.
        seconds: how long it took.
        given_up: why it was ended from outside, if it was.
    """

    seen = RunOutcome(experiment, Kind.BROKEN, "", (), files, None, None, seconds, returncode)
    try:
        journal = read_journal(files.journal)
    except Unreadable as error:
        why = str(error) if files.journal.exists() else _last_error(files.output)
        ending = f"chaos run ended with exit code {returncode} and no journal"
        return replace(seen, line=one_line(f"broken: {given_up or ending}: {why}"))
    verdict, violations = judge(journal.data)
    kind, line = Kind(verdict.outcome.value), verdict.line
    if given_up:
        kind, line = Kind.INCONCLUSIVE, f"inconclusive: {given_up}; {line}"
    elif verdict.outcome is Outcome.HELD and returncode != 0:
        kind = Kind.INCONCLUSIVE
        line = f"inconclusive: by its journal it {line}; but chaos run exited with {returncode}"
    return replace(
        seen,
        kind=kind,
        line=one_line(line),
        violations=tuple(violations),
        journal=files.journal,
        profile=journal.profile,
    )


def not_run(experiment: Experiment, files: RunFiles, why: str) -> RunOutcome:
    """The outcome of an experiment that is not worth running."""
    return RunOutcome(experiment, Kind.BROKEN, one_line(why), (), files, None, None, 0.0, None)


def last_lines(path: Path, most: int = LOG_LINES) -> list[str]:
    """The last lines of a run's output, without their colours."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LONGEST_LOG_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [shown_line(line) for line in text.splitlines()[-most:]]


def shown_line(line: str) -> str:
    """A line of a run's output for people: without colours, which the core writes to files too."""
    return one_line(_COLOR.sub("", line)).rstrip()


def _last_error(output: Path) -> str:
    """Why a run that left no journal failed, as far as its output tells."""
    lines = last_lines(output)
    errors = [match["text"] for line in lines if (match := _ERROR_LINE.search(line))]
    return (errors or lines or ["it said nothing"])[-1].strip()


def _told(violation: Violation) -> list[tuple[str, str]]:
    """What is known of a violation, by name."""
    seconds = violation.budget_seconds
    budget = violation.budget
    if budget and seconds is not None:
        budget = f"{budget}, {seconds:g} s"
    told = {
        "expected": violation.expected,
        "observed": violation.observed,
        "phase": violation.phase,
        "budget": budget,
        "SQLSTATE": violation.sqlstate,
        "error": violation.error,
        "wire": "; ".join(filter(None, (violation.on_the_wire, violation.named_limit_refuted))),
    }
    return [(name, value) for name, value in told.items() if value]
