"""What the journal control knows of a run, and how one ends.

Whether it has recovered is checked; it is undone, judged, masked and reported.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.controls.command_line import experiment_file, journal_path
from chaosnetra.controls.interruption import hold_until_exit, pass_on
from chaosnetra.controls.mend import forget_judged_values, hide_provider_secrets
from chaosnetra.controls.writing import (
    let_the_core_write_whole,
    log_failures,
    reported,
    unwritable,
)
from chaosnetra.durations import Deadline
from chaosnetra.evidence.journal.dry import dry_of
from chaosnetra.evidence.journal.jsonsafe import strict
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.activities import unplayed_rollbacks
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.quantities import duration
from chaosnetra.running.run import LOGGER, Run, current_run, end_run

if TYPE_CHECKING:
    from chaosnetra.running.baseline import Baseline
    from chaosnetra.running.session import Session

logger = logging.getLogger(LOGGER)

RECOVERY_POLL_SECONDS = 0.2


@dataclass
class RunRecord:
    """The state of the control, from one hook to the next."""

    event_registry: Any = None  # the core's
    began: float = field(default_factory=time.monotonic)
    run: Run | None = None  # once its hooks have begun
    session: "Session | None" = None  # where the run uses activities of ours
    failures: list[str] = field(default_factory=list)  # of the control itself
    refused: str | None = None  # why the run was ended before it began
    unanswered: str | None = None  # likewise, where an outage kept consent from being asked for
    interrupter: str | None = None  # who ended the run, where no signal did
    # What is printed once the journal is written, and whether it says that the run held.
    verdict_line: str = ""
    in_one_sentence: str = ""  # the same as one sentence; empty: that is all of it
    held: bool = False
    show_closing: Callable[[], bool] = lambda: False
    # The steady state after the rollbacks, as the core's journal has the others.
    recovery: dict[str, Any] | None = None
    # How the run was started: see `chaosnetra.running.recorded`.
    started_with: dict[str, Any] = field(default_factory=dict)
    baseline: "Baseline | None" = None  # of another run, in place of one of its own
    finished: bool = False  # whether the journal is complete
    # The steady state may be checked in a thread beside the method.
    thread: threading.local = field(default_factory=threading.local)
    restore_signals: Callable[[], None] = lambda: None

    def record(self, event: str, data: dict[str, Any]) -> None:
        """Write an event; before the run has begun there is nowhere to write to."""
        if self.run is not None:
            self.run.events.record(event, data)

    def failed(self, hook: str, error: Exception) -> None:
        """The control failed, so the run proves nothing."""
        why = f": {type(error).__name__}: {error}"
        logger.debug("journal control", exc_info=True)
        if any(failure.endswith(why) for failure in self.failures):
            return  # such as a full disk, at every event
        logger.error(f"the journal control failed, so this run proves nothing: {hook}{why}")
        self.failures.append(f"{hook}{why}")


def finish_crashed(record: RunRecord, journal: dict[str, Any], error: BaseException | None) -> None:
    """The core is about to end without a journal: undo, judge, and write one."""
    if current_run().interrupted_by or isinstance(error, (KeyboardInterrupt, SystemExit)):
        # A further signal hit the core between two of its steps: an interruption, no crash.
        journal["status"] = "interrupted"
    else:
        crash = f"{type(error).__name__}: {error}" if error is not None else "no reason is known"
        logger.error(f"the run crashed: {crash}")
        if journal.get("status") in (None, "completed"):
            journal["status"] = "aborted"
        record.failures.append(f"the run ended without its after_experiment_control ({crash})")
    finish(record, journal.get("experiment") or {}, journal, written_by_the_core=False)
    path = journal_path()
    from chaostoolkit import encoder

    with reported(path, partial(_report, record)) as file:
        json.dump(journal, file, indent=2, ensure_ascii=False, default=encoder)
    logger.error(f"journal written to {path}")


def finish(
    record: RunRecord,
    experiment: Mapping[str, Any],
    journal: dict[str, Any],
    *,
    written_by_the_core: bool = True,
) -> None:
    """Close the session and complete the journal; whatever fails here fails the run."""
    run = current_run()
    run.finishing = True
    hold_until_exit()
    reported_later = written_by_the_core and let_the_core_write_whole(partial(_report, record))
    record.finished = True
    try:
        ending = _close_session(record)
        if run.events.lost:
            record.failed("events", OSError(run.events.lost))
        forget_judged_values(journal)  # first: the verdict tells tolerances as the journal has them
        verdict, violations = complete(journal, {**_facts(record, experiment, run), **ending})
        _mask(journal, run)
        corrections = journal["chaosnetra"]["corrections"]
        record.record("run.ended", {"verdict": verdict.line, "corrections": corrections})
        run.events.close()
        record.verdict_line, record.held = verdict.line, verdict.outcome is Outcome.HELD
        if record.session is not None:
            from chaosnetra.controls.closing import show_closing
            from chaosnetra.evidence.verdict.headline import in_one_sentence

            record.in_one_sentence = in_one_sentence(verdict, violations)
            record.show_closing = partial(
                show_closing, str(experiment.get("title")), journal["chaosnetra"]
            )
    except Exception as error:
        reason = run.redactor.text(f"the journal control failed: {type(error).__name__}: {error}")
        try:
            _mask(journal, run)  # the core writes it all the same
        except Exception:  # noqa: BLE001 - such as data too deep: better none of it
            journal.clear()
            journal["experiment"] = {"title": run.redactor.text(str(experiment.get("title")))}
        journal["status"] = "failed"
        journal["chaosnetra"] = {"verdict": "inconclusive", "reason": reason}
        record.verdict_line, record.held = f"inconclusive: {reason}", False
        raise
    finally:
        end_run()
        if written_by_the_core and not reported_later:
            _report(record, None)


def _report(record: RunRecord, error: OSError | None) -> None:
    """Say what the run found, now that its journal is written: or that it cannot be.

    Raises:
        SystemExit: it cannot be.
    """
    for line in log_failures():
        logger.warning(line)
    if error is not None:
        also = "" if record.held or record.refused else f"; {record.verdict_line}"
        logger.error(f"Verdict: inconclusive: {unwritable(journal_path(), error)}{also}")
        raise SystemExit(1)
    events = record.run.events.path if record.run else None
    beside = f"; events: {events}" if events else ""
    logger.info(f"Evidence: section chaosnetra of {journal_path()}{beside}")
    line = record.verdict_line
    say = logger.info if record.held else logger.error
    if record.show_closing():  # which says the rest
        line = line.partition(":")[0]
    elif record.in_one_sentence:  # the last line is found by its beginning, and is read whole
        say(f"In full: {line}")
        line = record.in_one_sentence
    say(f"Verdict: {line}")


def _mask(journal: dict[str, Any], run: Run) -> None:
    """Take the secrets out of what is about to be written."""
    hide_provider_secrets(journal)
    written = strict(run.redactor.data(journal))
    journal.clear()
    journal.update(written)


def _close_session(record: RunRecord) -> dict[str, list[Any]]:
    """Undo everything and stop the parts; what could not be undone, and what had ended before."""
    if "chaosnetra.running.session" not in sys.modules:
        return {"undo_failures": [], "parts_lost": [], "part_losses": []}  # no activity of ours ran
    from chaosnetra.running.session import end_session, existing_session

    record.session = record.session or existing_session()
    try:
        record.record("session.closing", {})
    except OSError as error:  # the undo must not wait for a disk
        record.failed("session.closing", error)
    failures = [str(failure) for failure in end_session()]
    losses = record.session.resources.losses if record.session else []
    return {
        "undo_failures": failures,
        "parts_lost": [loss["kind"] for loss in losses],
        "part_losses": losses,
    }


def _facts(record: RunRecord, experiment: Mapping[str, Any], run: Run) -> dict[str, Any]:
    dry = experiment.get("dry")
    facts = {
        "recovery": record.recovery,
        "baseline_of": record.baseline.run if record.baseline is not None else None,
        "dry": getattr(dry, "value", dry),
        "refused": record.refused,
        "unanswered": record.unanswered,
        "control_failures": list(record.failures),
        "interrupted_by": run.interrupted_by or (None if record.refused else record.interrupter),
        "run": run.id,
        "experiment_file": experiment_file(),
        "events_file": str(run.events.path) if run.events.path else None,
        "checked_out": _checked_out(record),
        **record.started_with,
    }
    if record.session is None:
        return facts
    from chaosnetra.controls.facts import session_facts

    return facts | session_facts(record.session)


def _checked_out(record: RunRecord) -> dict[str, str | None] | None:
    """The commit of the service, else of the folder that the run was started in."""
    from chaosnetra.repository import checked_out

    session = record.session
    return checked_out(session.settings.target.directory if session is not None else None)


def check_recovery(
    record: RunRecord,
    experiment: Experiment,
    journal: Mapping[str, Any],
    configuration: Configuration,
    secrets: Secrets,
    options: Mapping[str, Any],
) -> None:
    """Check the steady state of an experiment that acted again, now that the faults are gone."""
    run, session = record.run, record.session
    before = journal["steady_states"]["before"] or {}
    if (
        run is None
        or not before.get("steady_state_met")
        or journal["status"] in ("interrupted", "aborted")
        or run.interrupted_by is not None
        or dry_of(experiment.get("dry")) is not None
    ):
        return
    faults = {}
    if session is not None:
        # An exception of a signal would tear an undo, which is only played again then.
        with run.polled():
            for failure in session.injector.undo_all(only_in_effect=True):
                logger.error(str(failure))
        pass_on(run)
        from chaosnetra.controls.facts import faults_of

        faults["faults"] = faults_of(session)
    unplayed = unplayed_rollbacks(normalized({**journal, "chaosnetra": faults}))
    if unplayed.in_place:
        logger.warning(f"No recovery to check: {unplayed.text}")
        return
    logger.info("Checking that the steady state has come back")
    deadline = Deadline.after(recovery_timeout_seconds(options))
    while True:
        record.recovery = run_steady_state_hypothesis(
            experiment, configuration, secrets, None, record.event_registry
        )
        if (record.recovery or {}).get("steady_state_met") or deadline.passed:
            return
        time.sleep(RECOVERY_POLL_SECONDS)


def recovery_timeout_seconds(options: Mapping[str, Any]) -> float:
    """How long the steady state may take to come back; 0: it is checked once."""
    return duration("recovery_timeout_seconds", options.get("recovery_timeout_seconds", 0))
