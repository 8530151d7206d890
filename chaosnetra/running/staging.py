"""What a run in staging holds: Cloud Run, consent, lease, and evidence of Cloud Monitoring."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError, InjectionFailed, InvalidInput, NotAllowed
from chaosnetra.running.database import Database
from chaosnetra.running.resources import Part, Resources
from chaosnetra.settings import setting_hint

if TYPE_CHECKING:
    from chaosnetra.cloudrun.history import Call, History
    from chaosnetra.cloudrun.target import CloudRun

logger = logging.getLogger("chaostoolkit")

RUN_LOCK, TRIAL_LOCK = "staging.lock", "staging-trial.lock"
NO_CONTROL = (
    "in staging nothing is touched without consent, which the control "
    "chaosnetra.controls.journal asks for: declare it in the experiment"
)


class ConsentedPlan(Protocol):
    """What a run asks of the plan that was consented to."""

    @property
    def has_path(self) -> bool:
        """Whether an activity puts a fault on the path to the database, or looks at it."""

    def require(self, kind: str, name: str, etag: str) -> None:
        """Refuse another version of the service or the job than the one that was inspected."""

    def to_json(self) -> dict[str, Any]: ...


class Staging:
    """Cloud Run for a run, and what one in staging holds: plan, consent, lease and evidence.

    Attributes:
        plan: what the run would do as it began; None outside of staging.
        consented: the same once it is consented to.
        calls: to Cloud Run; None: it was not needed.
        monitoring: evidence of Cloud Monitoring, or why there is none; None where the settings
            ask for none.
    """

    def __init__(self, resources: Resources, database: Database) -> None:
        self._resources = resources
        self._database = database
        self._cloud_run: CloudRun | None = None
        self._lease: str | None = None
        self._at_close: list[Callable[[], None]] = []
        self._began_at = time.time()
        self.plan: ConsentedPlan | None = None
        self.consented: ConsentedPlan | None = None
        self.calls: History | None = None
        self.monitoring: dict[str, Any] | None = None

    @property
    def cloud_run(self) -> "CloudRun":
        """Cloud Run, as the settings name it; see `chaosnetra.rehearsal.reach`.

        Raises:
            InvalidInput: project or region is not named.
        """
        with self._resources.lock:
            if self._cloud_run is None:
                self._cloud_run = bring_cloud_run(self._resources, self._database)
                self._record_calls()
                self._at_close.append(self._cloud_run.connection.close)
            return self._cloud_run

    def _record_calls(self) -> None:
        """Write down every call to Cloud Run, and its answer, until the run ends."""
        from chaosnetra.cloudrun.history import CALLS, READINGS, History

        self.calls = history = History()
        record = self._resources.run.events.record_if_possible

        def note(call: "Call") -> None:
            history.add(call)
            record("cloudrun.call", call.to_json())

        self._at_close += [CALLS.add(note), READINGS.add(history.see)]

    def propose(self, plan: ConsentedPlan) -> None:
        """Keep, and write down, what the run would do."""
        self.plan = plan
        self._resources.run.events.record("plan.made", plan.to_json())

    def consent(self, address: DatabaseAddress | None, within: str = "") -> None:
        """Consent to the plan that was proposed, and keep other runs away.

        Args:
            address: the database; None: only the runs of this user are kept away.
            within: the name of the lease of the search that the run is a trial of; empty: of none.

        Raises:
            NotAllowed: another run holds it.
        """
        self._lock_machine(TRIAL_LOCK if within else RUN_LOCK)
        if not within:
            self._lock_machine(TRIAL_LOCK)  # the last trial of a search that is gone may go on
        if address is not None:
            self._take_lease(address, within=within)
        self.consented = self.plan

    def keep_for_trials(self, address: DatabaseAddress) -> str:
        """Keep other runs away from all that the trials of a search act on.

        Args:
            address: the database.

        Returns:
            The name of the lease, which the trials share.

        Raises:
            NotAllowed: another run holds it.
        """
        self._lock_machine(RUN_LOCK)
        self._lock_machine(TRIAL_LOCK)()
        return self._take_lease(address, of_search=True)

    def require_kept(self) -> None:
        """Refuse to let another trial begin after the deadline, or without the lease.

        Raises:
            NotAllowed: says which.
        """
        self._resources.guard.check_time()
        self._check_lease()

    def require_consent(self) -> None:
        """Refuse to touch anything in staging before it was consented to, or after the deadline.

        Raises:
            NotAllowed: there is no consent, the time of the experiment is over, or the lease is
                lost.
        """
        if not self._resources.settings.in_staging:
            return
        if self.consented is None:
            raise NotAllowed(NO_CONTROL)
        self._resources.guard.check_time()
        self._check_lease()

    @property
    def has_path(self) -> bool:
        """Whether it was consented to that something of ours stands before the database."""
        return self.consented is not None and self.consented.has_path

    def _lock_machine(self, name: str) -> Callable[[], None]:
        """Hold a lock of this user until the end, or until the function that is returned is called.

        A search holds `RUN_LOCK`, each of its trials `TRIAL_LOCK`, and every other run both.
        """
        from filelock import FileLock, Timeout

        from chaosnetra.stand.folders import state_folder

        folder = state_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / name, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise NotAllowed(
                "another run of this user acts in staging just now; wait until it has ended"
            ) from None
        self._at_close.append(lock.release)
        return lock.release

    def _take_lease(
        self, address: DatabaseAddress, *, of_search: bool = False, within: str = ""
    ) -> str:
        from chaosnetra.postgres.lease import LeaseTaken

        resources = self._resources
        resources.guard.check_time()
        resources.trust(address)
        name = f"{resources.identifier}_lease"
        seconds = resources.guard.deadline.remaining_seconds
        lease = LeaseTaken(address, name, seconds, of_search, within)
        # Nothing is consented to before it is held.
        resources.injector.inject(lease, admitted=True)
        self._lease = name
        return name

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

    def collect_monitoring(self) -> None:
        """Read the run's evidence from Cloud Monitoring, where the settings ask for it.

        It shows minutes after the run; the faults are undone before. That there is none is told,
        and fails no run; a signal meanwhile ends the wait and not the run, which is over.
        """
        settings, run = self._resources.settings, self._resources.run
        if not settings.monitoring:
            return
        interrupted_by = run.interrupted_by
        try:
            with run.polled():
                for failure in self._resources.injector.undo_all(only_in_effect=True):
                    logger.error(str(failure))
                if settings.in_staging:
                    self.monitoring = self._read_monitoring()
        except Exception as error:  # noqa: BLE001 - the verdict must still come
            ours = isinstance(error, ChaosnetraError)
            text = str(error) if ours else f"{type(error).__name__}: {error}"
            logger.warning(f"there is no evidence from Cloud Monitoring: {text}")
            self.monitoring = {"source": None, "error": text}
        run.interrupted_by = interrupted_by
        grown = (self.monitoring or {}).get("connector_instances_of_run")
        if grown is not None and grown["grew"]:
            logger.warning(
                f"the VPC connector grew from {grown['before']} to {grown['after']} instances; "
                "it does not scale in by itself"
            )

    def _read_monitoring(self) -> dict[str, Any]:
        """The run's evidence from Cloud Monitoring; an interruption ends the wait for samples.

        Returns:
            See `chaosnetra.cloudrun.monitoring.collect`; and `source`, `error` (None) and `of`.

        Raises:
            ChaosnetraError: there is none.
        """
        from chaosnetra.cloudrun.monitoring import Monitoring, collect

        resources = self._resources
        settings, guard, cloud_run = resources.settings, resources.guard, self.cloud_run
        endpoint, sql_instance = settings.monitoring_endpoint, settings.cloud_sql_instance
        if sql_instance:
            guard.check_cloud_sql_instance(sql_instance)
        if settings.is_rehearsal and not endpoint:
            raise InvalidInput(
                "a local Cloud Run endpoint has no Monitoring",
                f"{setting_hint('monitoring_endpoint')}, or monitoring to off",
            )
        ended_at = time.time()
        monitoring = Monitoring(cloud_run.place.project, endpoint or None)
        place, _, instance = sql_instance.rpartition(":")
        project = place.rpartition(":")[0]
        whose = {
            "service": cloud_run.service_id,
            "job": cloud_run.job_id,
            "connector": cloud_run.connector,
            "database": f"{project}:{instance}" if instance else "",
        }
        logger.info(f"Reading evidence from Cloud Monitoring ({monitoring.shown})")
        try:
            found = collect(
                monitoring,
                whose,
                self._began_at,
                ended_at,
                Deadline.after(settings.monitoring_wait_seconds),
                lambda: resources.run.interrupted_by is not None,
            )
        finally:
            monitoring.close()
        return {"source": monitoring.shown, "error": None, "of": whose, **found}

    def close(self) -> None:
        """Let the lock of this machine go, and every connection to Cloud Run."""
        for let_go in self._at_close:
            let_go()


def bring_cloud_run(resources: Resources, database: Database) -> "CloudRun":
    """See `Staging.cloud_run`; an endpoint of the run's own is filled with the database."""
    from chaosnetra import __version__
    from chaosnetra.rehearsal.reach import reach_cloud_run
    from chaosnetra.stand.persistent import find_persistent_stand

    def start_own() -> Mapping[str, str]:
        """An endpoint of the run's own with the target in it, against the run's database."""
        from chaosnetra.rehearsal.deployed import deploy_target
        from chaosnetra.stand.cloudrun import start_cloud_run

        address, schema = database.address, database.schema
        server = start_cloud_run()
        resources.own("local Cloud Run endpoint", server.endpoint, server.process)
        deploy_target(resources.settings, address, schema, server.names)
        return server.names

    kept = find_persistent_stand()
    reached = reach_cloud_run(
        resources.settings,
        kept.cloud_run if kept is not None else None,
        start_own,
        lambda: resources.run.interrupted_by is not None,
    )
    shown = reached.cloud_run.connection.shown
    resources.add(Part(reached.kind, reached.source, shown, __version__))
    return reached.cloud_run
