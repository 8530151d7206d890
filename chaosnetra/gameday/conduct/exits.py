"""How a day ended, as an exit code."""

from collections.abc import Iterable
from enum import IntEnum

from chaosnetra.gameday.record.entries import Entry
from chaosnetra.gameday.record.states import Kind


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
