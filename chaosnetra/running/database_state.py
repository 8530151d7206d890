"""The state that startups meet in the run's database: shared, prepared by one start, or copied."""

import logging
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import (
    DatabaseUnavailable,
    FaultError,
    InvalidInput,
    PartUnavailable,
    UndoFailed,
)
from chaosnetra.running.database import Database
from chaosnetra.running.local_path import LocalPath
from chaosnetra.running.resources import Resources
from chaosnetra.settings import setting_hint
from chaosnetra.stand.postgres_programs import extension_hint

if TYPE_CHECKING:
    from chaosnetra.postgres.held import HeldConnection
    from chaosnetra.running.exposure import LaunchUse
    from chaosnetra.startup.outcome import StartupOutcome

logger = logging.getLogger("chaostoolkit")

# Of a launch, what tells which state it met.
_MET = ("tables_before", "tables_after")


class StartState:
    """Gives each startup of a run its database, by the setting `database_state`.

    A startup of a service on an empty database makes its tables; the next one finds them. So
    that all startups of a run meet the same state, `auto` lets one start prepare an empty
    database before the first launch.
    """

    def __init__(self, resources: Resources, database: Database, path: LocalPath) -> None:
        self._resources = resources
        self._database = database
        self._path = path
        self._lock = threading.RLock()
        self._template: str | None = None
        self._template_tables: int | None = None
        self._maker: HeldConnection | None = None
        self._prepared: dict[str, Any] | None = None
        self._looked = self._commanded = False

    @property
    def mode(self) -> str:
        """The setting: `auto`, `shared` or `fresh`; in staging nothing is prepared."""
        settings = self._resources.settings
        return "shared" if settings.in_staging else settings.database_state

    def prepare(
        self,
        start: "Callable[[DatabaseAddress], StartupOutcome]",
        command: "Callable[[DatabaseAddress], StartupOutcome] | None" = None,
    ) -> None:
        """Before the first launch run the command that prepares the database, if there is one, and
        let one start fill an empty database, where `auto` says so.

        It reaches the database directly, so no fault on the path is in its way. That it fails
        ends nothing: the startups of the baseline are judged, and will say the same.

        Args:
            start: starts the target once, against the address that it is given.
            command: likewise the setting `prepare_command`.

        Raises:
            Interrupted: the run was interrupted.
            InvalidInput: the command failed.
        """
        with self._lock:  # launches in other threads wait until it is done
            reference = self._resources.settings.target.is_reference
            if command is not None and not self._commanded:
                self._run(command)
                self._commanded = True
            if self._looked or reference or self.mode != "auto":
                return
            self._looked = True
            if self.tables() == 0:
                self._prepare(start)

    def _run(self, command: "Callable[[DatabaseAddress], StartupOutcome]") -> None:
        shown = shlex.join(self._resources.settings.prepare_command)
        logger.info(f"Preparing the database: {shown}")
        _ = self._database.schema  # made before, for whom it is made
        outcome = command(self._database.address)
        error = outcome.error.told if outcome.error else None
        if (cure := self._cure(outcome)) is not None:
            error = f"{error}; {cure}"
        details = {"status": outcome.status.value, "seconds": outcome.seconds, "error": error}
        self._resources.run.events.record("database_state.commanded", details)
        if outcome.status != "ready":
            raise InvalidInput(
                f"prepare_command {shown!r} failed: {error}", setting_hint("prepare_command")
            )

    def _prepare(self, start: "Callable[[DatabaseAddress], StartupOutcome]") -> None:
        run = self._resources.run
        logger.info("The database is empty: one start prepares it before the others")
        outcome = start(self._database.address)
        error = outcome.error.text if outcome.error else None
        if (cure := self._cure(outcome)) is not None:
            error = f"{error}; {cure}"
        tables = self.tables()
        self._prepared = {
            "status": outcome.status.value,
            "seconds": round(outcome.seconds, 3),
            "error": error,
            "tables_before": 0,
            "tables_after": tables,
        }
        run.events.record("database_state.prepared", self._prepared)
        if outcome.status == "ready":
            what = "1 table" if tables == 1 else f"{tables} tables"
            logger.info(f"The start was ready; the database has {what} now")
        else:
            logger.warning(
                "the start that prepares the empty database was not ready "
                f"({outcome.status.value}): {error or 'it says nothing'}"
            )

    def _cure(self, outcome: "StartupOutcome") -> str | None:
        """What to change where the stand's PostgreSQL lacks an extension; None: it does not."""
        settings = self._resources.settings
        if settings.database is not None:
            return None
        said = outcome.error.text if outcome.error else ""
        return extension_hint([said, *outcome.output], settings.postgres_programs)

    @contextmanager
    def databases(self, count: int) -> Iterator[list[DatabaseAddress]]:
        """The proxied addresses for `count` startups.

        Raises:
            PartUnavailable: no copy can be made, so nothing is started.
        """
        if self.mode != "fresh":
            yield [self._path.proxied_database] * count
            return
        names: list[str] = []
        try:
            try:
                self._copy(count, names)
            except (DatabaseUnavailable, FaultError) as error:
                raise PartUnavailable(
                    f"nothing was started: no copy of the database could be made for each "
                    f"startup: {error}"
                ) from error
            address = self._path.proxied_database
            yield [address.named(name) for name in names]
        finally:
            self._drop(names)

    @contextmanager
    def folders(self, count: int, *, wanted: bool) -> Iterator[list[Path | None]]:
        """A folder for each of `count` startups, a copy of the setting `state_folder` or empty.

        Args:
            count: how many.
            wanted: whether the target asks for them; else they are None.

        Raises:
            PartUnavailable: they cannot be made, so nothing is started.
        """
        if not wanted:
            yield [None] * count
            return
        made: list[Path] = []
        try:
            try:
                for _number in range(count):
                    made.append(self._resources.new_folder())
                    if self._resources.settings.state_folder is not None:
                        shutil.copytree(
                            self._resources.settings.state_folder,
                            made[-1],
                            symlinks=True,
                            dirs_exist_ok=True,
                        )
            except (OSError, shutil.Error) as error:
                raise PartUnavailable(
                    f"nothing was started: no folder of its own could be made for each startup: "
                    f"{error}"
                ) from error
            yield list(made)
        finally:
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)

    def tables(self) -> int | None:
        """How many tables the database has; None when it cannot be asked."""
        counts = self._database.counts()
        return None if counts is None else counts.tables

    def details(self, tables_before: int | None, tables_after: int | None) -> dict[str, Any]:
        """What a result says of the state that its startups met and left."""
        return {
            "mode": self.mode,
            "prepared": self._prepared is not None,
            "tables_before": tables_before,
            "tables_after": tables_after,
        }

    def facts(self, launches: "Sequence[LaunchUse]") -> dict[str, Any]:
        """For the journal: see `chaosnetra.evidence.verdict.start_state`."""
        return {
            "setting": self.mode,
            "own_tables": self._resources.settings.target.is_reference,
            "prepared": self._prepared,
            "template_tables": self._template_tables,
            "launches": [
                {"faults": list(one.faults)} | {name: getattr(one, name) for name in _MET}
                for one in launches
            ],
        }

    def close(self) -> None:
        """Let go of the connection that makes the copies."""
        if self._maker is not None:
            self._maker.close()

    def _copy(self, count: int, names: list[str]) -> None:
        """Make copies; what was made is in `names` also when one could not be."""
        resources = self._resources
        _ = self._database.schema
        with self._lock:
            if self._template is None:
                self._template_tables = self.tables()
                template = f"{resources.identifier}_base"
                self._make(template, self._database.address.database)
                self._template = template
        for _number in range(count):
            name = f"{resources.identifier}_{resources.next_number()}"
            self._make(name, self._template)
            names.append(name)

    def _make(self, name: str, template: str) -> None:
        from chaosnetra.postgres.held import hold_connection
        from chaosnetra.postgres.objects import DatabaseCopied

        address = self._database.address
        if self._maker is None:
            # Opened before there is a fault, as a rule: a server that is full makes copies by it.
            self._maker = hold_connection(address)
        self._resources.injector.inject(DatabaseCopied(address, name, template))

    def _drop(self, names: list[str]) -> None:
        for name in names:
            try:
                self._resources.injector.undo(f"database {name}")
            except UndoFailed as error:
                # Tried again at the end of the run, when no fault is in the way.
                logger.warning(str(error))
