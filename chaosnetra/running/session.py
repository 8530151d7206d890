"""One run: its settings, its parts, what it injected. Activities and controls meet here.

Parts are brought when the first activity needs them, and taken away when the run ends: by the
journal control, or when the process exits.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import ChaosnetraError, FaultError, InvalidInput, UndoFailed
from chaosnetra.processes.signals import held_back
from chaosnetra.running.database import Database
from chaosnetra.running.database_state import StartState
from chaosnetra.running.exposure import Exposure
from chaosnetra.running.local_path import LocalPath
from chaosnetra.running.observing import Observing
from chaosnetra.running.resources import Resources
from chaosnetra.running.run import Run, current_run, end_run
from chaosnetra.running.staging import Staging
from chaosnetra.settings import Settings

if TYPE_CHECKING:
    from chaosnetra.cloudrun.target import CloudRun
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.postgres.path import PostgresPath
    from chaosnetra.processes.forking import ForkServer
    from chaosnetra.startup.launch_plan import LaunchPlan
    from chaosnetra.startup.starting import Starter
    from chaosnetra.toxiproxy.client import ToxiproxyClient

logger = logging.getLogger("chaostoolkit")


class Session:
    """One run in this process, as activities and controls meet it.

    Args:
        settings: validated settings.
        run: the run in progress.

    Attributes:
        resources: guard, ledger, injector and parts.
        stored: the database.
        local: the path to it, on one's own machine.
        staging: Cloud Run; and plan, consent and evidence of a run in staging.
        state: that startups meet in the database.
        observing: of startups, on their way to it.
        exposure: what the startups used of it.
    """

    def __init__(self, settings: Settings, run: Run) -> None:
        self.settings = settings
        self.run = run
        self.pid = os.getpid()
        self.redactor = run.redactor
        self.events = run.events
        self.resources = Resources(settings, run, lambda: self.staging.require_consent())
        self.guard = self.resources.guard
        self.injector = self.resources.injector
        self.identifier = self.resources.identifier
        self.stored = Database(self.resources)
        self.local = LocalPath(self.resources, self.stored, lambda: self.staging.has_path)
        self.next_number = self.resources.next_number
        self.require_local = self.local.require_local
        self.proxy_name = self.local.proxy_name
        self.effects_on = self.local.effects_on
        self.staging = Staging(self.resources, self.stored)
        self.state = StartState(self.resources, self.stored, self.local)
        self.observing = Observing(self.resources, self.stored, self.local)
        self.exposure = Exposure(self.resources, self.stored)
        self._fork_server: ForkServer | None = None
        # Why the arguments of the experiment cannot be used; empty: they can; None: not checked.
        self._wrong_arguments: str | None = None
        self._closed = False
        self.redactor.learn(settings.profile.infrastructure_figures)
        if settings.database is not None:
            self.redactor.add(settings.database.password)

    @property
    def database(self) -> DatabaseAddress:
        """See `chaosnetra.running.database.Database.address`."""
        return self.stored.address

    @property
    def administrator(self) -> DatabaseAddress:
        """The same database by the most powerful role that the run has."""
        return self.stored.administrator

    @property
    def toxiproxy(self) -> "ToxiproxyClient":
        """See `chaosnetra.running.local_path.LocalPath`, as of all that follows."""
        return self.local.toxiproxy

    @property
    def proxied_database(self) -> DatabaseAddress:
        """The database as the system under experiment reaches it."""
        return self.local.proxied_database

    @property
    def connector(self) -> "ConnectorClient":
        """The connector emulator in front of the run's proxy."""
        return self.local.connector

    @property
    def path(self) -> "PostgresPath":
        """Measures the proxied path beside the direct one."""
        return self.local.measured

    @property
    def cloud_run(self) -> "CloudRun":
        """See `chaosnetra.running.staging.Staging`."""
        return self.staging.cloud_run

    @property
    def faults_in_effect(self) -> list[str]:
        """Names of the faults that are in effect, without the run's own name."""
        return self.resources.faults_in_effect

    def database_by(self, path: str) -> DatabaseAddress:
        """The database by a path that an experiment names.

        Args:
            path: `path`, as the system under experiment reaches it, or `direct`.

        Raises:
            InvalidInput: no such path.
        """
        self.check_path(path)
        return self.proxied_database if path == "path" else self.database

    @staticmethod
    def check_path(path: str) -> None:
        """Refuse a path that `database_by` does not know.

        Raises:
            InvalidInput: no such path.
        """
        if path not in ("path", "direct"):
            raise InvalidInput(f"the path to the database must be path or direct, got {path!r}")

    def check_arguments(self, check: Callable[[], bool]) -> None:
        """Refuse to act where an argument of the experiment cannot be used.

        Args:
            check: raises what it refuses; asked until it answers True, and not again then.

        Raises:
            InvalidInput: says which argument; for every activity of the run.
        """
        if self._wrong_arguments is None:
            try:
                self._wrong_arguments = "" if check() else None
            except InvalidInput as error:
                self._wrong_arguments = str(error)
        if self._wrong_arguments:
            raise InvalidInput(self._wrong_arguments)

    def starter(self, plan: "LaunchPlan") -> "Starter":
        """How the startups of the run's plan are started; what they are forked from is kept."""
        from chaosnetra.startup.starting import Fork, Spawn, fork_server

        if not plan.imports:
            return Spawn()
        with self.resources.lock:
            if self._fork_server is not None and not self._fork_server.usable:
                self._fork_server.stop()
                self._fork_server = None
            if self._fork_server is None:
                self._fork_server = fork_server(plan)
            return Fork(self._fork_server)

    def close(self) -> list[UndoFailed]:
        """Undo everything, then stop the run's own parts. Signals wait until it is done.

        Returns:
            What could not be undone; its ledger stays on disk.
        """
        with self.resources.lock, held_back(self.run.note_signal):
            if self._closed:
                return []
            self._closed = True
            failures = self.resources.undo_all()
            self.local.keep_history()
            self.state.close()
            self.staging.close()
            if self._fork_server is not None:
                self._fork_server.stop()
            self.resources.stop()
        return failures


_current: Session | None = None
_current_lock = threading.Lock()


def current_session(configuration: Mapping[str, Any] | None = None) -> Session:
    """The session of this process's run; made from `configuration` when there is none yet.

    Raises:
        InvalidInput: a setting cannot be used.
    """
    global _current
    with _current_lock:
        if _current is None:
            settings = Settings.from_configuration(configuration)
            _current = Session(settings, current_run())
            _notice_leftovers()
        return _current


def _notice_leftovers() -> None:
    """Say what earlier runs left behind, before this one adds anything."""
    from chaosnetra.safety.recovery import leftovers

    try:
        found = leftovers()
    except FaultError as error:
        logger.warning(str(error))
        return
    if found:
        logger.warning(
            f"{len(found)} earlier run{'s' if len(found) > 1 else ''} left something behind; "
            "`chaosnetra recover` undoes it"
        )


def existing_session() -> Session | None:
    """The session, if a run has one."""
    return _current


def end_session() -> list[UndoFailed]:
    """Close the session and forget it; the next run in this process gets its own."""
    global _current
    with _current_lock:
        session, _current = _current, None
    try:
        return session.close() if session is not None else []
    finally:
        end_run()  # not sooner: undos ask the run how long they may wait


def _at_exit() -> None:
    if _current is not None and _current.pid != os.getpid():
        return  # a copy that somebody's probe forked: the run goes on
    try:
        end_session()
    except ChaosnetraError as error:
        logger.error(str(error))


atexit.register(_at_exit)
