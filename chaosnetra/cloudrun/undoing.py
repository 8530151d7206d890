"""What undos of Cloud Run share: whom they talk to, for how long, and which errors may pass."""

import time
from collections.abc import Mapping
from typing import Any

from chaosnetra.addresses import parse_network_address
from chaosnetra.cloudrun.connection import GOOGLE, Connection
from chaosnetra.cloudrun.waiting import next_pause_seconds, pause
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunEtagChanged,
    CloudRunGone,
    CloudRunOperationFailed,
    CloudRunPermissionDenied,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    CloudRunUnauthenticated,
)
from chaosnetra.ports import is_refused
from chaosnetra.running.run import existing_run, is_hurrying

# What may pass by itself; everything else is for people.
PASSING = (
    CloudRunEtagChanged,
    CloudRunGone,
    CloudRunOperationFailed,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
)
# What passes only when somebody permits it.
DENIED = (CloudRunPermissionDenied, CloudRunUnauthenticated)
LOCAL = "grpc://"
ENDED_SECONDS = 0.5
ENDED = "the local endpoint has ended, with all it held"
# Writes of this process that were answered: none of them comes later. Those that were refused were
# never carried out.
_answered: set[str] = set()
_refused: set[str] = set()


class Patience:
    """How long an undo may go on trying; it is tried once in any case.

    While a run ends, all its undos share one deadline, and a second signal ends their waits; the
    first one does where `chaosnetra recover` plays them.

    Args:
        seconds: how long this one may take.
    """

    def __init__(self, seconds: float) -> None:
        self._run = existing_run()
        self.deadline = self._run.ends_by(seconds) if self._run else Deadline.after(seconds)

    def hurried(self) -> bool:
        return is_hurrying() or (self._run is not None and self._run.hurried)

    @property
    def over(self) -> bool:
        return self.deadline.passed or self.hurried()

    def pause(self, waited_seconds: float) -> None:
        """Pause before the next try, the longer the longer it was waited."""
        seconds = min(next_pause_seconds(waited_seconds), self.deadline.remaining_seconds)
        pause(seconds, self.hurried)


def url_of(connection: Connection) -> str:
    """Whom a connection talks to, for an undo."""
    return f"{LOCAL}{connection.endpoint}" if connection.endpoint else f"https://{GOOGLE}"


def connection_of(arguments: Mapping[str, Any]) -> Connection:
    """Whom an undo's data says: `url` and `call_seconds`."""
    url = str(arguments["url"])
    endpoint = url.removeprefix(LOCAL) if url.startswith(LOCAL) else None
    return Connection(endpoint, call_seconds=arguments["call_seconds"])


def has_ended(connection: Connection) -> bool:
    """Whether a local endpoint has ended, and all it held with it: nothing is left to undo.

    It has to be refused for a second in all: one that only cut its connections is back sooner, and
    still holds it.
    """
    if connection.endpoint is None:
        return False
    return is_refused(*parse_network_address("endpoint", connection.endpoint), ENDED_SECONDS)


def may_be_under_way(arguments: Mapping[str, Any], write: str) -> bool:
    """Whether a write that nothing shows may still be carried out.

    A run that was killed, or lost its connection, leaves behind a call that may be carried out
    after the caller has given it up.

    Args:
        arguments: of the undo: `sent_at` and `in_flight_seconds`.
        write: tells it from others; see `was_answered`.
    """
    if write in _answered:
        return False
    age = time.time() - arguments["sent_at"]
    return bool(0 <= age < arguments["in_flight_seconds"])


def was_answered(write: str) -> None:
    """Note that a write is not under way any more, so that its undo need not wait for it."""
    _answered.add(write)


def was_refused(write: str) -> None:
    """Note that a write was refused, so that nothing of it is there to be undone."""
    _refused.add(write)
    was_answered(write)


def was_carried_out(write: str) -> bool:
    """Whether this process knows that a write was accepted."""
    return write in _answered and write not in _refused


def is_refused_write(write: str) -> bool:
    """Whether this process knows that a write was refused."""
    return write in _refused
