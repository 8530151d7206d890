"""All checks of a day without a day: `chaosnetra gameday check`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from chaosnetra.documents.document import read_document
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.plan.day import GameDay
from chaosnetra.gameday.plan.preflight import Checked, preflight
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.gameday.record.record import Record


def check_day(path: Path, *, rehearsal: bool) -> Iterator[Checked]:
    """Check a day's file and everything that it needs; nothing is run.

    Raises:
        Unreadable: there is no such file, or it is no JSON.
        ChaosnetraError: the abort criteria cannot be checked.
    """
    day, findings = read_gameday(path)
    if day is None:
        yield from (Checked(False, finding.text) for finding in findings)
        return
    acting = day.acting(rehearsal=rehearsal)
    yield Checked(True, f"{path}: {len(day.steps)} steps, {len(day.people)} people")
    yield from preflight(acting, read_document(path, any_encoding=True))
    yield _criteria(acting, rehearsal=rehearsal)


def _criteria(day: GameDay, *, rehearsal: bool) -> Checked:
    if not day.abort.conditions:
        return Checked(True, "the day has no abort criteria")
    with tempfile.TemporaryDirectory(prefix="chaosnetra-") as folder:
        record = Record.opened(Path(folder) / "check", day, {"rehearsal": rehearsal})
        monitor = AbortMonitor(record.folder, day)
        try:
            in_time = monitor.has_checked()
            reason = monitor.crossed if in_time else "the criteria could not be checked in time"
        finally:
            monitor.end()
            record.close()
    count = len(day.abort.conditions)
    if reason is not None:
        return Checked(False, f"abort criterion: {reason}")
    return Checked(
        True, f"{count} abort criteri{'on' if count == 1 else 'a'} checked, none crossed"
    )
