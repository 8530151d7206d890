"""An observer between two recorders: what it did to the bytes, and what it makes of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.wire.client import ObserverClient
from chaosnetra.wire.observation import Observation
from tests.support.helpers import wait_until
from tests.support.recorder import Recorder, Recording

WAIT_SECONDS = 20.0
_numbers = count(1)


@dataclass
class Startup:
    """What a test does in the name of one startup, and what was seen of it.

    Attributes:
        database: where it finds the database.
        address: the same as host and port.
        observation: once it is over.
        before: what was recorded between it and the observer; `behind`: between that and the
            server.
    """

    database: DatabaseAddress
    observation: Observation | None = None
    before: list[Recording] = field(default_factory=list)
    behind: list[Recording] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        return self.database.host, self.database.port

    @property
    def seen(self) -> Observation:
        assert self.observation is not None
        return self.observation


class Stretch:
    """One observer, in front of a recorder.

    Args:
        observer: leads to `behind`.
        behind: leads to whatever `upstream` says.
    """

    def __init__(self, observer: ObserverClient, behind: Recorder) -> None:
        self.observer = observer
        self.behind = behind

    @contextmanager
    def startup(
        self, database: DatabaseAddress, upstream: tuple[str, int] | None = None
    ) -> Iterator[Startup]:
        """A startup of its own, whose database is `database`, reached at `upstream` or its own
        host and port. At the end all of its connections must be over.
        """
        self.behind.upstream = upstream or (database.host, database.port)
        name = f"startup {next(_numbers)}"
        began = time.monotonic()
        moved = self.observer.database_for(name, database)
        with Recorder((moved.host, moved.port)) as before:
            startup = Startup(moved.at(before.host, before.port))
            yield startup
            startup.before, startup.behind = before.taken(), self.behind.taken()
        startup.observation = self.when_over(name, began, len(startup.before))
        self.observer.forget([name])

    def when_over(self, name: str, began: float, connections: int) -> Observation:
        """What was seen, once so many connections have ended."""

        def over() -> bool:
            seen = self.observer.observation(name, began, time.monotonic())
            ended = [one for one in seen.connections if one.ended_seconds is not None]
            return seen.connection_count == connections == len(ended)

        wait_until(over, WAIT_SECONDS, f"{connections} connections have ended")
        return self.observer.observation(name, began, time.monotonic())


def with_tls(address: DatabaseAddress, mode: str) -> DatabaseAddress:
    """The same, with that `sslmode`."""
    return replace(address, options=(("sslmode", mode),))


def assert_bytes_are_the_same(startup: Startup) -> None:
    """What went into the observer came out of it, in both directions of each connection."""

    def streams(recordings: list[Recording]) -> list[tuple[bytes, bytes]]:
        return sorted((bytes(one.client), bytes(one.server)) for one in recordings)

    same = streams(startup.before) == streams(startup.behind)
    assert same  # without megabytes of difference
    sent = sorted((len(one.client), len(one.server)) for one in startup.before)
    seen = startup.seen.connections
    assert sorted((one.sent_bytes, one.received_bytes) for one in seen) == sent
