"""What is checked before the first step, each as one line."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.documents.document import Document, read_document
from chaosnetra.documents.findings import Severity
from chaosnetra.errors import ChaosnetraError, FaultError, InvalidInput, Unreadable
from chaosnetra.gameday.conduct.consent import consent_to
from chaosnetra.gameday.plan.day import DayStep, GameDay
from chaosnetra.gameday.plan.parameters import check_parameters, check_shared, for_experiment
from chaosnetra.lint.check import lint_document
from chaosnetra.lint.modules import Modules
from chaosnetra.text import one_line

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
    documents: dict[str, Document] = {}
    modules = Modules()
    for step in day.steps:
        name = str(step.experiment)
        if name not in documents:
            try:
                documents[name] = read_document(step.experiment)
            except Unreadable as error:
                yield Checked(False, str(error))
                continue
            yield from _lint(documents[name], modules)
        yield from _parameters(day, step, documents[name], lines)
    if all(str(step.experiment) in documents for step in day.steps):
        experiments = [document.data for document in documents.values()]
        shared = check_shared(day, experiments, lines)
        yield from (Checked(False, finding.text) for finding in shared)
    yield from _parts(day, documents)
    yield from _leftovers()
    if day.environment == "staging":
        for step in day.steps:
            if str(step.experiment) in documents:
                experiment = documents[str(step.experiment)].data
                yield _consent(day, step, experiment)


def _lint(document: Document, modules: Modules) -> Iterator[Checked]:
    findings = lint_document(document, modules)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    yield from (Checked(False, finding.text) for finding in errors)
    if not errors:
        yield Checked(True, f"{document.name}: lint finds nothing")


def _parameters(
    day: GameDay, step: DayStep, document: Document, lines: Document
) -> Iterator[Checked]:
    findings = check_parameters(day, step, document.data, lines)
    yield from (Checked(False, finding.text) for finding in findings)
    if not findings:
        from chaosnetra.settings import Settings

        try:
            passed = for_experiment(document.data, day, step, {})
            Settings.from_configuration({}, {**os.environ, **passed.environment})
        except InvalidInput as error:
            yield Checked(False, f"step {step.name!r}: {error}")


def _parts(day: GameDay, documents: Mapping[str, Document]) -> Iterator[Checked]:
    """The servers that the steps name answer; those that a run brings itself cannot be asked."""
    from chaosnetra.settings import Settings

    asked = set()
    for step in day.steps:
        document = documents.get(str(step.experiment))
        if document is None:
            continue
        try:
            passed = for_experiment(document.data, day, step, {})
            settings = Settings.from_configuration({}, {**os.environ, **passed.environment})
        except InvalidInput:
            continue  # said above
        if settings.database is not None and settings.database.shown not in asked:
            asked.add(settings.database.shown)
            yield _database(settings.database)
        if settings.toxiproxy_url is not None and settings.toxiproxy_url not in asked:
            asked.add(settings.toxiproxy_url)
            yield _toxiproxy(settings.toxiproxy_url)
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


def _consent(day: GameDay, step: DayStep, experiment: Any) -> Checked:
    try:
        environment = for_experiment(experiment, day, step, {}).environment
    except InvalidInput as error:
        return Checked(False, f"step {step.name!r}: {error}")
    consent = consent_to(step.experiment, environment)
    return Checked(consent.given, f"step {step.name!r}: {consent.text}")
