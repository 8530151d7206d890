"""One run: its settings, its parts, what it injected. Activities and controls meet here.

Parts are brought when the first activity needs them, and taken away when the run ends: by the
journal control, or when the process exits.
"""

import atexit
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import (
    ChaosnetraError,
    ConnectorUnavailable,
    FaultError,
    InjectionFailed,
    InvalidInput,
    NotAllowed,
    UndoFailed,
)
from chaosnetra.running.database import Database, bring_database
from chaosnetra.running.database_state import StartState
from chaosnetra.running.exposure import Exposure
from chaosnetra.running.local_path import bring_connector, bring_proxy, bring_toxiproxy
from chaosnetra.running.resources import Keeping, Part
from chaosnetra.running.run import Run, current_run, end_run
from chaosnetra.running.sockets import bring_socket_end, bring_tcp_end
from chaosnetra.running.watching import Watch
from chaosnetra.safety.guard import Guard
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.safety.watchdog_process import WatchdogProcess
from chaosnetra.settings import Settings, setting_hint

if TYPE_CHECKING:
    from chaosnetra.cloudrun.tally import CallTally
    from chaosnetra.cloudrun.target import CloudRun
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.consent.plan import ExperimentPlan
    from chaosnetra.postgres.path import PostgresPath
    from chaosnetra.processes.forking import ForkServer
    from chaosnetra.running.foreign_proxies import ForeignProxy
    from chaosnetra.startup.launch_plan import LaunchPlan
    from chaosnetra.startup.starting import Starter
    from chaosnetra.toxiproxy.client import ToxiproxyClient
    from chaosnetra.toxiproxy.effects import OnPath

logger = logging.getLogger("chaostoolkit")

# What an experiment calls the proxy to the run's database.
DATABASE_PROXY = "database"
NO_CONTROL = (
    "in staging nothing is touched without consent, which the control "
    "chaosnetra.controls.journal asks for: declare it in the experiment"
)


