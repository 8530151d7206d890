"""What a run knows of its parts: their names for the journal, and the servers of its own."""

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.faults import Undo
from chaosnetra.run import Run
from chaosnetra.safety.guardian import Guardian
from chaosnetra.safety.ledger import Ledger

if TYPE_CHECKING:
    from chaosnetra.processes.kept import KeptProcess

logger = logging.getLogger("chaostoolkit")


@dataclass(frozen=True)
class Part:
    """A part of the stand as the journal names it."""

    kind: str
    source: str
    address: str
    version: str

    def to_json(self) -> dict[str, str]:
        return {
            "kind": self.kind,
            "source": self.source,
            "address": self.address,
            "version": self.version,
        }


@dataclass
class Keeping:
    """Keeps the parts of one run.

    Attributes:
        run: the run in progress.
        ledger: where the servers of its own are written down.
        guardian: who undoes what is in a database when the run cannot.
        parts: all that were brought, in order.
    """

    run: Run
    ledger: Ledger
    guardian: Guardian
    parts: list[Part] = field(default_factory=list)
    _servers: "list[tuple[str, KeptProcess]]" = field(default_factory=list)
    _folders_entry: int | None = None

    def add(self, part: Part) -> None:
        """Tell of a part."""
        self.parts.append(part)
        self.run.events.record("stand.part", part.to_json())
        logger.info(f"{part.kind} {part.version}: {part.address} ({part.source})")

    def expect_folders(self) -> None:
        """Write down how the folders of our own servers are removed, before there are any."""
        from chaosnetra.stand.places import temporary_places

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

    def own(self, kind: str, address: str, process: "KeptProcess") -> None:
        """Take care of a server of the run's own."""
        self._servers.append((kind, process))
        self.ledger.add_part(address, process.pid)

    def trust(self, address: DatabaseAddress) -> None:
        """Learn an address: its password is masked, and known to whoever undoes what is in it."""
        from chaosnetra.postgres.credentials import remember

        self.run.redactor.add(address.password)
        remember(address)
        self.guardian.trust(address)

    def lost(self) -> list[str]:
        """Servers of the run's own that have ended by themselves."""
        return [kind for kind, process in self._servers if process.exited]

    def stop(self) -> None:
        """Stop the servers of the run's own, the last one first."""
        for _, process in reversed(self._servers):
            process.stop()
        if self._folders_entry is not None:
            with suppress(OSError):  # what is not marked is played again, and finds nothing
                self.ledger.done(self._folders_entry, "done")
