"""Observes the startups of a run on their way to the database.

startup -> an address of its own -> observer -> [connector emulator] -> proxy -> database
"""

import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import Interrupted, ObserverUnavailable
from chaosnetra.ports import LOOPBACK
from chaosnetra.running.database import Database
from chaosnetra.running.local_path import LocalPath
from chaosnetra.running.resources import Part, Resources
from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.startup.seen import seen
from chaosnetra.wire.client import missed
from chaosnetra.wire.observation import End, Observation

if TYPE_CHECKING:
    from chaosnetra.wire.client import ObserverClient

OBSERVER = "observer"
DIFFERENCE = "a refusal by what stands behind it reaches the client as a reset"
# How many observations of one launch are kept with their lists, so that a journal stays small:
# the first ones, and the first of startups that were not ready or may have no session.
WHOLE = 20
WHOLE_NOT_WELL = 100


@dataclass(frozen=True)
class ObservedStartups:
    """The startups of one launch, while they are observed.

    Attributes:
        addresses: of the database, one for each startup.
    """

    addresses: list[DatabaseAddress]
    _names: list[str]
    _observer: "ObserverClient"
    _resources: Resources

    def seen(self, outcomes: Iterable[StartupOutcome]) -> list[StartupOutcome]:
        """The outcomes with what was seen of each startup; of many, see `shortened`.

        Raises:
            ObserverUnavailable: the observer does not answer, or did not see all that passed.
            Interrupted: the run was interrupted.
        """
        found = list(shortened(self._seen(outcomes)))
        if gap := missed(self._observer.state()):
            raise ObserverUnavailable(gap)
        return found

    def so_far(self, number: int, began_at: float, until_at: float) -> Observation:
        """What was seen of one startup, which may still go on.

        Args:
            number: of the startup, from 1.
            began_at: when its process was started, by `time.monotonic()`.
            until_at: until when.
        """
        return self._observer.observation(self._names[number - 1], began_at, until_at)

    def _seen(self, outcomes: Iterable[StartupOutcome]) -> Iterator[StartupOutcome]:
        for outcome in outcomes:
            if self._resources.run.interrupted_by is not None:
                raise Interrupted("the run was interrupted after startups")
            yield seen(
                outcome, partial(self._observer.observation, self._names[outcome.number - 1])
            )


class Observing:
    """Gives each startup of a run an address that its traffic is observed at.

    The observer is brought when the first startups need it.
    """

    def __init__(self, resources: Resources, database: Database, path: LocalPath) -> None:
        self._resources = resources
        self._database = database
        self._path = path
        self._brought: ObserverClient | None = None

    @contextmanager
    def observed(self, databases: Sequence[DatabaseAddress]) -> Iterator[ObservedStartups]:
        """Observe startups; at the end their connections are dropped, and what was seen forgotten.

        Args:
            databases: the proxied address for each startup.

        Raises:
            PartUnavailable: the observer cannot be brought, or has no address left.
        """
        resources, observer = self._resources, self._observer
        launch = resources.next_number()
        names = [f"{launch}.{number}" for number in range(1, len(databases) + 1)]
        folders: list[Path] = []
        try:
            addresses = [
                self._address(observer, name, database, folders)
                for name, database in zip(names, databases, strict=True)
            ]
            yield ObservedStartups(addresses, names, observer, resources)
        finally:
            with suppress(ObserverUnavailable):  # then it is lost, which the watch tells
                observer.forget(names)
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def _observer(self) -> "ObserverClient":
        from chaosnetra import __version__
        from chaosnetra.stand.hops import start_observer
        from chaosnetra.wire.client import ObserverClient

        resources = self._resources
        with resources.lock:
            if self._brought is None:
                behind = self._path.proxied_database.network_address
                server = start_observer(behind, self._listen_host())
                address = server.url.removeprefix("http://")
                resources.own(OBSERVER, address, server.process)
                source = "started for this run"
                resources.add(Part(OBSERVER, source, address, __version__, DIFFERENCE))
                self._brought = ObserverClient(server.url)
            return self._brought

    def _listen_host(self) -> str:
        """Where a target in a container looks for the proxy, if that is an address of ours."""
        host = self._resources.settings.toxiproxy_listen_host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, 0))
            except OSError:
                return LOOPBACK  # the Toxiproxy server is on another machine
        return host

    def _address(
        self, observer: "ObserverClient", name: str, database: DatabaseAddress, folders: list[Path]
    ) -> DatabaseAddress:
        """The address of one startup: by a socket in a new folder where the database has one."""
        direct = self._database.address
        if not direct.is_socket:
            return observer.database_for(name, database)
        from chaosnetra.temporary import socket_folder

        self._resources.expect_folders()
        folders.append(socket_folder(direct.port, self._resources.run.id))
        return observer.database_for(name, direct.named(database.database), folders[-1])


class Shortened:
    """Keeps the observations of one launch short: where they are many, most of them brief."""

    def __init__(self) -> None:
        self._left = WHOLE_NOT_WELL

    def of(self, outcome: StartupOutcome) -> StartupOutcome:
        """The next outcome."""
        wire = outcome.wire
        if wire is None or outcome.number <= WHOLE:
            return outcome
        if self._left and (outcome.status is not Status.READY or _may_have_lost_its_session(wire)):
            self._left -= 1
            return outcome
        return replace(outcome, wire=wire.brief())


def shortened(outcomes: Iterable[StartupOutcome]) -> Iterator[StartupOutcome]:
    """The outcomes of one launch; where they are many, most of them with brief observations.

    One by one, so that many large ones are not in memory at the same time.
    """
    return map(Shortened().of, outcomes)


def _may_have_lost_its_session(wire: Observation) -> bool:
    return not wire.sessions or wire.standing.ended not in (None, End.CLIENT)
