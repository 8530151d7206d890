"""What the run of a step showed, from what it left; and what a day comes to, as an exit code."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from chaosnetra.errors import Unreadable
from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.journal.samples import startups
from chaosnetra.evidence.verdict.verdict import judge
from chaosnetra.gameday.conduct.progress import is_in_effect
from chaosnetra.gameday.record.entries import Entry
from chaosnetra.gameday.record.events import events_of
from chaosnetra.gameday.record.states import Kind
from chaosnetra.runner.files import RunFiles
from chaosnetra.runner.outcome import last_lines

LONGEST_LINE = 4000


@dataclass(frozen=True)
class RunResult:
    """What a run showed, as its journal says.

    Attributes:
        verdict: held, violated or inconclusive.
        reason: of it.
        proofs: what its attempts prove; see `chaosnetra.evidence.verdict.bounds`.
        startup_seconds: median time under the fault until a startup was ready; None when none was,
            or no fault was in effect.
        last_lines: that a run without a journal said.
    """

    verdict: str
    reason: str
    proofs: tuple[Mapping[str, Any], ...] = ()
    startup_seconds: float | None = None
    last_lines: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "proofs": list(self.proofs), "last_lines": list(self.last_lines)}


def result_of(folder: Path) -> RunResult:
    """What the run in a folder showed; inconclusive when it left no journal."""
    files = RunFiles(folder)
    try:
        journal = read_journal(files.journal)
    except Unreadable as error:
        # The file is named from the day's folder, which may be moved.
        why = str(error).replace(f"{folder}/", f"{folder.name}/")
        said = () if files.journal.exists() else last_lines(files.output)
        lines = tuple(line[:LONGEST_LINE] for line in said if line)[-3:]
        return RunResult("inconclusive", f"it left no journal: {why}", last_lines=lines)
    section = journal.section
    verdict: Any = section.get("verdict")
    reason: Any = section.get("reason")
    proofs: Any = section.get("proofs")
    if not isinstance(verdict, str) or not isinstance(reason, str):
        # Somebody else's experiment: the journal alone says it.
        judged, _ = judge(journal.data)
        verdict, reason = judged.outcome.value, judged.reason
        proofs = judged.to_json()["proofs"]
    in_effect = any(
        event["event"] == "fault.injected" and is_in_effect(event)
        for event in events_of(files.events)
    )
    ready = sorted(
        startup.seconds
        for startup in startups(journal.data)
        if in_effect and startup.under_fault and startup.ready
    )
    listed = proofs if isinstance(proofs, list) else []
    return RunResult(
        verdict,
        reason,
        tuple(proof for proof in listed if isinstance(proof, dict)),
        ready[(len(ready) - 1) // 2] if ready else None,
    )


class Exit(IntEnum):
    """How a day ended, as an exit code."""

    HELD = 0
    VIOLATED = 1
    UNPROVEN = 2
    REFUSED = 3
    ABORTED = 4
    RECORD_LOST = 5
    LEFT = 6
    UNREADABLE = 7


def exit_code(entries: Iterable[Entry]) -> Exit:
    """What a closed day says: of each step its last run counts."""
    verdicts: dict[str, str] = {}
    step, left_out, checked = "", False, False
    for entry in entries:
        if entry.kind is Kind.ABORTED:
            return Exit.ABORTED if checked else Exit.REFUSED
        checked = checked or entry.kind is Kind.CHECKED
        if entry.kind is Kind.RUN_BEGUN:
            step = str(entry.data.get("step"))
        elif entry.kind is Kind.RUN_ENDED:
            verdicts[step] = str(entry.data.get("verdict"))
        elif entry.kind in (Kind.NO_GO, Kind.SKIPPED):
            left_out = True
    if "violated" in verdicts.values():
        return Exit.VIOLATED
    if left_out or any(verdict != "held" for verdict in verdicts.values()):
        return Exit.UNPROVEN
    return Exit.HELD
