"""Injects faults in the only order that is safe: undo on disk, inject, measure; and undoes them.

Before its undo each is measured again: what was gone by then was not what the attempts met.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chaosnetra.errors import ChaosnetraError, FaultError, InjectionFailed, UndoFailed
from chaosnetra.faults import (
    Effect,
    Fault,
    Injected,
    MeasuredInTasks,
    Undo,
    UndoReport,
    Watched,
    play,
)
from chaosnetra.safety.beside import is_superseded, look_without, measured, subject
from chaosnetra.safety.ledger import Ledger
from chaosnetra.safety.remeasuring import ENDED_WITH_SERVER, Remeasuring, in_both, within
from chaosnetra.text import effect_and_why, plain_names, utc_now

logger = logging.getLogger("chaostoolkit")

Record = Callable[[str, dict[str, Any]], None]


class Injector:
    """Keeps what a run has injected.

    Args:
        ledger: where undos go before their faults.
        record: takes (event name, JSON data) of everything that happens; raises nothing: that an
            event cannot be written must stop no undo.
        admit: asked before anything is put in place; raises when it may not be.
        hurried: whether to undo without measuring again, as when the run was interrupted: its
            attempts prove nothing anyhow.
        ended: whether what an undo would change has ended with its server.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: Record,
        admit: Callable[[], None] = lambda: None,
        hurried: Callable[[], bool] = lambda: False,
        ended: Callable[[Undo], bool] = lambda undo: False,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._admit = admit
        self._ended = ended
        self._remeasuring = Remeasuring(record, hurried)
        self._faults: list[Injected] = []
        # Odd while something is being changed: who looks meanwhile has seen a half of it.
        self._changes = 0
        # Activities may run in background threads; one change at a time.
        self._lock = threading.RLock()

    @property
    def faults(self) -> list[Injected]:
        """Everything this run injected, in order, undone or not."""
        return list(self._faults)

    @property
    def active(self) -> list[Injected]:
        return [fault for fault in self._faults if fault.active]

    @property
    def changes(self) -> int:
        """Counts what is begun and what is done; odd while something is being changed."""
        return self._changes

    @property
    def added_round_trip_seconds(self) -> float:
        """What each round trip to the database costs more, by the faults now in place."""
        return sum(fault.effect.added_round_trip_seconds for fault in self.active if fault.effect)

    def inject(self, fault: Fault, *, admitted: bool = False) -> Injected:
        """Put a fault in place and measure it.

        A fault of the same name and parameters that is in place already is measured again.

        Args:
            fault: the fault.
            admitted: whether the caller knows that it may be put in place; else it is asked.

        Raises:
            InjectionFailed: it is not in place; what had been done was undone.
            NotAllowed: it may not be; nothing was touched.
        """
        with self._lock:
            if not admitted:
                self._admit()
            held = self._find(fault.name)
            if held is not None and held.parameters != fault.parameters:
                raise InjectionFailed(
                    f"{fault.name} is in place with other parameters "
                    f"({dict(held.parameters)}); update it or remove it first"
                )
            if held is None:
                # What it replaces was in effect until now.
                replaced = self._current(subject(fault))
                for one in replaced:
                    self._remeasuring.measure_again(one, self.active)
                held = self._place(fault, replaced)
            held.fault = fault
            held.effect = measured(held, self.active)
            if held.effect is not None and held.effect.in_effect:
                held.last_in_effect_at = utc_now()
            self._record(
                "fault.injected",
                {
                    "name": held.name,
                    "parameters": dict(held.parameters),
                    "effect": held.effect.to_json() if held.effect else None,
                },
            )
            if held.effect is not None and not held.effect.in_effect:
                logger.warning(
                    f"{plain_names(held.name)}: no effect was measured: "
                    f"{effect_and_why(held.effect.to_json())}"
                )
            return held

    def measured_in_tasks(
        self, name: str, before: Sequence[Effect], after: Sequence[Effect], unmeasured: int
    ) -> None:
        """Learn what tasks measured of a fault in place that each of them has to itself.

        It is in effect where it is in each of them, and here.

        Args:
            name: of the fault.
            before: its effect in each task that counts, before its startup.
            after: likewise, once the startup was decided.
            unmeasured: tasks that do not count.
        """
        with self._lock:
            held = self._find(name)
            if held is None:
                return
            found = held.in_tasks = held.in_tasks or MeasuredInTasks()
            found.before += before
            found.after += after
            found.unmeasured += unmeasured
            held.effect = in_both(held.effect, found.effect)
            if before and not held.is_gone:
                held.last_in_effect_at = utc_now()
            told = held.effect.to_json() if held.effect else None
            self._record(
                "fault.measured_in_tasks", {"name": name, "effect": told, "tasks": found.to_json()}
            )

    def undo(self, name: str) -> UndoReport | None:
        """Undo the fault of that name; None when this run holds none such.

        Raises:
            UndoFailed: something may be left.
        """
        with self._lock:
            held = self._find(name)
            return None if held is None else self._undo(held)

    def undo_all(self, *, only_in_effect: bool = False) -> list[UndoFailed]:
        """Undo everything, last injected first; what fails does not stop the rest.

        What failed is tried once more when something else did not.

        Args:
            only_in_effect: leave what has no effect on the system under experiment, such as the
                run's proxy, in place.
        """
        with self._lock:
            wanted = [
                held
                for held in reversed(self.active)
                if not only_in_effect or held.effect is not None
            ]
            failed = self._undo_each(wanted)
            if 0 < len(failed) < len(wanted):
                # It may have waited for something that is gone now: a stuck session in the
                # server lets no database be dropped until its proxy is deleted.
                failed = self._undo_each([held for held, _ in failed])
        return [error for _, error in failed]

    @property
    def in_place(self) -> list[Injected]:
        """What is in place and no later fault has taken the place of, in order."""
        return [held for held in self.active if not is_superseded(held, self.active)]

    def watched(self) -> list[Injected]:
        """What is in place and can be inspected, each in the state that is to be seen."""
        return [
            held
            for held in self.active
            if isinstance(held.fault, Watched)
            and held.injected_at is not None
            and not held.is_gone
            and not held.is_settled
            and not is_superseded(held, self.active)
        ]

    def look(self, held: Injected) -> None:
        """Inspect whether a fault of `watched` is still in place; what is gone is recorded.

        Nothing is measured, and no change waits for it. What cannot be seen tells nothing.
        """
        changes, at = self._changes, utc_now()
        if changes % 2 or not isinstance(held.fault, Watched):
            return
        try:
            why = held.fault.inspect()
        except ChaosnetraError:
            return
        if changes != self._changes or not held.active or held.is_gone:
            return
        if why is None:
            held.last_in_effect_at = at
        elif self._lock.acquire(blocking=False):
            try:
                if changes == self._changes:
                    self._remeasuring.found_gone(held, why)
            finally:
                self._lock.release()

    def settle(self) -> None:
        """Measure everything in place again: nothing is tried under it any more.

        For rollbacks in which others may undo it, by their own means.
        """
        with self._lock:
            for held in reversed(self.active):
                if not is_superseded(held, self.active):
                    self._remeasuring.measure_again(held, self.active)
                    held.is_settled = True

    def _current(self, of: str) -> list[Injected]:
        """The fault of that subject that is in effect; none, or one."""
        return [held for held in self.watched() if subject(held.fault) == of][-1:]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._changes += 1
        try:
            yield
        finally:
            self._changes += 1

    def _undo_each(self, wanted: list[Injected]) -> list[tuple[Injected, UndoFailed]]:
        """Undo in this order; what failed, and how."""
        failed = []
        for held in wanted:
            try:
                self._undo(held)
            except UndoFailed as error:
                failed.append((held, error))
        return failed

    def _place(self, fault: Fault, replaced: Sequence[Injected]) -> Injected:
        beside, without = look_without(fault, replaced, self.active)
        undo = fault.prepare()
        entry = self._ledger.add(undo)
        held = Injected(fault.name, dict(fault.parameters), undo, entry, fault=fault)
        held.beside, held.without = beside, without
        self._record("fault.undo_written", {"name": held.name, "undo": undo.to_json()})
        self._faults.append(held)
        try:
            with self._changing():
                fault.inject()
            held.injected_at, held.injected_monotonic = utc_now(), time.monotonic()
        except BaseException as error:
            # It may have been applied all the same: a lost answer is not a refusal.
            self._undo_half_done(held)
            if isinstance(error, ChaosnetraError) and not isinstance(error, FaultError):
                raise InjectionFailed(f"{fault.name} was not injected: {error}") from error
            raise
        return held

    def _undo_half_done(self, held: Injected) -> None:
        try:
            self._undo(held)
        except UndoFailed as error:
            logger.error(str(error))
        else:
            self._faults.remove(held)

    def _undo(self, held: Injected) -> UndoReport:
        ending = [other for other in self.watched() if held.name in within(other.fault)]
        in_effect = not is_superseded(held, self.active)
        if held.injected_at is not None:
            # While all of it is still in place, the last injected first.
            for other in [*reversed(ending), held]:
                if not is_superseded(other, self.active):
                    self._remeasuring.measure_again(other, self.active)
        try:
            with self._changing():
                report = self._play(held)
        except Exception as error:
            held.undo_was_tried = True
            self._record("fault.undo_failed", {"name": held.name, "error": str(error)})
            if isinstance(error, UndoFailed):
                raise
            raise UndoFailed(f"{held.undo.description} failed: {error}") from error
        held.report = report
        held.undone_at, held.undone_monotonic = utc_now(), time.monotonic()
        for other in ending:
            other.ended_with = held.name
        if in_effect:
            self._remeasuring.judge_undo(held, report)
        try:
            self._ledger.done(held.entry, report.result)
        except OSError as error:
            # The entry stays open; playing it once more answers that it is done.
            logger.error(f"{held.undo.description}: done, but not written down: {error}")
        self._record(
            "fault.undone",
            {"name": held.name, "result": report.result.value, "detail": report.detail},
        )
        return report

    def _play(self, held: Injected) -> UndoReport:
        if self._ended(held.undo):
            return ENDED_WITH_SERVER
        try:
            return play(held.undo)
        except Exception:
            # Whatever it is, a server that is gone took the fault with it; else it is raised.
            if self._ledger.part_is_gone(held.undo):
                return ENDED_WITH_SERVER
            raise

    def _find(self, name: str) -> Injected | None:
        return next((fault for fault in self.active if fault.name == name), None)
