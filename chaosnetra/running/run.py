"""The run in progress in this process: what even an experiment without our activities has.

Kept light: the journal control loads it into every run, and `chaosnetra.running.session` only into
those that use our activities.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaosnetra.evidence.journal.events import EventLog
from chaosnetra.redaction import LogFilter, Redactor

if TYPE_CHECKING:
    from chaosnetra.durations import Deadline

# Chaos Toolkit's; everything in it, and in us, logs there.
LOGGER = "chaostoolkit"
# What an action has begun may show this much later.
AFTERMATH_SECONDS = 1.0
# All that a run's end may wait for what is to be undone.
ENDING_SECONDS = 300.0
# The core's own code for "leave now, and play no rollbacks": nothing was injected yet.
EXIT_WITHOUT_ROLLBACKS = 30
# Names the file in which a baseline is passed on: see `chaosnetra.running.baseline`.
BASELINE_FILE = "CHAOSNETRA_BASELINE"
# The option that a command was given the values by that it hands on as `--var`.
GIVEN_BY = "CHAOSNETRA_GIVEN_BY"
# Names the file by which a trial in staging knows what its search was consented to.
SEARCH_CONSENT_FILE = "CHAOSNETRA_SEARCH_CONSENT"


class Run:
    """One run: its id, its events, the secrets it must not show, and whether it was stopped.

    `interrupted_by` names the signal that asked it to end, `exit_code` is what the core is to leave
    it with then, where that was asked for; `in_rollbacks` is true while rollbacks are played,
    `unwinding` from then on, `finishing` once it undoes everything and writes its journal, which
    no signal may interrupt. `over` is true once the core has done its part, and `signals` counts
    those that came. `experiment` is what runs, as it is written, once the journal control
    has been told, and `places` where its values came from; see `chaosnetra.hints.with_places`.
    """

    def __init__(self) -> None:
        self.id = f"{time.strftime('%Y%m%dt%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
        self.redactor = Redactor()
        self.events = EventLog(self.id, self.redactor)
        self.experiment: Mapping[str, Any] | None = None
        self.places: Mapping[str, str] = {}
        self.interrupted_by: str | None = None
        self.exit_code: int | None = None
        self.in_rollbacks = False
        self.unwinding = False
        self.finishing = False
        self.over = False
        self.signals = 0
        self._ends_by: Deadline | None = None
        self._polled = 0
        # Of other packages: monotonic time of each one's end; None while it goes on.
        self._foreign_actions: dict[str, float | None] = {}
        # Targets and activities may print what they were given.
        self.redactor.learn_environment(os.environ)

    def note_signal(self) -> None:
        """Count a signal that came."""
        self.signals += 1

    @property
    def only_notes_signals(self) -> bool:
        """Whether a signal must not raise an exception now: something asks for it, or all ends."""
        return self.finishing or self._polled > 0

    def foreign_action_began(self, name: str) -> None:
        """An action begins that is not ours: what it does to the test bed is the experiment's."""
        self._foreign_actions[name] = None

    def foreign_action_ended(self, name: str) -> None:
        if name in self._foreign_actions:
            self._foreign_actions[name] = time.monotonic()

    def foreign_action_since(self, moment: float) -> str | None:
        """An action that is not ours and was in progress at a monotonic time, or later."""
        for name, ended in list(self._foreign_actions.items()):
            if ended is None or ended + AFTERMATH_SECONDS >= moment:
                return name
        return None

    @property
    def hurried(self) -> bool:
        """Whether who ends the run has asked twice: each undo is tried once more, and no longer."""
        if self.finishing:
            self.signals += _take_held_signals()
        return self.signals > 1

    def ends_by(self, seconds: float) -> "Deadline":
        """When a wait of an undo must be over: while the run ends, all of them share one deadline.

        Args:
            seconds: how long this one may take.
        """
        from chaosnetra.durations import Deadline

        own = Deadline.after(seconds)
        if not (self.unwinding or self.over or self.finishing or self.interrupted_by):
            return own
        with _lock:
            self._ends_by = self._ends_by or Deadline.after(ENDING_SECONDS)
            return min(own, self._ends_by, key=lambda deadline: deadline.at)

    @contextmanager
    def polled(self) -> Iterator[None]:
        """While inside, a signal is only noted: the code inside asks `interrupted_by` often.

        An exception out of a signal handler would tear an event loop apart in mid-step.
        """
        self._polled += 1
        try:
            yield
        finally:
            self._polled -= 1


def activities_of(experiment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every activity that an experiment declares, in order; what is no object is passed over."""
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    for part in (hypothesis.get("probes"), experiment.get("method"), experiment.get("rollbacks")):
        yield from (activity for activity in part or () if isinstance(activity, dict))


def _take_held_signals() -> int:
    """Signals that were held back from this thread meanwhile; each is told of once."""
    from chaosnetra.processes.signals import known

    if not hasattr(signal, "sigtimedwait"):
        return 0
    held = set(known()) & signal.pthread_sigmask(signal.SIG_BLOCK, ())
    taken = 0
    while held and signal.sigtimedwait(held, 0) is not None:
        taken += 1
    return taken


_current: Run | None = None
# Whether what is to be undone without a run, by `chaosnetra recover`, is not to be waited for.
_hurrying = False
_log_filter: LogFilter | None = None
_lock = threading.Lock()


def current_run() -> Run:
    """The run of this process, begun if there is none."""
    global _current, _log_filter
    with _lock:
        if _current is None:
            _current = Run()
            if _log_filter is not None:
                logging.getLogger(LOGGER).removeFilter(_log_filter)
            _log_filter = LogFilter(_current.redactor)
            logging.getLogger(LOGGER).addFilter(_log_filter)
        return _current


def existing_run() -> Run | None:
    """The run of this process; None where there is none, as in `chaosnetra recover`."""
    return _current


def hurry() -> None:
    """From now on each undo of this process is tried once, and not waited for."""
    global _hurrying
    _hurrying = True


def is_hurrying() -> bool:
    """Whether `hurry` was called."""
    return _hurrying


def end_run() -> None:
    """Forget the run; the next one in this process gets its own. Its events stay open.

    Until then its secrets stay masked in the log: the core may still tell of its end.
    """
    global _current
    with _lock:
        _current = None
