"""What undos of Cloud Run share: whom they talk to, for how long, and which errors may pass."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chaosnetra.cloudrun.connection import GOOGLE, Connection
from chaosnetra.cloudrun.waiting import next_pause_seconds, pause, waiting_until
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunError,
    CloudRunEtagChanged,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunOperationFailed,
    CloudRunPermissionDenied,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    CloudRunUnauthenticated,
    Interrupted,
    UndoDenied,
    UndoFailed,
)
from chaosnetra.faults import UndoReport, UndoResult
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
# How long a write without an answer may still be carried out, in limits of one call.
IN_FLIGHT_CALLS = 4
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


def undo_data(
    connection: Connection, seconds: float, asked_again_seconds: float = 0.0
) -> dict[str, Any]:
    """What the undo of a write needs, whatever is written.

    Args:
        connection: whom the write goes to.
        seconds: limit of the undo.
        asked_again_seconds: how long the write itself may be tried again.
    """
    google = f"https://{GOOGLE}"
    return {
        "url": f"{LOCAL}{connection.endpoint}" if connection.endpoint else google,
        "seconds": seconds,
        "call_seconds": connection.call_seconds,
        "sent_at": time.time(),
        "in_flight_seconds": asked_again_seconds + IN_FLIGHT_CALLS * connection.call_seconds,
    }


def may_be_under_way(arguments: Mapping[str, Any], write: str) -> bool:
    """Whether a write that nothing shows may still be carried out.

    A run that was killed, or lost its connection, leaves behind a call that may be carried out
    after the caller has given it up.

    Args:
        arguments: of the undo: `sent_at` and `in_flight_seconds`.
        write: its mark; see `was_answered`.
    """
    if write in _answered:
        return False
    age = time.time() - arguments["sent_at"]
    return bool(0 <= age < arguments["in_flight_seconds"])


def was_answered(write: str) -> None:
    """Note that a write is not under way any more, so that its undo need not wait for it."""
    _answered.add(write)


@contextmanager
def noting_refusal(write: str) -> Iterator[None]:
    """Note when a write is refused, so that nothing of it is there to be undone."""
    try:
        yield
    except (CloudRunGone, CloudRunUnanswered, Interrupted):
        raise  # it may have been carried out
    except ChaosnetraError:
        _refused.add(write)
        _answered.add(write)
        raise


def was_carried_out(write: str) -> bool:
    """Whether this process knows that a write was accepted."""
    return write in _answered and write not in _refused


class Undoing(ABC):
    """An undo that is tried again until all is done, or it is of no use, or there is no time.

    Args:
        connection: to Cloud Run.
        arguments: of the undo: see `undo_data`, and what the kind of undo adds.
    """

    def __init__(self, connection: Connection, arguments: Mapping[str, Any]) -> None:
        self.connection = connection
        self.arguments = arguments
        self.patience = Patience(arguments["seconds"])
        self._started = time.monotonic()

    @classmethod
    def play(cls, arguments: Mapping[str, Any], write: str, refused: str) -> UndoReport:
        """Undo a write.

        Args:
            arguments: of the undo.
            write: its mark, which no other has.
            refused: what to say where this process knows that it was refused.

        Raises:
            UndoDenied: something is left, because we may not change it.
            UndoFailed: something may be left.
        """
        if write in _refused:
            return UndoReport(UndoResult.ALREADY_DONE, refused)
        url = str(arguments["url"])
        endpoint = url.removeprefix(LOCAL) if url.startswith(LOCAL) else None
        connection = Connection(endpoint, call_seconds=arguments["call_seconds"])
        try:
            return cls(connection, arguments)._play()
        finally:
            connection.close()

    @property
    def waited_seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    @abstractmethod
    def what(self) -> str:
        """What is waited for."""

    @abstractmethod
    def attempt(self) -> UndoReport | None:
        """Read, and undo what is ours; None when it is to be tried again, after a pause.

        Raises:
            CloudRunError: it could not be read, or not be undone.
            UndoFailed: it is of no use to try again, or there is no time for it.
        """

    @abstractmethod
    def left(self, why: object) -> str:
        """What may be left, and the commands that undo it."""

    def not_found(self, error: CloudRunNotFound) -> UndoReport:
        return UndoReport(UndoResult.NOT_OURS, str(error))

    def may_pass(self, error: ChaosnetraError) -> bool:
        """Whether an error may be gone at the next attempt."""
        return isinstance(error, PASSING)

    def as_read_last(self) -> UndoReport | None:
        """The report where it was read before that all is done."""
        return None

    def _play(self) -> UndoReport:
        with waiting_until(lambda: self.what, logging.WARNING):
            while (report := self._attempt()) is None:
                self.patience.pause(self.waited_seconds)
            return report

    def _attempt(self) -> UndoReport | None:
        try:
            return self.attempt()
        except CloudRunNotFound as error:
            return self.not_found(error)
        except (CloudRunError, Interrupted) as error:
            # One that only cut its connections is back by now, and still holds all it held.
            if isinstance(error, CloudRunGone) and self.connection.is_refused:
                return UndoReport(UndoResult.ALREADY_DONE, ENDED)
            denied = isinstance(error, DENIED)
            if not denied and not self.patience.over and self.may_pass(error):
                return None
            report = self.as_read_last()
            if report is None:
                raise (UndoDenied if denied else UndoFailed)(self.left(error)) from error
            return report
