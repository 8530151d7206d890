"""One startup of a task on its path: begun, measured, launched, measured again, ended."""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import PathUnavailable
from chaosnetra.ports import LOOPBACK
from chaosnetra.postgres.path import answers
from chaosnetra.startup.orders import FaultKind, PathOrder
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.reports import PathReport
from chaosnetra.task_path.faults import PATIENCE_SECONDS, FaultsOnPath
from chaosnetra.task_path.path import TaskPath, begin_path
from chaosnetra.task_path.variables import NamedDatabase, named_database

Launch = Callable[[DatabaseAddress, Mapping[str, str]], StartupOutcome]


@dataclass
class StartupOnPath:
    """One startup on a path of its own.

    Args:
        order: what stands on the path.
        named: the database as the job's variables name it.
        index: of the task.
        longest_seconds: time to live of the path, whatever becomes of this process.
        launch: launches the startup, with its database's address and the variables that name it.
        interrupted: asked often; once true, everything is given up.
        pause: waits so many seconds, and not longer than until `interrupted`.

    Attributes:
        report: what is known of the path so far.
    """

    order: PathOrder
    named: NamedDatabase
    index: int
    longest_seconds: float
    launch: Launch
    interrupted: Callable[[], bool]
    pause: Callable[[float], None]
    report: PathReport = field(default_factory=PathReport)

    def run(self, measure_at: float) -> StartupOutcome | None:
        """The startup's outcome; None where it was not started, which `report` says why.

        Args:
            measure_at: when the faults are measured first, by the monotonic clock.

        Raises:
            Interrupted: `interrupted` became true.
            ChaosnetraError: the startup itself cannot be started, or watched.
        """
        outcome = None
        try:
            began = time.monotonic()
            with self._begun() as path:
                require_answer(path)
                ready_seconds = round(time.monotonic() - began, 3)
                self.report = replace(self.report, ready_seconds=ready_seconds)
                self.pause(max(0.0, measure_at - time.monotonic()))
                faults = FaultsOnPath(path, self.order.faults, self.interrupted)
                if not self._inject(faults):
                    return None
                outcome = self.launch(path.database, path.variables)
                self.pause(self.order.group_of(self.index) * self.order.measure_seconds)
                faults.remove(self._deadline())
                self.report = replace(
                    self.report, faults=tuple(faults.measured), memory_bytes=path.ask("memory")
                )
                outcome = path.seen(outcome)
        except PathUnavailable as error:
            self.report = replace(self.report, failure=str(error))
        return outcome

    def _begun(self) -> TaskPath:
        return begin_path(
            self.named,
            seed=self.order.seed + self.index,
            has_connector=any(one.kind is FaultKind.CONNECTOR for one in self.order.faults),
            longest_seconds=self.longest_seconds,
        )

    def _deadline(self) -> Deadline:
        return Deadline.after(self.order.measure_seconds + PATIENCE_SECONDS)

    def _inject(self, faults: FaultsOnPath) -> bool:
        """Whether all are in effect."""
        faults.inject(self._deadline())
        self.report = replace(self.report, faults=tuple(faults.measured))
        return all(fault.before and fault.before.in_effect for fault in faults.measured)


def read_database(
    order: PathOrder, environ: Mapping[str, str], own: DatabaseAddress | None
) -> NamedDatabase:
    """The database as the variables of this container name it.

    Args:
        order: names the variables.
        environ: the variables.
        own: the address for our own sessions, where a variable of ours names one.

    Raises:
        InvalidInput: see `chaosnetra.task_path.variables.named_database`.
    """
    named = named_database(order.variables, environ, leads_here)
    if own is not None and named.is_led_here:
        return replace(named, address=own)
    return named


def leads_here(host: str) -> bool:
    """Whether a name leads to where paths listen, and nowhere else."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    addresses = {str(one[4][0]) for one in found}
    # A client that tries the other one first is refused there, and goes on.
    return LOOPBACK in addresses and addresses <= {LOOPBACK, "::1"}


def require_answer(path: TaskPath) -> None:
    """See that the database answers through the path, before anything is put on it.

    Raises:
        PathUnavailable: it does not.
    """
    for database, through in ((path.measured.direct, ""), (path.database, " through the path")):
        why = answers(database)
        if why is not None:
            raise PathUnavailable(
                f"the database at {path.measured.direct.network_address} does not answer"
                f"{through}: {why}"
            )
