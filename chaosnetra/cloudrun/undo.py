"""Gives a service its former scaling back, from an undo's data alone."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaosnetra.addresses import parse_network_address
from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import GOOGLE, Connection
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import FIELDS, Drift, Restoration, Scaling, Write, restoration
from chaosnetra.cloudrun.state import ServiceState
from chaosnetra.cloudrun.waiting import SHORTEST_SECONDS, next_pause_seconds
from chaosnetra.durations import Deadline
from chaosnetra.errors import (
    CloudRunError,
    CloudRunEtagChanged,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunOperationFailed,
    CloudRunQuotaExceeded,
    CloudRunRefused,
    CloudRunUnanswered,
    UndoFailed,
)
from chaosnetra.faults import UndoReport, UndoResult
from chaosnetra.ports import is_refused

logger = logging.getLogger("chaostoolkit")

# What may pass by itself; everything else is for people.
PASSING = (
    CloudRunEtagChanged,
    CloudRunOperationFailed,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
)
# One is enough, two where a switch of the mode sets counts; more do not take.
MOST_WRITES = 5
LOCAL = "grpc://"
ENDED_SECONDS = 0.5
ENDED = "the local endpoint has ended, with all it held"
# Writes of this process that were answered: none of them comes later.
_answered: set[str] = set()


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


def restore_service(arguments: Mapping[str, Any]) -> UndoReport:
    """Give a service back the scaling fields that still hold our values.

    What somebody else has set since is left alone and told. A write rests on the etag of what
    was just read; a conflict is read and judged again, never repeated blindly.

    Args:
        arguments: `url` (of the endpoint), `name`; of the service before: `uid`, `etag`,
            `generation`, `revision`, `traffic`, `before` (scaling); `ours` (scaling as we set
            it); `seconds` (limit of it all), `call_seconds` (of one call); of our write: `write`
            (tells it from others), `sent_at` (at the earliest, seconds since 1970) and
            `in_flight_seconds` (how long after that it may still be carried out).

    Raises:
        UndoFailed: our values may still be there.
    """
    connection = connection_of(arguments)
    try:
        return _Restorer(ServiceClient(connection), arguments).restore()
    finally:
        connection.close()


@dataclass
class _Restorer:
    client: ServiceClient
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._name = str(self.arguments["name"])
        self._before = Scaling.from_json(self.arguments["before"])
        self._ours = Scaling.from_json(self.arguments["ours"])
        self._deadline = Deadline.after(self.arguments["seconds"])
        self._writes = 0
        self._written = False
        self._sent: tuple[ServiceState, Write, bool] | None = None
        self._meanwhile = ""

    def restore(self) -> UndoReport:
        started = time.monotonic()
        while True:
            try:
                state = self.client.wait_until_still(self._name, self._deadline)
                if state.uid != self.arguments["uid"]:
                    return self._told(
                        UndoResult.NOT_OURS, f"another {shown(self._name)} has its name now"
                    )
                self._see_what_was_written(state)
                todo = restoration(state.scaling, self._ours, self._before)
                self._notice_others(state, todo)
                if todo.write is not None:
                    self._write(state, todo.write)
                elif not self._may_be_under_way(state):
                    return self._report(state, todo)
                else:
                    time.sleep(SHORTEST_SECONDS)
            except CloudRunNotFound:
                return self._told(UndoResult.NOT_OURS, f"there is no {shown(self._name)} any more")
            except (CloudRunGone, *PASSING) as error:
                if isinstance(error, CloudRunGone) and has_ended(self.client.connection):
                    return UndoReport(UndoResult.ALREADY_DONE, ENDED)
                if self._deadline.passed:
                    raise UndoFailed(self._left(error)) from error
                pause = next_pause_seconds(time.monotonic() - started)
                time.sleep(min(pause, self._deadline.remaining_seconds))
            except CloudRunError as error:
                raise UndoFailed(self._left(error)) from error

    def _write(self, state: ServiceState, write: Write) -> None:
        try:
            self._send(state, write)
        except CloudRunRefused:
            if "mode" not in write.fields:
                raise
            # A bound of 0 counts as none given, and one of two is refused. Without any the switch
            # sets both, which the next round puts right.
            self._send(state, Write(write.values, ("mode", "manual")))

    def _send(self, state: ServiceState, write: Write) -> None:
        if self._writes == MOST_WRITES:
            raise UndoFailed(self._left(f"{MOST_WRITES} writes did not change that"))
        try:
            self.client.write(self._name, state.etag, write, self._deadline)
        except (CloudRunOperationFailed, CloudRunUnanswered) as error:
            self._sent = (state, write, False)  # perhaps; the next reading tells
            self._writes += isinstance(error, CloudRunOperationFailed)
            raise
        self._sent = (state, write, True)
        self._writes += 1

    def _see_what_was_written(self, now: ServiceState) -> None:
        """After a write of ours: what changed along with it is ours too, and no drift."""
        if self._sent is None:
            return
        state, write, certain = self._sent
        self._sent = None
        came = "mode" in write.fields and now.scaling.holds("mode", write.values)
        self._written = self._written or certain or now.etag != state.etag
        if now.generation != state.generation + 1 or not (certain or came):
            return  # somebody else wrote, before it or after it
        changed = {
            name: getattr(now.scaling, name)
            for name in FIELDS
            if not now.scaling.holds(name, state.scaling)
        }
        self._ours = replace(self._ours, **changed)

    def _may_be_under_way(self, state: ServiceState) -> bool:
        """Whether our write may still come: nothing shows it, and its time is not over."""
        unchanged = state.etag == self.arguments["etag"]
        return unchanged and may_be_under_way(self.arguments, self.arguments["write"])

    def _notice_others(self, state: ServiceState, todo: Restoration) -> None:
        """Whether somebody else changed the service while it was ours."""
        revision = self.arguments["revision"]
        ours = self.arguments["generation"] + 1
        deployed = state.latest_created_revision != revision
        # With nothing to put back, a later generation may well be our own restoration's.
        changed = todo.write is not None and not self._written and state.generation > ours
        if not (deployed or changed):
            return
        self._meanwhile = (
            f"somebody else changed it meanwhile (generation {state.generation}, ours was {ours}; "
            f"revision {revision} before, {state.latest_created_revision} now)"
        )

    def _report(self, state: ServiceState, todo: Restoration) -> UndoReport:
        notes = [self._meanwhile] if self._meanwhile else []
        if not state.settled:
            notes.append(f"it is not ready: {state.ready_text or state.ready_state}")
        done = "gave it its former scaling back" if self._written else "has its former scaling"
        if todo.drifts:
            notes = [f"left alone, because somebody else set it: {_shown(todo.drifts)}", *notes]
            done = (
                "gave the rest of its former scaling back" if self._written else "nothing is ours"
            )
        detail = "; ".join([f"{shown(self._name)}: {done}", *notes])
        result = UndoResult.DONE if self._written else UndoResult.ALREADY_DONE
        if any(not drift.untouched for drift in todo.drifts):
            result = UndoResult.NOT_OURS
        return self._told(result, detail) if notes else UndoReport(result, detail)

    def _told(self, result: UndoResult, detail: str) -> UndoReport:
        """Something that a person should know of, loudly."""
        logger.error(f"drift: {detail}")
        return UndoReport(result, detail)

    def _left(self, why: object) -> str:
        return (
            f"{shown(self._name)} may still have our scaling ({self._ours.shown}; before: "
            f"{self._before.shown}): {why}"
        )


def _shown(drifts: tuple[Drift, ...]) -> str:
    return ", ".join(drift.shown for drift in drifts)
