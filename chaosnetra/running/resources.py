"""What a run acts with, and what it knows of its parts."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import UndoFailed
from chaosnetra.faults import Injected, Undo
from chaosnetra.processes.identity import is_stopped, started
from chaosnetra.running.run import Run
from chaosnetra.running.watching import Watch, WatchedPart, local_listener, of_process
from chaosnetra.safety.beside import is_superseded
from chaosnetra.safety.guard import Guard
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger, servers_of
from chaosnetra.safety.watchdog_process import WatchdogProcess
from chaosnetra.settings import Settings
from chaosnetra.text import plain_names

if TYPE_CHECKING:
    from chaosnetra.processes.supervised import SupervisedProcess

logger = logging.getLogger("chaostoolkit")


@dataclass(frozen=True)
class Part:
    """A part of the stand as the journal names it.

    `note` is what it does to an application besides what it is there for; empty for nothing.
    """

    kind: str
    source: str
    address: str
    version: str
    note: str = ""

    def to_json(self) -> dict[str, str]:
        return {key: value for key, value in vars(self).items() if value or key != "note"}


class Resources:
    """What a run acts with: its settings, its guard, ledger and injector, and the parts it met.

    Args:
        settings: validated settings.
        run: the run in progress.
        admit: asked before anything is put in place; raises when it may not be.

    Attributes:
        lock: held while a part is brought, and while all are let go.
        guard: refuses what may not be touched.
        watchdog_process: who undoes what is in a database when the run cannot.
        ledger: where undos, and the servers of the run's own, are written down.
        parts: all that were brought, in order.
        watched: those that are inspected while the run uses them.
        injector: keeps what the run has injected.
    """

    def __init__(
        self, settings: Settings, run: Run, admit: Callable[[], None] = lambda: None
    ) -> None:
        self.settings = settings
        self.run = run
        self.lock = threading.RLock()
        self.guard = Guard.for_settings(settings)
        self.watchdog_process = WatchdogProcess(self.guard.seconds)
        self.ledger = Ledger(run.id, guarded=self.watchdog_process.guard)
        self.parts: list[Part] = []
        self.watched: list[WatchedPart] = []
        self._servers: list[SupervisedProcess] = []
        # Servers that keep nothing and run on this machine: address to process and its start.
        self._forgetful: dict[str, tuple[int, float]] = {}
        self._folders_entry: int | None = None
        self._numbers = 0
        self.injector = Injector(
            self.ledger,
            run.events.record_if_possible,
            admit,
            hurried=lambda: run.interrupted_by is not None or bool(self.losses),
            ended=self.has_ended,
        )
        self.watch_thread = Watch(self.injector, lambda: list(self.watched), run)

    @property
    def identifier(self) -> str:
        """The run's id as part of a name in PostgreSQL or Toxiproxy."""
        return f"chaosnetra_{self.run.id.replace('-', '_')}"

    def next_number(self) -> int:
        """1, 2, 3…: tells things of one kind apart."""
        with self.lock:
            self._numbers += 1
            return self._numbers

    @property
    def faults_in_effect(self) -> list[str]:
        """Names of the faults that are in effect, without the run's own name."""
        in_effect = [fault.name for fault in self.injector.active if fault.effect is not None]
        return [plain_names(name) for name in in_effect]

    def met_since(self, at: float) -> list[Injected]:
        """Faults that were in effect at `at` by `time.monotonic()`, or later.

        Not a toxic that had been given other values by then; a connector's changes add up.
        """
        before = [held for held in self.injector.active if (held.injected_monotonic or at) < at]
        return [
            held
            for held in self.injector.faults
            if held.effect is not None
            and (held.undone_monotonic is None or held.undone_monotonic >= at)
            and (held.parameters.get("kind") == "connector" or not is_superseded(held, before))
        ]

    def add(self, part: Part) -> None:
        """Tell of a part, and watch from now on what the run uses."""
        self.parts.append(part)
        self.run.events.record("stand.part", part.to_json())
        logger.info(f"{part.kind} {part.version}: {part.address} ({part.source})")
        self.watch_thread.begin()

    def expect_folders(self) -> None:
        """Write down how the folders of our own servers are removed, before there are any."""
        from chaosnetra.temporary import temporary_places

        if self._folders_entry is None:
            undo = Undo(
                "stand.remove_folders",
                "remove the temporary folders of the run",
                {
                    "label": self.run.id,
                    "places": [str(place.absolute()) for place in temporary_places()],
                },
            )
            self._folders_entry = self.ledger.add(undo)

    def new_folder(self) -> Path:
        """A new temporary folder of the run's, which is removed also when the run cannot do it."""
        from chaosnetra.stand.folders import temporary_folder

        with self.lock:
            self.expect_folders()
        return temporary_folder(self.run.id)

    def own(self, kind: str, address: str, process: "SupervisedProcess") -> None:
        """Take care of a server of the run's own."""
        self._servers.append(process)
        self.goes_with(address, process.pid)
        self.watch(WatchedPart(kind, "started for this run", address, of_process(process.pid)))

    def watch(self, part: WatchedPart) -> None:
        """Watch a part as long as the run uses it.

        What is watched already at that address is watched in this way from now on.
        """
        known = (part.kind, part.address)
        others = [other for other in self.watched if (other.kind, other.address) != known]
        self.watched = [*others, part]

    def process_at(self, address: str) -> int | None:
        """The process that serves an address: the run's own, or another one of this machine."""
        own = self._forgetful.get(address)
        return own[0] if own is not None else local_listener(address)

    def forgets(self, address: str, pid: int) -> None:
        """A server on this machine whose proxies, toxics or data end with its process."""
        self._forgetful[address] = pid, started(pid)

    def goes_with(self, address: str, pid: int) -> None:
        """Likewise, and nothing of it is there for another run, which the ledger tells."""
        self.ledger.add_part(address, pid)
        self.forgets(address, pid)

    def has_ended(self, undo: Undo) -> bool:
        """Whether what an undo would change has ended with its server, or is about to.

        A server of the run's own that was stopped by a signal is killed with the run.
        """
        servers = servers_of(undo)
        own = {process.pid for process in self._servers}
        return any(
            address in servers and (started(pid) != since or (pid in own and is_stopped(pid)))
            for address, (pid, since) in self._forgetful.items()
        )

    def trust(self, address: DatabaseAddress) -> None:
        """Learn an address: its password is masked, and known to whoever undoes what is in it."""
        from chaosnetra.safety.credentials import remember

        self.run.redactor.add(address.password)
        remember(address)
        self.watchdog_process.trust(address)

    @property
    def losses(self) -> list[dict[str, Any]]:
        """Parts that were lost during the run: what, where, why and when."""
        return [part.loss for part in self.watched if part.loss is not None]

    def undo_all(self) -> list[UndoFailed]:
        """Undo everything, and inspect every part for the last time; what could not be undone."""
        self.watch_thread.end()
        failures = self.injector.undo_all()
        if self.run.interrupted_by is None:
            self.watch_thread.look_at_end()
        for failure in failures:
            logger.error(f"{failure}; what is left is written in {self.ledger.path}")
        return failures

    def stop(self) -> None:
        """Stop the servers of the run's own, the last one first, and close the ledger."""
        for process in reversed(self._servers):
            if is_stopped(process.pid):
                with suppress(OSError):  # it would take its time to end, and not hear anybody ask
                    os.kill(process.pid, signal.SIGKILL)
            process.stop()
        if self._folders_entry is not None:
            with suppress(OSError):  # what is not marked is played again, and finds nothing
                self.ledger.done(self._folders_entry, "done")
        self.ledger.close()
        self.watchdog_process.let_go()
