"""Gives a service its former scaling back, from an undo's data alone."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaosnetra.cloudrun.by_hand import RECOVER, restore_command
from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.names import shown
from chaosnetra.cloudrun.scaling import (
    FIELDS,
    Drift,
    Restoration,
    Scaling,
    Write,
    outcome,
    restoration,
)
from chaosnetra.cloudrun.state import OurWrite, ServiceState
from chaosnetra.cloudrun.undoing import Undoing, may_be_under_way, was_carried_out
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunGone,
    CloudRunNotFound,
    CloudRunRefused,
    CloudRunUnanswered,
    UndoFailed,
)
from chaosnetra.faults import UndoReport, UndoResult

logger = logging.getLogger("chaostoolkit")

# One is enough, two where a switch of the mode sets counts; more do not take.
MOST_WRITES = 5


def restore_service(arguments: Mapping[str, Any]) -> UndoReport:
    """Give a service back the scaling fields that still hold our values.

    What somebody else has set since is left alone and reported. A write rests on the etag of what
    was just read; a conflict is read and judged again, never repeated blindly. It does not wait
    for a service that is being changed: it writes at once, and waits afterwards.

    Args:
        arguments: see `undo_data`; and `name`; of the service before: `uid`, `etag`,
            `generation`, `revision`, `traffic`, `before` (scaling); `ours` (scaling as we set
            it); of our write: `write` (its mark), and perhaps `fields` (what it set)
            and `identity` (who we are to the server).

    Raises:
        UndoDenied: our values are still there, because we may not change them.
        UndoFailed: our values may still be there.
    """
    refused = f"{shown(str(arguments['name']))}: our change was refused, so nothing is ours"
    return _Restoring.play(arguments, arguments["write"], refused)


@dataclass(frozen=True)
class _Sent:
    """A write that was asked for, on what was read, and whether it was accepted."""

    state: ServiceState
    write: Write
    accepted: bool
    at: float


class _Restoring(Undoing):
    def __init__(self, connection: Connection, arguments: Mapping[str, Any]) -> None:
        super().__init__(connection, arguments)
        self._client = ServiceClient(connection)
        self._name = str(arguments["name"])
        self._before = Scaling.from_json(arguments["before"])
        self._ours = Scaling.from_json(arguments["ours"])
        self._our_write = OurWrite.from_undo(arguments)
        self._writes = 0
        self._written = False
        self._sent: _Sent | None = None
        self._last: ServiceState | None = None
        # What this process knows to be carried out is ours, whoever the server says made it.
        self._carried_out = was_carried_out(arguments["write"])
        self._meanwhile = ""
        self._why = "it is read first"

    @property
    def what(self) -> str:
        return f"{shown(self._name)} is restored ({self._why})"

    def attempt(self) -> UndoReport | None:
        written_before = self._writes
        report = self._step()
        # What a write came to is read without a pause.
        return self._step() if report is None and self._writes > written_before else report

    def not_found(self, error: CloudRunNotFound) -> UndoReport:  # noqa: ARG002 - as it was read
        return self._logged(UndoResult.NOT_OURS, f"there is no {shown(self._name)} any more")

    def as_read_last(self) -> UndoReport | None:
        state = self._last
        if state is None or self._may_be_under_way(state):
            return None
        todo = restoration(state.scaling, self._ours, self._before)
        return self._report(state, todo) if todo.write is None else None

    def may_pass(self, error: ChaosnetraError) -> bool:
        self._why = str(error)
        # What a service refuses while it is being changed it may take afterwards.
        busy = self._last is not None and self._last.reconciling
        return super().may_pass(error) or (busy and isinstance(error, CloudRunRefused))

    def _step(self) -> UndoReport | None:
        self._last = state = self._client.service(self._name)
        if state.uid != self.arguments["uid"]:
            detail = f"another {shown(self._name)} has its name now"
            return self._logged(UndoResult.NOT_OURS, detail)
        self._see_what_was_written(state)
        if not self._writes and not self._carried_out and self._our_write.is_somebody_elses(state):
            return self._not_written(state)
        todo = restoration(state.scaling, self._ours, self._before)
        self._notice_others(state, todo)
        if todo.write is not None and self._is_to_come:
            self._why = "the accepted write of it shows"
            if self.patience.over:
                raise UndoFailed(self.left(f"{self._why} no effect yet"))
        elif todo.write is not None:
            self._why = "it is being written"
            self._write(state, todo.write)
        elif self._may_be_under_way(state):
            self._why = "our change of it may still be carried out"
            if self.patience.over:
                raise UndoFailed(self.left(self._why))
        elif state.reconciling and not self.patience.over:
            self._why = "it has its former scaling, and is still being changed"
        else:
            return self._report(state, todo)
        return None

    @property
    def _is_to_come(self) -> bool:
        """Whether a write was accepted that does not show: what was read may be older."""
        sent = self._sent
        if sent is None or not sent.accepted:
            return False
        return self.waited_seconds - sent.at < self.connection.call_seconds

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
            raise UndoFailed(self.left(f"{MOST_WRITES} writes did not change that"))
        try:
            self._client.send(self._name, state.etag, write)
        except (CloudRunGone, CloudRunUnanswered):
            # Perhaps it was carried out; the next reading tells.
            self._sent = _Sent(state, write, False, self.waited_seconds)
            raise
        self._sent = _Sent(state, write, True, self.waited_seconds)
        self._writes += 1

    def _see_what_was_written(self, now: ServiceState) -> None:
        """After a write of ours: what changed along with it is ours too, and no drift."""
        if self._sent is None:
            return
        state, write, accepted = self._sent.state, self._sent.write, self._sent.accepted
        self._written = self._written or accepted or now.generation != state.generation
        if now.generation == state.generation:
            return  # it does not show yet
        self._sent = None
        came = "mode" in write.fields and now.scaling.holds("mode", write.values)
        if now.generation != state.generation + 1 or not (accepted or came):
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

    def _not_written(self, state: ServiceState) -> UndoReport:
        """Somebody else's change came first, so ours cannot have been carried out."""
        by = f" by {state.modifier}" if state.modifier else ""
        return self._logged(
            UndoResult.ALREADY_DONE,
            f"{shown(self._name)}: nothing is ours; it was changed{by} instead "
            f"({state.scaling.shown}), which is left alone",
        )

    def _report(self, state: ServiceState, todo: Restoration) -> UndoReport:
        notes = [self._meanwhile] if self._meanwhile else []
        if state.reconciling:
            notes.append(f"it was still being changed after {self.waited_seconds:.0f} s")
        elif not state.settled:
            notes.append(f"it is not ready: {state.ready_text or state.ready_state}")
        if state.failing and not state.reconciling:
            notes.append(f"parts of it failed: {state.failing}")
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
            command = restore_command(self._name, self._before)
            detail = f"{detail}; its former scaling is set by `{command}`"
        return self._logged(result, detail) if notes else UndoReport(result, detail)

    def _logged(self, result: UndoResult, detail: str) -> UndoReport:
        """Something that a person should know of, loudly."""
        logger.error(f"drift: {detail}")
        return UndoReport(result, detail)

    def left(self, why: object) -> str:
        """What may be left, as it was read last, and the commands that undo it."""
        state, what = self._last, shown(self._name)
        ours = f"our scaling ({self._ours.shown}; before: {self._before.shown})"
        write = None
        if state is None:
            text = f"{what} may still have {ours}, and could not be read"
        else:
            write = restoration(state.scaling, self._ours, self._before).write
            if write is None:
                return (
                    f"{what} had nothing of {ours} when it was read last, but {why}; `{RECOVER}` "
                    "reads it again"
                )
            # A write whose outcome has not been read since may have changed that.
            text = f"{what} {'may still have' if self._sent else 'still has'} {ours}"
        # What somebody else has set since is left as it is.
        wanted = outcome(state.scaling, write) if state and write else self._before
        command = restore_command(self._name, wanted)
        return f"{text}: {why}; undo it with `{RECOVER}`, or by hand with `{command}`"


def _shown(drifts: tuple[Drift, ...]) -> str:
    return ", ".join(drift.shown for drift in drifts)