class Session:
    """The state of one run in this process.

    Args:
        settings: validated settings.
        run: the run in progress.
    """

    def __init__(self, settings: Settings, run: Run) -> None:
        self.settings = settings
        self.run = run
        self.pid = os.getpid()
        self.redactor = run.redactor
        self.events = run.events
        self.guard = Guard.for_settings(settings)
        self.watchdog_process = WatchdogProcess(self.guard.seconds)
        self.ledger = Ledger(run.id, guarded=self.watchdog_process.guard)
        self._keeping = Keeping(run, self.ledger, self.watchdog_process)
        self.injector = Injector(
            self.ledger,
            self.events.record,
            self.require_consent,
            hurried=lambda: run.interrupted_by is not None or bool(self._keeping.losses),
            ended=self._keeping.has_ended,
        )
        self._watch = Watch(
            self.injector,
            lambda: list(self._keeping.watched),
            self.events.record,
            run.foreign_action_since,
        )
        # Of a run in staging: what it would do as it began, and the same once it is consented to.
        self.plan: ExperimentPlan | None = None
        self.consented: ExperimentPlan | None = None
        self._lease: str | None = None
        self.calls: CallTally | None = None
        self.connector_history: dict[str, Any] | None = None
        # Of Cloud Monitoring, or why there is none; None where the settings ask for none.
        self.monitoring: dict[str, Any] | None = None
        self._began_at = time.time()
        self._lock = threading.RLock()
        self._database: Database | None = None
        self._toxiproxy: ToxiproxyClient | None = None
        self._connector: ConnectorClient | None = None
        self._cloud_run: CloudRun | None = None
        self._at_close: list[Callable[[], None]] = []
        self._proxied: DatabaseAddress | None = None
        self._for_target: DatabaseAddress | None = None
        self._schema: str | None = None
        self._report_schema: str | None = None
        self._fork_server: ForkServer | None = None
        self.state = StartState(self)
        self.exposure = Exposure(self)
        self._numbers = 0
        self._closed = False
        # Why the arguments of the experiment cannot be used; empty: they can; None: not checked.
        self.arguments_checked: str | None = None
        self.redactor.learn(settings.profile.infrastructure_figures)
        if settings.database is not None:
            self.redactor.add(settings.database.password)

    @property
    def identifier(self) -> str:
        """The run's id as part of a name in PostgreSQL or Toxiproxy."""
        return f"chaosnetra_{self.run.id.replace('-', '_')}"

    def next_number(self) -> int:
        """1, 2, 3…: tells things of one kind apart."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    @property
    def parts(self) -> list[Part]:
        """What was brought, in order."""
        return self._keeping.parts

    @property
    def database(self) -> DatabaseAddress:
        """The database, directly: configured, a persistent stand's, or the run's own.

        Raises:
            PartUnavailable: there is none that can be used; says what to change.
        """
        return self._met_database.address

    @property
    def administrator(self) -> DatabaseAddress:
        """The same database by the most powerful role that the run has."""
        return self._met_database.administrator

    @property
    def _met_database(self) -> Database:
        with self._lock:
            if self._database is None:
                self._database = bring_database(
                    self._keeping, self.settings, self.guard, self.injector, self.identifier
                )
                self._watch.begin()
            return self._database

    @property
    def toxiproxy(self) -> "ToxiproxyClient":
        """The Toxiproxy server: configured, a persistent stand's, or the run's own.

        Raises:
            InvalidInput: the run acts in staging.
            PartUnavailable: there is none that can be used; says what to change.
        """
        self.require_local("Toxiproxy")
        with self._lock:
            if self._toxiproxy is None:
                self._toxiproxy = bring_toxiproxy(self._keeping, self.settings)
                self._watch.begin()
            return self._toxiproxy

    @property
    def proxied_database(self) -> DatabaseAddress:
        """The database as the system under experiment reaches it.

        Through the run's proxy, and where the settings ask for one, a connector before it. In
        staging nothing of ours stands in between.
        """
        if self.settings.in_staging:
            return self.database
        with self._lock:
            if self._proxied is None:
                toxiproxy = self.toxiproxy
                upstream = bring_tcp_end(self._keeping, self.database, toxiproxy.url)
                proxied = bring_proxy(
                    self._keeping,
                    toxiproxy,
                    upstream,
                    self.settings,
                    self.injector,
                    self.identifier,
                )
                if self.settings.connector == "emulator":
                    self._connector, proxied = bring_connector(
                        self._keeping, self.settings, proxied
                    )
                self._proxied = proxied
            return self._proxied

    @property
    def target_database(self) -> DatabaseAddress:
        """The proxied database as a startup gets it: by a Unix socket where the database has one.

        What measures the path goes by `proxied_database`, and without the bridge from the socket.
        """
        proxied = self.proxied_database
        if self.settings.in_staging:
            return proxied
        with self._lock:
            if self._for_target is None:
                self._for_target = bring_socket_end(self._keeping, self.database, proxied)
            return self._for_target

    def require_local(self, what: str) -> None:
        """Refuse in staging what is made for one's own machine.

        Args:
            what: it is, for the message.

        Raises:
            InvalidInput: the run acts in staging.
        """
        if self.settings.in_staging:
            raise InvalidInput(
                f"{what} is for one's own machine; in staging the pressure is scale_service or "
                "hold_connections, which apply_pressure can choose",
                f"{setting_hint('environment')} to local",
            )

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

    @property
    def connector(self) -> "ConnectorClient":
        """The connector emulator in front of the run's proxy.

        Raises:
            InvalidInput: the settings ask for none, or the run acts in staging.
        """
        self.require_connector()
        with self._lock:
            _ = self.proxied_database
            if self._connector is None:
                raise ConnectorUnavailable("there is no connector in the path")
            return self._connector

    def require_connector(self) -> None:
        """Refuse what needs the connector emulator where the settings ask for none.

        Raises:
            InvalidInput: they do, or the run acts in staging.
        """
        self.require_local("the connector emulator")
        if self.settings.connector != "emulator":
            raise InvalidInput(
                "there is no connector in the path", f"{setting_hint('connector')} to emulator"
            )

    @property
    def cloud_run(self) -> "CloudRun":
        """Cloud Run, as the settings name it; see `chaosnetra.rehearsal.reach`.

        Raises:
            InvalidInput: project or region is not named.
        """
        with self._lock:
            if self._cloud_run is None:
                self._cloud_run = self._bring_cloud_run()
                self._watch.begin()
            return self._cloud_run

    @property
    def faults_in_effect(self) -> list[str]:
        """Names of the faults in place that the system feels, without the run's own name."""
        in_effect = [fault.name for fault in self.injector.active if fault.effect is not None]
        return [re.sub(rf"{re.escape(self.identifier)}[_/]?", "", name) for name in in_effect]

    @property
    def path(self) -> "PostgresPath":
        """Measures the proxied path beside the direct one."""
        from chaosnetra.postgres.path import PostgresPath

        return PostgresPath(direct=self.database, proxied=self.proxied_database)

    @property
    def schema(self) -> str | None:
        """Schema with the reference orchestrator's tables, made on first use; else None.

        In staging the job's container has its own.
        """
        if self.settings.in_staging:
            return None
        with self._lock:
            if self._schema is None and self.settings.target.is_reference:
                from chaosnetra.orchestrator.workload import schema_statements
                from chaosnetra.postgres.objects import SchemaMade

                name = self.identifier
                self.injector.inject(SchemaMade(self.database, name, schema_statements(name)))
                self._schema = name
            return self._schema

    def require_consent(self) -> None:
        """Refuse to touch anything in staging before it was consented to, or after the deadline.

        Raises:
            NotAllowed: there is no consent, the time of the experiment is over, or the lease is
                lost.
        """
        if not self.settings.in_staging:
            return
        if self.consented is None:
            raise NotAllowed(NO_CONTROL)
        self.guard.check_time()
        self._check_lease()

    def take_lease(self, address: DatabaseAddress | None) -> None:
        """Keep other runs away from a database, and from the service on this machine.

        Args:
            address: the database; None: only the runs of this user are kept away.

        Raises:
            NotAllowed: another run holds it.
        """
        from filelock import FileLock, Timeout

        from chaosnetra.postgres.lease import LeaseTaken
        from chaosnetra.stand.folders import state_folder

        folder = state_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / "staging.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise NotAllowed(
                "another run of this user acts in staging just now; wait until it has ended"
            ) from None
        self._at_close.append(lock.release)
        if address is None:
            return
        self.guard.check_time()
        self._keeping.trust(address)
        name = f"{self.identifier}_lease"
        lease = LeaseTaken(address, name, self.guard.deadline.remaining_seconds)
        self.injector.inject(lease, admitted=True)  # nothing is consented to before it is held
        self._lease = name

    def _check_lease(self) -> None:
        from chaosnetra.postgres.sessions import staying

        if self._lease is None:
            return
        try:
            staying(self._lease)
        except InjectionFailed:
            raise NotAllowed(
                f"the lease of this run ({self._lease}) was ended, so another run may act by now; "
                "nothing more is begun: run the experiment again"
            ) from None

    @property
    def report_schema(self) -> str:
        """Schema of the run's own that the tasks of a job report into, made on first use."""
        with self._lock:
            if self._report_schema is None:
                from chaosnetra.postgres.objects import SchemaMade
                from chaosnetra.startup.orders import report_statements

                name = f"{self.identifier}_reports"
                self.injector.inject(SchemaMade(self.database, name, report_statements(name)))
                self._report_schema = name
            return self._report_schema

    def proxy_name(self, proxy: str) -> str:
        """The name on the server of a proxy that an experiment names."""
        self.require_local("a proxy")
        if proxy != DATABASE_PROXY:
            return proxy
        _ = self.proxied_database
        return self.identifier

    def effects_on(self, proxy: str) -> "OnPath | ForeignProxy":
        """What measures the effect of a fault on a proxy that an experiment names."""
        from chaosnetra.toxiproxy.effects import OnPath

        name = self.proxy_name(proxy)
        if name == self.identifier:
            return OnPath(self.path)
        from chaosnetra.running.foreign_proxies import ForeignProxy

        met = self._database.address if self._database is not None else self.settings.database
        return ForeignProxy(
            self.toxiproxy,
            name,
            met,
            self.injector,
            lambda: f"{self.identifier}_twin_{self.next_number()}",
        )

    def starter(self, plan: "LaunchPlan") -> "Starter":
        """How the startups of the run's plan are started; what they are forked from is kept."""
        from chaosnetra.startup.starting import Fork, Spawn, fork_server

        if not plan.imports:
            return Spawn()
        with self._lock:
            if self._fork_server is not None and not self._fork_server.usable:
                self._fork_server.stop()
                self._fork_server = None
            if self._fork_server is None:
                self._fork_server = fork_server(plan)
            return Fork(self._fork_server)

    def new_folder(self) -> Path:
        """A new temporary folder of the run's, which is removed also when the run cannot do it."""
        from chaosnetra.stand.folders import temporary_folder

        with self._lock:
            self._keeping.expect_folders()
        return temporary_folder(self.run.id)

    def close(self) -> list[UndoFailed]:
        """Undo everything, then stop the run's own parts. Signals wait until it is done.

        Returns:
            What could not be undone; its ledger stays on disk.
        """
        with self._lock, _signals_held(self.run):
            if self._closed:
                return []
            self._closed = True
            self._watch.end()
            failures = self.injector.undo_all()
            if self.run.interrupted_by is None:
                self._watch.look_at_end()
            for failure in failures:
                logger.error(f"{failure}; what is left is written in {self.ledger.path}")
            self._keep_evidence()
            self.state.close()
            for let_go in self._at_close:
                let_go()
            if self._fork_server is not None:
                self._fork_server.stop()
            self._keeping.stop()
            self.ledger.close()
            self.watchdog_process.let_go()
        return failures

    def _bring_cloud_run(self) -> "CloudRun":
        from chaosnetra.cloudrun.tally import CallTally
        from chaosnetra.running.staging import bring_cloud_run, record_calls

        def needed() -> tuple[DatabaseAddress, str | None]:
            return self.database, self.schema

        cloud_run = bring_cloud_run(self._keeping, self.settings, needed)
        self.calls = CallTally()
        self._at_close += [record_calls(self._keeping, self.calls), cloud_run.connection.close]
        return cloud_run

    def _keep_evidence(self) -> None:
        """What the parts know and take with them."""
        if self._connector is None:
            return
        try:
            self.connector_history = self._connector.history()
        except ConnectorUnavailable as error:
            logger.error(f"the connector's history is lost: {error}")

    def collect_monitoring(self, interrupted: Callable[[], bool]) -> None:
        """Read the run's evidence from Cloud Monitoring, where the settings ask for it.

        That there is none is told, and fails no run.
        """
        if not (self.settings.monitoring and self.settings.in_staging):
            return
        from chaosnetra.running.staging import read_monitoring

        try:
            self.monitoring = read_monitoring(
                self.settings, self.guard, self.cloud_run, self._began_at, interrupted
            )
        except ChaosnetraError as error:
            logger.warning(f"there is no evidence from Cloud Monitoring: {error}")
            self.monitoring = {"source": None, "error": str(error)}
        else:
            grown = self.monitoring["connector_instances_of_run"]
            if grown is not None and grown["grew"]:
                logger.warning(
                    f"the VPC connector grew from {grown['before']} to {grown['after']} instances; "
                    "it does not scale in by itself"
                )

    def part_losses(self) -> list[dict[str, Any]]:
        """Parts of the test bed that were lost during the run: it proves nothing then."""
        return self._keeping.losses


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
            "`chaosnetra recover` takes it back"
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


@contextmanager
def _signals_held(run: Run) -> Iterator[None]:
    """Keep the signals that would end us until the work inside is done; they are counted."""
    held = [
        getattr(signal, name)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
        if hasattr(signal, name)
    ]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in held}
    arrived: list[int] = []

    def hold(got: int, frame: Any) -> None:  # noqa: ARG001 - as all handlers
        arrived.append(got)
        run.signals += 1

    for number in held:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number, handler in former.items():
            if handler is not None:
                signal.signal(number, handler)
    for number in dict.fromkeys(arrived):
        os.kill(os.getpid(), number)


def _at_exit() -> None:
    if _current is not None and _current.pid != os.getpid():
        return  # a copy that somebody's probe forked: the run goes on
    try:
        end_session()
    except ChaosnetraError as error:
        logger.error(str(error))


atexit.register(_at_exit)
