"""How one run of an experiment ended, judged from what it left."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.verdict.closing import closing_lines
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
        section: ours of its journal, with this outcome; None where there is no journal.
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
    section: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """All that a person needs to know of it, at most 15 lines."""
        return self.told()

    def told(self, report: str | None = None) -> str:
        """The screen that a run ends with; without a journal, why there is none.

        Args:
            report: where its report is, if there is one.
        """
        last = [("report", report)] if report is not None else []
        if self.journal is not None:
            last.append(("journal", str(self.journal)))
        if self.kind not in (Kind.HELD, Kind.VIOLATED) and self.files.output.exists():
            last.append(("output", str(self.files.output)))
        last.append(("again", f"chaos run {shlex.quote(str(self.experiment.path))}"))
        if self.section is None:
            first = f"the experiment proves nothing of the system: {self.line}"
            return "\n".join([first, "", *(f"{label}: {text}" for label, text in last)])
        title = self.experiment.title or self.experiment.path.stem
        lines = closing_lines(title, self.section, str(self.journal), last=last)
        return "\n".join(line.text for line in lines)

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
        section={
            **journal.section,
            "verdict": kind.value,
            "reason": line.removeprefix(f"{kind.value}: "),
            "violations": [violation.to_json() for violation in violations],
            "proofs": [proof._asdict() for proof in verdict.proofs],
        },
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
