"""Ledgers that runs left, and a player of undos that notes what it played."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaosnetra.errors import UndoFailed
from chaosnetra.faults import Undo, UndoReport, UndoResult
from chaosnetra.safety.ledger import SUFFIX, Ledger
from chaosnetra.safety.recovery import recover

KIND = "test.mark"
UNDO = {"kind": KIND, "description": "d", "arguments": {}}
INFINITE = float("inf")
HEADER = {"version": 1, "run": "run-1", "pid": 1, "at": 1.0, "events": None}


def mark(arguments: Mapping[str, Any]) -> UndoReport:
    """The player of the undos of this module: notes in a file that it was played."""
    time.sleep(arguments.get("seconds", 0))
    with Path(arguments["file"]).open("a") as file:
        file.write(f"{arguments['name']}\n")
    if "fails" in arguments:
        raise UndoFailed(f"{arguments['name']} fails")
    if Path(arguments.get("fails_while", os.devnull)).is_file():
        raise ConnectionError(f"{arguments['name']} cannot be reached")
    if "removes" in arguments:
        Path(arguments["removes"]).unlink()
    return UndoReport(UndoResult(arguments.get("result", "done")), f"marked {arguments['name']}")


def undo(marks: Path, name: str, **arguments: Any) -> Undo:
    return Undo(KIND, f"undo {name}", {"file": str(marks), "name": name, **arguments})


def left_by(folder: Path, *undos: Undo, run: str = "run-1", events: Path | None = None) -> Path:
    """The ledger of a run that ended without taking these back."""
    ledger = Ledger(run, folder / "runs")
    ledger.events_path = events
    for each in undos:
        ledger.add(each)
    ledger.close()
    return ledger.path


def written(folder: Path, *records: Any, end: str = "\n") -> Path:
    """A ledger file with these lines."""
    path = folder / f"run-1{SUFFIX}"
    path.write_text("\n".join(json.dumps(record) for record in records) + end)
    return path


def played(marks: Path) -> list[str]:
    return marks.read_text().splitlines() if marks.exists() else []


def results(path: Path) -> list[str | None]:
    return [one.report.result if one.report else None for one in recover(path)]


def event_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ended(process: subprocess.Popen[str]) -> list[str]:
    """Let it begin; its lines. The other one is let begin while this one still plays."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return output.splitlines()
