"""What is checked before the first step, each as one line."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import Document, read_document
from chaosnetra.documents.findings import Severity
from chaosnetra.errors import ChaosnetraError, FaultError, InvalidInput, Unreadable
from chaosnetra.gameday.conduct.monitored import AbortMonitor
from chaosnetra.gameday.conduct.step_run import consent_to, settings_of
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.gameday.plan.parameters import (
    Passed,
    check_parameters,
    check_shared,
    for_experiment,
)
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.gameday.record.record import Record
from chaosnetra.lint.check import lint_document
from chaosnetra.lint.modules import Modules
from chaosnetra.settings import Settings
from chaosnetra.text import how_many, one_line

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Checked:
    """One thing that was checked; `fine` or not, as a line."""

    fine: bool
    text: str

    @property
    def line(self) -> str:
        return one_line(self.text)

    def to_json(self) -> dict[str, Any]:
        return {"fine": self.fine, "text": self.line}


def preflight(day: GameDay, lines: Document) -> Iterator[Checked]:
    """Check everything that the day needs.

    Args:
        day: the plan, as it acts.
        lines: its file, for the places of what is wrong.

    Yields:
        One result after the other, as they are found. Abort criteria are the monitor's.
    """
    documents: dict[Path, Document] = {}
    runs: list[tuple[DayStep, Passed, Settings]] = []
    modules = Modules()
    for step in day.steps:
        if step.experiment not in documents:
            try:
                documents[step.experiment] = read_document(step.experiment)
            except Unreadable as error:
                yield Checked(False, str(error))
                continue
            yield from _lint(documents[step.experiment], modules)
        experiment = documents[step.experiment].data
        wrong = check_parameters(day, step, experiment, lines)
        yield from (Checked(False, finding.text) for finding in wrong)
        if not wrong:
            try:
                passed = for_experiment(experiment, day, step, {})
                runs.append((step, passed, settings_of(step, passed)))
            except InvalidInput as error:
                yield Checked(False, f"step {step.name!r}: {error}")
    if all(step.experiment in documents for step in day.steps):
        shared = check_shared(day, [one.data for one in documents.values()], lines)
        yield from (Checked(False, finding.text) for finding in shared)
    yield from _parts([settings for _, _, settings in runs])
    yield from _leftovers()
    if day.environment == "staging":
        for step, passed, _ in runs:
            consent = consent_to(step.experiment, passed.environment)
            yield Checked(consent.given, f"step {step.name!r}: {consent.text}")


def _lint(document: Document, modules: Modules) -> Iterator[Checked]:
    findings = lint_document(document, modules)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    yield from (Checked(False, finding.text) for finding in errors)
    if not errors:
        yield Checked(True, f"{document.name}: lint finds nothing")


def _parts(settings: Sequence[Settings]) -> Iterator[Checked]:
    """The servers that the steps name answer; those that a run brings itself cannot be asked."""
    named = [one.database for one in settings if one.database is not None]
    for database in {one.shown: one for one in named}.values():
        yield _database(database)
    for url in dict.fromkeys(one.toxiproxy_url for one in settings):
        if url is not None:
            yield _toxiproxy(url)
    yield from _persistent_stand()


def _persistent_stand() -> Iterator[Checked]:
    from chaosnetra.addresses import DatabaseAddress
    from chaosnetra.stand.persistent import find_persistent_stand

    kept = find_persistent_stand()
    if kept is None:
        yield Checked(True, "no stand is up: each run brings the parts that no setting names")
        return
    yield _database(DatabaseAddress.parse(kept.database_url))
    yield _toxiproxy(kept.toxiproxy_url)


def _database(address: Any) -> Checked:
    from chaosnetra.postgres.connect import server_version

    return _answers(
        "PostgreSQL", address.shown, lambda: asyncio.run(server_version(address, ANSWER_SECONDS))
    )


def _toxiproxy(url: str) -> Checked:
    from chaosnetra.toxiproxy.client import ToxiproxyClient

    return _answers("Toxiproxy", url, lambda: ToxiproxyClient(url).version())


def _answers(what: str, where: str, version: Callable[[], object]) -> Checked:
    try:
        return Checked(True, f"{what} {version()} answers: {where}")
    except ChaosnetraError as error:
        return Checked(False, f"{what} {where} does not answer: {error}")


def _leftovers() -> Iterator[Checked]:
    from chaosnetra.safety.ledger import read_ledger
    from chaosnetra.safety.recovery import leftovers

    left: list[str] = []
    try:
        ledgers = leftovers()
    except FaultError as error:
        yield Checked(False, str(error))
        return
    for path in ledgers:
        try:
            left += [undo.description for undo in read_ledger(path).open_entries.values()]
        except FaultError as error:
            left.append(str(error))
    for text in left:
        yield Checked(False, f"an earlier run left: {text}; `chaosnetra recover` undoes it")
    if not left:
        yield Checked(True, "nothing is left from earlier runs")


def check_day(path: Path, *, rehearsal: bool) -> Iterator[Checked]:
    """Check a day's file and everything that it needs, without a day; nothing is run.

    Raises:
        Unreadable: there is no such file, or it is no JSON.
        ChaosnetraError: the abort criteria cannot be checked.
    """
    day, findings = read_gameday(path)
    if day is None:
        yield from (Checked(False, finding.text) for finding in findings)
        return
    acting = day.acting(rehearsal=rehearsal)
    yield Checked(
        True,
        f"{path}: {how_many(len(day.steps), 'step')}, "
        f"{how_many(len(day.people), 'person', 'people')}",
    )
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
