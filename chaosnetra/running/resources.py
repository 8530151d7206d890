"""What a run knows of its parts: their names for the journal, and the servers of its own."""

import logging
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.faults import Undo
from chaosnetra.processes.identity import is_stopped, started
from chaosnetra.running.run import Run
from chaosnetra.running.watching import Look, WatchedPart, local_listener, of_process
from chaosnetra.safety.ledger import Ledger
from chaosnetra.safety.watchdog_process import WatchdogProcess

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
        told = {
            "kind": self.kind,
            "source": self.source,
            "address": self.address,
            "version": self.version,
        }
        return {**told, "note": self.note} if self.note else told


@dataclass
class Keeping:
    """Keeps the parts of one run.

    Attributes:
        run: the run in progress.
        ledger: where the servers of its own are written down.
        watchdog_process: who undoes what is in a database when the run cannot.
        parts: all that were brought, in order.
        watched: those that are looked at while the run uses them.
    """

    run: Run
    ledger: Ledger
    watchdog_process: WatchdogProcess
    parts: list[Part] = field(default_factory=list)
    watched: list[WatchedPart] = field(default_factory=list)
    _servers: "list[SupervisedProcess]" = field(default_factory=list)
    # Servers that keep nothing and run on this machine: address to process and its start.
    _forgetful: dict[str, tuple[int, float]] = field(default_factory=dict)
    _folders_entry: int | None = None

    def add(self, part: Part) -> None:
        """Tell of a part."""
        self.parts.append(part)
        self.run.events.record("stand.part", part.to_json())
        logger.info(f"{part.kind} {part.version}: {part.address} ({part.source})")

    def expect_folders(self) -> None:
        """Write down how the folders of our own servers are removed, before there are any."""
        from chaosnetra.stand.folders import temporary_places

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

    def own(self, kind: str, address: str, process: "SupervisedProcess") -> None:
        """Take care of a server of the run's own."""
        self._servers.append(process)
        self.ledger.add_part(address, process.pid)
        self.forgets(address, process.pid)
        self.watch(kind, "started for this run", address, of_process(process.pid))

    def watch(
        self,
        kind: str,
        source: str,
        address: str,
        look: Look,
        look_at_end: Look | None = None,
        failed_looks: int = 1,
    ) -> None:
        """Watch a part as long as the run uses it; see `WatchedPart`.

        What is watched already at that address is watched in this way from now on.
        """
        part = WatchedPart(kind, source, address, look, look_at_end, failed_looks)
        others = [other for other in self.watched if (other.kind, other.address) != (kind, address)]
        self.watched = [*others, part]

    def process_at(self, address: str) -> int | None:
        """The process that serves an address: the run's own, or another one of this machine."""
        own = self._forgetful.get(address)
        return own[0] if own is not None else local_listener(address)

    def forgets(self, address: str, pid: int) -> None:
        """A server on this machine whose proxies, toxics or data end with its process."""
        self._forgetful[address] = pid, started(pid)

    def has_ended(self, undo: Undo) -> bool:
        """Whether what an undo would change has ended with its server, or is about to.

        A server of the run's own that was stopped by a signal is killed with the run.
        """
        spoken_to = (undo.arguments.get(key) for key in ("url", "database"))
        servers = {_server(url) for url in spoken_to if isinstance(url, str)}
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

    def stop(self) -> None:
        """Stop the servers of the run's own, the last one first."""
        for process in reversed(self._servers):
            if is_stopped(process.pid):
                with suppress(OSError):  # it would take its time to end, and not hear anybody ask
                    os.kill(process.pid, signal.SIGKILL)
            process.stop()
        if self._folders_entry is not None:
            with suppress(OSError):  # what is not marked is played again, and finds nothing
                self.ledger.done(self._folders_entry, "done")


def _server(url: str) -> str:
    """`host:port` of a URL; empty where it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""
