"""The abort control: ends the run when a bound is crossed, and everything is undone.

Declare it after the journal control:

    {"name": "abort", "provider": {"type": "python", "module": "chaosnetra.controls.abort",
     "arguments": {
       "maximum_seconds": 600,
       "frequency_seconds": 1,
       "conditions": [
         {"name": "the database keeps free slots",
          "provider": {"type": "python", "module": "chaosnetra.postgres.probes",
                       "func": "free_connection_slots", "arguments": {"minimum": 10}}},
         {"name": "the neighbour answers", "window": 20, "max_failure_rate": 0.1,
          "provider": {"type": "http", "url": "http://127.0.0.1:8080/health", "timeout": 2},
          "tolerance": 200}]}}}

A condition is a probe that must go on holding: by its `tolerance`, or, without one, by the
`held` of its result. A probe that raises does not hold, nor does one that takes over 30 s. With
`window` the last so many checks count, and at most `max_failure_rate` of so many may fail: an
error rate; once more have, the others are not waited for. `maximum_seconds` bounds the run's real
time.

The conditions are checked once before the run begins, and from then on continuously, each in a
thread of its own, so that one that hangs holds up no other. No thread ever touches the
experiment: it notes the reason and sends this process the signal that asks a run to end, so the
undo is the same as for any other end.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from chaoslib.exceptions import InterruptExecution
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.controls.interruption import pass_on
from chaosnetra.documents.shapes import refuse_unknown
from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import number
from chaosnetra.running.abort_conditions import Condition
from chaosnetra.running.run import Run, current_run

logger = logging.getLogger("chaostoolkit")

OPTIONS = ("conditions", "frequency_seconds", "maximum_seconds")
LONGEST_PAUSE_SECONDS = 60.0
LONGEST_RUN_SECONDS = 30 * 86_400.0
# How long the end of a run waits for the word of why it ends.
TELL_SECONDS = 1.0


@dataclass
class Watch:
    """Checks all conditions, and the time, until it is stopped."""

    run: Run
    conditions: list[Condition]
    frequency_seconds: float
    maximum_seconds: float | None
    configuration: Configuration
    secrets: Secrets

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._reported = threading.Event()
        self._reported.set()
        self._one_aborts = threading.Lock()

    def check(self) -> str | None:
        """Check every condition once: why the run must end, None while it may go on."""
        for condition in self.conditions:
            reason = condition.crossed(self.configuration, self.secrets)
            if reason is not None:
                return reason
        return None

    def start(self) -> None:
        """Go on checking, in threads that end with the process."""
        for condition in self.conditions:
            self._begin(partial(self._watch, condition), condition.name)
        if self.maximum_seconds is not None:
            self._begin(partial(self._watch_time, self.maximum_seconds), "maximum_seconds")

    def stop(self) -> None:
        """Stop checking. Of a check in progress nothing comes any more."""
        self._stop.set()
        self._reported.wait(TELL_SECONDS)

    def _begin(self, watch: Callable[[], None], name: str) -> None:
        threading.Thread(target=watch, name=f"abort: {name}", daemon=True).start()

    def _watch(self, condition: Condition) -> None:
        while not self._stop.wait(self.frequency_seconds):
            reason = condition.crossed(self.configuration, self.secrets)
            if reason is not None:
                self._abort(reason)

    def _watch_time(self, seconds: float) -> None:
        if not self._stop.wait(max(0.0, self._began + seconds - time.monotonic())):
            self._abort(f"it took over {seconds:g} s")

    def _abort(self, reason: str) -> None:
        """End the run first, and tell of it then: a full disk must not keep it from ending."""
        with self._one_aborts:
            # Once the run undoes its work, parts go away, and checks of them fail.
            if self._stop.is_set() or self.run.finishing:
                return
            self._reported.clear()
            self._stop.set()
        try:
            self.run.interrupted_by = self.run.interrupted_by or f"abort condition: {reason}"
            os.kill(os.getpid(), signal.SIGTERM)
            logger.error(f"Abort condition crossed: {reason}")
            with suppress(OSError):  # whoever reads the events later is told that one is missing
                self.run.events.record("abort.crossed", {"reason": reason})
        finally:
            self._reported.set()


_watch: Watch | None = None


def before_experiment_control(
    context: Experiment,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **options: Any,
) -> None:
    """Read the conditions, check them once, and go on checking them.

    Raises:
        InterruptExecution: a condition cannot be read, or is crossed before the run begins.
    """
    global _watch
    run = current_run()
    try:
        watch = _make(run, configuration, secrets, options)
        reason = watch.check()
    except InvalidInput as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - the core would swallow it and run unwatched
        reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        run.interrupted_by = f"abort condition: {reason}"
        raise InterruptExecution(f"Abort condition crossed before the run began: {reason}")
    _watch = watch
    watch.start()


def after_activity_control(context: Any, **options: Any) -> None:
    """Raise again an interruption that the activity swallowed."""
    if _watch is not None and not current_run().finishing:
        pass_on(current_run())


def before_rollback_control(context: Any, **options: Any) -> None:
    """The undo has begun; from here on nothing is to be aborted."""
    _stop()


def after_experiment_control(context: Any, **options: Any) -> None:
    _stop()


def _stop() -> None:
    global _watch
    if _watch is not None:
        _watch.stop()
        _watch = None


def _make(
    run: Run, configuration: Configuration, secrets: Secrets, options: Mapping[str, Any]
) -> Watch:
    refuse_unknown("the abort control", options, OPTIONS)
    conditions = options.get("conditions", [])
    if not isinstance(conditions, list):
        raise InvalidInput("the abort control's conditions must be a list")
    maximum = options.get("maximum_seconds")
    if not conditions and maximum is None:
        raise InvalidInput("the abort control needs conditions or maximum_seconds")
    return Watch(
        run,
        [Condition(condition) for condition in conditions],
        number(
            "frequency_seconds",
            options.get("frequency_seconds", 1),
            above=0,
            maximum=LONGEST_PAUSE_SECONDS,
        ),
        None
        if maximum is None
        else number("maximum_seconds", maximum, above=0, maximum=LONGEST_RUN_SECONDS),
        configuration,
        secrets,
    )
