"""What the startups of a run used of its database: counted by the server, and by the proxy."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError, DatabaseUnavailable
from chaosnetra.running.database import Database
from chaosnetra.running.local_path import LocalPath
from chaosnetra.running.resources import Resources

if TYPE_CHECKING:
    from chaosnetra.postgres.counters import Counts

logger = logging.getLogger("chaostoolkit")

READ_SECONDS = 5.0
# A proxy counts a connection when it has seen its end, some time after the startup's own.
SETTLE_SECONDS = 0.5
SETTLE_POLL_SECONDS = 0.02
# Placeholders of a template that tell a target where the database is.
_ADDRESS = ("{url}", "{host}", "{port}")
# Of a launch, what the exposure is judged by.
_COUNTED = ("startups", "sessions", "path", "killed")
_CONNECTED = ("ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT1")


@dataclass(frozen=True)
class LaunchUse:
    """One launch, and what its startups used.

    Attributes:
        startups: that were started.
        faults: that were in place.
        sessions: that they opened in their databases; None: not known.
        path: by how much the figure of the run's proxy grew at least, bytes or connections;
            None: not known. Under faults only where all of them merely slow that path.
        killed: sessions in their databases that somebody else's command ended meanwhile; None:
            not known, or they may have been ended by the experiment.
        tables_before: in the run's database; None: not known.
        tables_after: likewise.
    """

    startups: int
    faults: tuple[str, ...]
    sessions: int | None
    path: int | None
    killed: int | None
    tables_before: int | None
    tables_after: int | None


class Exposure:
    """Keeps what each launch of a run used.

    Sessions are counted without a fault only: under one, a startup may try and reach nothing.
    """

    def __init__(self, resources: Resources, database: Database, path: LocalPath) -> None:
        self._resources = resources
        self._database = database
        self._to_database = path
        self._path_counts: bool | None = None
        self.launches: list[LaunchUse] = []

    @contextmanager
    def observed(self, databases: Sequence[DatabaseAddress]) -> "Iterator[list[LaunchUse]]":
        """Count what one launch uses, once its startups have ended.

        Args:
            databases: the proxied address that each startup gets.

        Yields:
            What it used, at the end of the block.
        """
        resources = self._resources
        faults = tuple(resources.faults_in_effect)
        changes, began = resources.injector.changes, time.monotonic()
        before = self._read()
        path_before = self._path() if not faults else self._figure_under_faults()
        counted: list[LaunchUse] = []
        yield counted
        faults = tuple(dict.fromkeys((*faults, *resources.faults_in_effect)))
        after = self._read()
        names = {address.database for address in databases}
        killed = None
        by_experiment = resources.run.foreign_action_since(began)
        if before and after and changes == resources.injector.changes and not by_experiment:
            killed = after.killed_since(before, names)
        sessions = path = None
        if not faults:
            sessions = self._sessions(before, after, names)
            path = self._path_used(path_before)
            if path is None and path_before is not None:
                sessions = None  # somebody is on the path who is in no figure
        elif path_before is not None and self._only_slowed():
            path = self._path_used(path_before)
        counted.append(
            LaunchUse(
                len(databases),
                faults,
                sessions,
                path,
                killed,
                before.tables if before else None,
                after.tables if after else None,
            )
        )
        self.launches += counted

    def facts(self) -> dict[str, Any]:
        """For the journal: see `chaosnetra.evidence.verdict.exposure`."""
        resources = self._resources
        local = not resources.settings.in_staging
        return {
            "variables": self._variables() if local else None,
            "proxy": resources.identifier if local else None,
            "counted_by": {
                "sessions": "pg_stat_database",
                "path": "the proxy's own figure" if self._path_counts else None,
            },
            "launches": [
                {"faults": list(one.faults)} | {name: getattr(one, name) for name in _COUNTED}
                for one in self.launches
            ],
        }

    def _read(self) -> "Counts | None":
        from chaosnetra.postgres.counters import read_counts

        try:
            return asyncio.run(read_counts(self._database.address, READ_SECONDS))
        except DatabaseUnavailable as error:
            logger.debug(f"the database's counters cannot be read: {error}")
            return None

    def _sessions(
        self, before: "Counts | None", after: "Counts | None", names: set[str]
    ) -> int | None:
        """Sessions that the startups opened, as far as nobody else can have.

        None where they opened none in their own databases, but somebody did in another one: a
        target may take server and port of what it is given, and name a database of its own.
        """
        if before is None or after is None:
            return None
        grown = after.foreign_since(before)
        if grown is None:
            return None
        return _own_or_unknown(grown, names)

    def _path(self) -> int | None:
        """The proxy's figure; the first time it is made sure that it counts."""
        path, name = self._to_database, self._resources.identifier
        address = path.proxied_database
        if self._resources.settings.in_staging or self._path_counts is False:
            return None
        try:
            figure = path.toxiproxy.received(name)
            if figure is None and self._path_counts is None:
                # A server that counts shows nothing before its first connection: make one.
                path.measured.first_answers(1, READ_SECONDS)
                figure = self._grown_from(None)
        except ChaosnetraError as error:
            logger.debug(f"the proxy {address.network_address} cannot be asked: {error}")
            return None
        self._path_counts = figure is not None
        return figure

    def _variables(self) -> list[str]:
        """Names of the target's variables that carry the database's address."""
        environment = self._resources.settings.target_environment
        return sorted(
            name
            for name, template in environment.items()
            if any(placeholder in template for placeholder in _ADDRESS)
        )

    def _only_slowed(self) -> bool:
        """Whether each fault in place lets connections on the run's path begin and end."""
        in_effect = [fault for fault in self._resources.injector.active if fault.effect is not None]
        return all(_slows(fault.parameters, self._resources.identifier) for fault in in_effect)

    def _figure_under_faults(self) -> int | None:
        if not self._path_counts or not self._only_slowed():
            return None
        return self._path()

    def _path_used(self, before: int | None) -> int | None:
        if before is None:
            return None
        try:
            after = self._grown_from(before)
        except ChaosnetraError:
            return None
        if after is None or after < before:
            return None
        if after == before and _is_connected(self._to_database.proxied_database.port):
            return None  # what is still connected is not counted yet
        return after - before

    def _grown_from(self, before: int | None) -> int | None:
        """The figure once it is another one, or has had time to be."""
        toxiproxy, name = self._to_database.toxiproxy, self._resources.identifier
        deadline = Deadline.after(SETTLE_SECONDS)
        while True:
            figure = toxiproxy.received(name)
            if figure != before or deadline.passed:
                return figure
            time.sleep(SETTLE_POLL_SECONDS)


def _slows(parameters: Mapping[str, Any], proxy: str) -> bool:
    """Whether a fault is a toxic on that proxy under which every connection still gets through."""
    if parameters.get("kind") != "toxic" or parameters.get("proxy") != proxy:
        return False
    if parameters.get("type") == "bandwidth":
        return bool(parameters.get("attributes", {}).get("rate"))
    return parameters.get("type") in ("latency", "slicer")


def _own_or_unknown(grown: Mapping[str, int], names: set[str]) -> int | None:
    own = sum(count for name, count in grown.items() if name in names)
    elsewhere = any(count for name, count in grown.items() if name not in names)
    return None if own == 0 and elsewhere else own


def _is_connected(port: int) -> bool:
    """Whether anything is connected to a port of this machine; also where that cannot be told.

    A connection that one side alone has closed is one: a slow proxy has not read it to its end.
    """
    import psutil

    try:
        found = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return True
    return any(
        one.status in _CONNECTED and any(end and end.port == port for end in (one.laddr, one.raddr))
        for one in found
    )
