"""The journal control: events as they happen, a verdict at the end, and a true exit code.

Declare it in the experiment:

    "controls": [{"name": "journal", "provider": {"type": "python",
                  "module": "chaosnetra.controls.journal"}}]

An optional argument of the provider is `recovery_timeout_seconds`: how long the steady state may
take to come back after the rollbacks; 0, the default, means one check.

The core swallows what goes wrong in a control and still exits with 0. So every hook here is
guarded: a failure of our own is logged, and the run is reported as failed.
"""

import contextlib
import functools
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import InterruptExecution
from chaoslib.run import RunEventHandler
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.controls.clock import Clock, mend_duration
from chaosnetra.controls.command_line import (
    EXIT_WITHOUT_ROLLBACKS,
    events_path,
    experiment_file,
    in_command,
    journal_path,
    run_options,
)
from chaosnetra.controls.interrupters import raised_by
from chaosnetra.controls.interruption import hold_until_exit, listen, pass_on
from chaosnetra.controls.logs import log_failures, watch_logs
from chaosnetra.controls.mend import (
    check_loaded,
    forget_judged_values,
    give_arguments,
    hide_provider_secrets,
    judge_tolerance,
    literals,
    mend_output,
    mend_tolerance,
    tell_why_unmet,
)
from chaosnetra.controls.writing import (
    check_writable,
    let_the_core_write_whole,
    told_of,
    unwritable,
)
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    InvalidInput,
)
from chaosnetra.evidence.journal.dry import carries_out, carries_out_actions, dry_of
from chaosnetra.evidence.journal.jsonsafe import strict
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.activities import unplayed_rollbacks
from chaosnetra.evidence.verdict.tolerance import has_tolerance
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.redaction import mask_tracebacks
from chaosnetra.running.recorded import recorded_configuration, recorded_settings
from chaosnetra.running.run import Run, current_run, end_run
from chaosnetra.text import one_line

if TYPE_CHECKING:
    from chaosnetra.running.session import Session

logger = logging.getLogger("chaostoolkit")

RECOVERY_POLL_SECONDS = 0.2
OPTIONS = ("recovery_timeout_seconds",)


class RunRecord:
    """What the control knows of the run in progress."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.run: Run | None = None
        self.session: Session | None = None
        self.failures: list[str] = []
        self.refused: str | None = None
        self.interrupter: str | None = None
        # What is said once the journal is written.
        self.verdict_line = ""
        self.held = False
        self.unanswered: str | None = None
        self.recovery: dict[str, Any] | None = None
        # How the run was started: see `chaosnetra.running.recorded`.
        self.started_with: dict[str, Any] = {}
        self.event_registry: Any = None
        self.finished = False
        # The steady state may be checked in a thread beside the method.
        self.thread = threading.local()
        self.restore_signals: Callable[[], None] = lambda: None

    def record(self, event: str, data: dict[str, Any]) -> None:
        """Write an event; before the run has begun there is nowhere to write to."""
        if self.run is not None:
            self.run.events.record(event, data)


_run = RunRecord()
Hook = Callable[..., None]


def guarded(hook: Hook) -> Hook:
    """Keep a failure of the control from being swallowed: it fails the run."""

    @functools.wraps(hook)
    def call(*arguments: Any, **named: Any) -> None:
        try:
            hook(*arguments, **named)
        except InterruptExecution:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must say so
            _control_failed(hook.__name__, error)

    return call


def _control_failed(hook: str, error: Exception) -> None:
    text = f"{hook}: {type(error).__name__}: {error}"
    logger.debug("journal control", exc_info=True)
    said = text.removeprefix(hook)
    if any(failure.endswith(said) for failure in _run.failures):
        return  # such as a full disk, at every event
    logger.error(f"the journal control failed, so this run proves nothing: {text}")
    _run.failures.append(text)


class _Finish(RunEventHandler):  # type: ignore[misc]  # chaoslib ships no types
    """Sees the end of every run, also of one that the core's own exception ends."""

    def interrupted(self, experiment: Experiment, journal: dict[str, Any]) -> None:  # noqa: ARG002
        _run.interrupter = raised_by(sys.exc_info()[1], experiment)

    def signal_exit(self) -> None:
        _run.interrupter = raised_by(sys.exc_info()[1], current_run().experiment or {})

    def finish(self, journal: dict[str, Any]) -> None:
        if not _run.finished:
            _finish_crashed(journal, sys.exc_info()[1])
        _run.restore_signals()


@guarded
def configure_control(event_registry: Any = None, **options: Any) -> None:
    """Get ready for a run; called once, before anything else."""
    global _run
    _run = RunRecord()
    _run.event_registry = event_registry
    event_registry.register(_Finish())
    event_registry.register(Clock(lambda: _run.run))
    if in_command():
        watch_logs()


@guarded
def before_experiment_control(
    context: Experiment,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **options: Any,
) -> None:
    """Check the settings, open the event file, and listen for SIGTERM."""
    run = current_run()
    run.experiment = context
    _run.restore_signals = listen(run)
    # First of all: what is refused below is written too.
    run.redactor.learn(configuration or {})
    run.redactor.learn(secrets or {}, secret=True)
    run.redactor.learn(literals(context))
    if in_command():
        mask_tracebacks(run.redactor)
    _name_unread_variables(context)
    _run.started_with = {
        "configuration": recorded_configuration(configuration, context.get("configuration")),
        "options": run_options(),
    }
    try:
        if options:
            _check_options(options)
        give_arguments(context)
        check_loaded(context, configuration)
        if _run.event_registry is None or _run.finished:
            raise InvalidInput("the journal control must have a name: the core skips it else")
        if _uses_our_activities(context):
            # A wrong setting ends the run here, before anything has happened.
            from chaosnetra.running.session import current_session

            _run.session = current_session(configuration)
            _run.started_with["settings"] = recorded_settings(
                _run.session.settings, configuration, os.environ
            )
            _check_arguments(_run.session, context, configuration, secrets)
        if in_command():
            try:
                check_writable(journal_path())  # the core finds out only when it has run
            except OSError as error:
                raise InvalidInput(unwritable(journal_path(), error)) from None
        path = events_path()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                run.events.open(path)
        except OSError as error:
            raise InvalidInput(
                f"the events cannot be written to {path}: {error}", "--journal-path"
            ) from None
    except ChaosnetraError as error:
        _run.refused = str(error)  # the verdict's line will say it
        raise SystemExit(EXIT_WITHOUT_ROLLBACKS) from None
    _run.run = run
    if _run.session is not None:
        _run.session.ledger.events_path = run.events.path
    settings = _run.session.settings if _run.session else None
    _run.record(
        "run.started",
        {
            "experiment": context.get("title"),
            "profile": settings.profile.name if settings else None,
            "time_scale": settings.time_scale if settings else None,
            "target": settings.target.shown if settings else None,
            "environment": settings.environment if settings else None,
            "rehearsal": settings.is_rehearsal if settings else None,
        },
    )
    if _run.session is not None and settings is not None and settings.in_staging:
        _ask_for_consent(_run.session, context, configuration, secrets)


def _check_arguments(
    session: "Session", experiment: Experiment, configuration: Configuration, secrets: Secrets
) -> None:
    """Refuse an argument that an activity would refuse later, once much has happened.

    Raises:
        InvalidInput: says which.
    """
    from chaosnetra.running.precheck import check_arguments

    session.arguments_checked = ""
    check_arguments(experiment, configuration, secrets)


def _name_unread_variables(experiment: Experiment) -> None:
    if any(name.startswith("CHAOSNETRA_") for name in os.environ):
        from chaosnetra.running.unread import unread_variables

        for line in unread_variables(os.environ, experiment):
            logger.warning(line)


def _ask_for_consent(
    session: "Session", context: Experiment, configuration: Configuration, secrets: Secrets
) -> None:
    """End the run here unless what it would do in staging was consented to."""
    if not carries_out_actions(dry_of(context.get("dry")), context):
        return
    if session.settings.is_rehearsal:
        logger.warning("A rehearsal of staging, against a local Cloud Run endpoint")
    try:
        from chaosnetra.controls.consent import ask_for_consent

        with session.run.polled():
            ask_for_consent(session, context, configuration or {}, secrets)
    except Exception as error:  # whatever it is, there is no consent
        ours = isinstance(error, ChaosnetraError)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        reason = one_line(session.redactor.text(text))
        outage = isinstance(error, (CloudRunUnanswered, CloudRunQuotaExceeded))
        _run.unanswered, _run.refused = (reason, None) if outage else (None, reason)
        logger.debug("consent", exc_info=True)
        with contextlib.suppress(OSError):  # the events cannot be written: one more reason to end
            _run.record("consent.unanswered" if outage else "consent.refused", {"reason": reason})
        raise SystemExit(EXIT_WITHOUT_ROLLBACKS) from None


@guarded
def before_hypothesis_control(context: Any, **options: Any) -> None:
    _run.thread.in_hypothesis = True
    _run.record("hypothesis.started", {"title": context.get("title")})


@guarded
def after_hypothesis_control(
    context: Any,
    state: Any = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **options: Any,
) -> None:
    _run.thread.in_hypothesis = False
    if current_run().interrupted_by is None:
        for checked in ((state or {}).get("probes") or ())[-1:]:  # the core stops at the first
            tell_why_unmet(checked, configuration, secrets)
    _run.record("hypothesis.ended", {"met": (state or {}).get("steady_state_met")})


@guarded
def before_method_control(context: Any, **options: Any) -> None:
    _run.thread.in_hypothesis = False
    _run.record("method.started", {})


@guarded
def after_method_control(context: Any, state: Any = None, **options: Any) -> None:
    _run.record("method.ended", {"activities": len(state or ())})


@guarded
def before_rollback_control(context: Any, **options: Any) -> None:
    run = current_run()
    _run.thread.in_hypothesis = False  # an interruption may have left it
    rollbacks = (run.experiment or {}).get("rollbacks") or ()
    if _run.session is not None and any(map(_is_foreign_action, rollbacks)):
        # They may undo by their own means what is in place.
        _run.session.injector.settle()
    run.in_rollbacks = run.unwinding = True
    _run.record("rollbacks.started", {})


@guarded
def after_rollback_control(context: Any, state: Any = None, **options: Any) -> None:
    current_run().in_rollbacks = False
    _run.record("rollbacks.ended", {"activities": len(state or ())})


@guarded
def before_activity_control(context: Any, **options: Any) -> None:
    if _is_foreign_action(context):
        current_run().foreign_action_began(str(context.get("name")))
    _run.record("activity.started", {"type": context.get("type"), "name": context.get("name")})


@guarded
def after_activity_control(
    context: Any,
    state: Any = None,
    experiment: Experiment = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **options: Any,
) -> None:
    """Mend what the core could not write or judge, before it tries to."""
    if _is_foreign_action(context):
        current_run().foreign_action_ended(str(context.get("name")))
    if state is not None:
        mend_output(context, state)
        if _run.run is not None:
            state["output"] = _run.run.redactor.data(state["output"])
        is_asked = carries_out(dry_of((experiment or {}).get("dry")), context)
        if is_asked and has_tolerance(context) and state["status"] == "succeeded":
            core_judges = getattr(_run.thread, "in_hypothesis", False)
            judge = mend_tolerance if core_judges else judge_tolerance
            judge(context, state, configuration, secrets)
        _run.record(
            "activity.ended",
            {
                "type": context.get("type"),
                "name": context.get("name"),
                "status": state["status"],
                "duration_seconds": state.get("duration"),
                "output": state["output"],
                "exception": (state.get("exception") or [None])[-1],
            },
        )
    if _run.run is not None and not _run.run.in_rollbacks and not _run.finished:
        pass_on(_run.run)


@guarded
def after_experiment_control(
    context: Experiment,
    state: Any = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **options: Any,
) -> None:
    """Check the recovery, undo what is left, judge, and correct the status."""
    current_run().over = True
    try:
        mend_duration(state, time.monotonic() - _run.began)
        _check_recovery(context, state, configuration, secrets, options)
    except (InterruptExecution, KeyboardInterrupt, SystemExit):
        state["status"] = "interrupted"
    except Exception as error:  # noqa: BLE001 - the undo and the verdict must still come
        _control_failed("after_experiment_control", error)
    _collect_monitoring()
    _finish(context, state)


def _collect_monitoring() -> None:
    """Evidence that shows minutes after the run; the faults are gone by then.

    A signal meanwhile ends the wait and not the run, which is over.
    """
    run, session = _run.run, _run.session
    if run is None or session is None or not session.settings.monitoring:
        return
    interrupted_by = run.interrupted_by
    try:
        with run.polled():
            for failure in session.injector.undo_all(only_in_effect=True):
                logger.error(str(failure))
            session.collect_monitoring(lambda: run.interrupted_by is not None)
    except Exception as error:  # noqa: BLE001 - the verdict must still come
        logger.error(f"there is no evidence from Cloud Monitoring: {error}")
        session.monitoring = {"source": None, "error": f"{type(error).__name__}: {error}"}
    run.interrupted_by = interrupted_by


def _finish(
    experiment: Mapping[str, Any], journal: dict[str, Any], *, written_by_the_core: bool = True
) -> None:
    """Close the session and complete the journal; whatever fails here fails the run."""
    run = current_run()
    run.finishing = True
    hold_until_exit()
    told_later = written_by_the_core and let_the_core_write_whole(_tell)
    _run.finished = True
    try:
        ending = _close_session()
        if run.events.lost:
            _control_failed("events", OSError(run.events.lost))
        forget_judged_values(journal)  # first: the verdict tells tolerances as the journal has them
        verdict = complete(journal, {**_facts(experiment, run, _run.session), **ending})
        line = run.redactor.text(verdict.line)
        _mask(journal, run)
        corrections = journal["chaosnetra"]["corrections"]
        _run.record("run.ended", {"verdict": line, "corrections": corrections})
        run.events.close()
        _run.verdict_line, _run.held = line, verdict.outcome is Outcome.HELD
    except Exception as error:
        reason = run.redactor.text(f"the journal control failed: {type(error).__name__}: {error}")
        try:
            _mask(journal, run)  # the core writes it all the same
        except Exception:  # noqa: BLE001 - such as data too deep: better none of it
            journal.clear()
            journal["experiment"] = {"title": run.redactor.text(str(experiment.get("title")))}
        journal["status"] = "failed"
        journal["chaosnetra"] = {"verdict": "inconclusive", "reason": reason}
        _run.verdict_line, _run.held = f"inconclusive: {reason}", False
        raise
    finally:
        end_run()
        if written_by_the_core and not told_later:
            _tell(None)


def _tell(error: OSError | None) -> None:
    """Say what the run found, now that its journal is written: or that it cannot be.

    Raises:
        SystemExit: it cannot be.
    """
    for line in log_failures():
        logger.warning(line)
    if error is not None:
        also = "" if _run.held or _run.refused else f"; {_run.verdict_line}"
        logger.error(f"Verdict: inconclusive: {unwritable(journal_path(), error)}{also}")
        raise SystemExit(1)
    events = _run.run.events.path if _run.run else None
    beside = f"; events: {events}" if events else ""
    logger.info(f"Evidence: section chaosnetra of {journal_path()}{beside}")
    (logger.info if _run.held else logger.error)(f"Verdict: {_run.verdict_line}")


def _mask(journal: dict[str, Any], run: Run) -> None:
    """Take the secrets out of what is about to be written."""
    hide_provider_secrets(journal)
    written = strict(run.redactor.data(journal))
    journal.clear()
    journal.update(written)


def _close_session() -> dict[str, list[Any]]:
    """Undo everything and stop the parts; what could not be undone, and what had ended before."""
    if "chaosnetra.running.session" not in sys.modules:
        return {"undo_failures": [], "parts_lost": [], "part_losses": []}  # no activity of ours ran
    from chaosnetra.running.session import end_session, existing_session

    _run.session = _run.session or existing_session()
    try:
        _run.record("session.closing", {})
    except OSError as error:  # the undo must not wait for a disk
        _control_failed("session.closing", error)
    failures = [str(failure) for failure in end_session()]
    losses = _run.session.part_losses() if _run.session else []
    return {
        "undo_failures": failures,
        "parts_lost": [loss["kind"] for loss in losses],
        "part_losses": losses,
    }


def _uses_our_activities(experiment: Mapping[str, Any]) -> bool:
    hypothesis = experiment.get("steady-state-hypothesis") or {}
    activities = [
        *(hypothesis.get("probes") or ()),
        *(experiment.get("method") or ()),
        *(experiment.get("rollbacks") or ()),
    ]
    return any(_is_ours(activity) for activity in activities if isinstance(activity, dict))


def _is_ours(activity: Mapping[str, Any]) -> bool:
    return str((activity.get("provider") or {}).get("module", "")).startswith("chaosnetra.")


def _is_foreign_action(activity: Mapping[str, Any]) -> bool:
    return activity.get("type") == "action" and not _is_ours(activity)


def _facts(
    experiment: Mapping[str, Any],
    run: Run,
    session: "Session | None",
) -> dict[str, Any]:
    dry = experiment.get("dry")
    facts: dict[str, Any] = {
        "recovery": _run.recovery,
        "dry": getattr(dry, "value", dry),
        "refused": _run.refused,
        "unanswered": _run.unanswered,
        "control_failures": list(_run.failures),
        "interrupted_by": run.interrupted_by or (None if _run.refused else _run.interrupter),
        "run": run.id,
        "experiment_file": experiment_file(),
        "events_file": str(run.events.path) if run.events.path else None,
        **_run.started_with,
    }
    if session is None:
        return facts
    settings = session.settings
    facts |= {
        "faults": _faults(run, session),
        "stand": [part.to_json() for part in session.parts],
        "profile": {
            "name": settings.profile.name,
            "date": settings.profile.date,
            "source": settings.profile.source,
            "environment": settings.profile.environment,
            "budgets": vars(settings.profile.budgets),
            "pool": vars(settings.profile.pool),
            "orchestrator": vars(settings.profile.orchestrator),
            "infrastructure": settings.profile.infrastructure_figures,
        },
        "environment": settings.environment,
        "rehearsal": settings.is_rehearsal,
        "time_scale": settings.time_scale,
        "target": settings.target.shown,
        "seed": settings.seed,
    }
    launches = session.exposure.launches  # none in staging, where a job's tasks are not counted
    facts["exposure"] = session.exposure.facts() if launches else None
    facts["database_state"] = session.state.facts(launches) if launches else None
    if session.plan is not None:
        facts["plan"] = session.plan.to_json()
    if session.calls is not None:
        facts["cloud_run"] = session.calls.to_json()
    if session.monitoring is not None:
        facts["monitoring"] = session.monitoring
    if session.connector_history is not None:
        history = dict(session.connector_history)
        history["started_seconds"] = _seconds(run, history.pop("started_monotonic", None))
        facts["connector"] = history
    return facts


def _faults(run: Run, session: "Session") -> list[dict[str, Any]]:
    return [
        {
            "name": fault.name,
            "parameters": dict(fault.parameters),
            "effect": fault.effect.to_json() if fault.effect else None,
            "effect_after": fault.effect_after.to_json() if fault.effect_after else None,
            "last_in_effect_at": fault.last_in_effect_at,
            "undo": fault.report.result.value if fault.report else None,
            "injected_at": fault.injected_at,
            "undone_at": fault.undone_at,
            "injected_seconds": _seconds(run, fault.injected_monotonic),
            "undone_seconds": _seconds(run, fault.undone_monotonic),
        }
        for fault in session.injector.faults
    ]


def _seconds(run: Run, monotonic: float | None) -> float | None:
    """A reading of `time.monotonic()` as seconds since the run began."""
    return None if monotonic is None else run.events.elapsed_seconds(monotonic)


def _check_recovery(
    experiment: Experiment,
    journal: Mapping[str, Any],
    configuration: Configuration,
    secrets: Secrets,
    options: Mapping[str, Any],
) -> None:
    """Check the steady state once more, now that the faults are gone."""
    run, session = _run.run, _run.session
    before = journal["steady_states"]["before"] or {}
    acted = any(step.get("type") == "action" for step in experiment.get("method") or ())
    if (
        run is None
        or not acted
        or not before.get("steady_state_met")
        or journal["status"] in ("interrupted", "aborted")
        or run.interrupted_by is not None
        or dry_of(experiment.get("dry")) is not None
    ):
        return
    if session is not None:
        # An exception of a signal would tear an undo, which is only played again then.
        with run.polled():
            for failure in session.injector.undo_all(only_in_effect=True):
                logger.error(str(failure))
        pass_on(run)
    faults = {"faults": _faults(run, session)} if session else {}
    unplayed = unplayed_rollbacks(normalized({**journal, "chaosnetra": faults}))
    if unplayed.in_place:
        logger.warning(f"No recovery to check: {unplayed.text}")
        return
    from chaoslib.hypothesis import run_steady_state_hypothesis

    from chaosnetra.durations import Deadline

    logger.info("Checking that the steady state has come back")
    deadline = Deadline.after(_recovery_timeout_seconds(options))
    while True:
        _run.recovery = run_steady_state_hypothesis(
            experiment, configuration, secrets, None, _run.event_registry
        )
        if (_run.recovery or {}).get("steady_state_met") or deadline.passed:
            return
        time.sleep(RECOVERY_POLL_SECONDS)


def _finish_crashed(journal: dict[str, Any], error: BaseException | None) -> None:
    """The core is about to end without a journal: undo, judge, and write one."""
    if current_run().interrupted_by or isinstance(error, (KeyboardInterrupt, SystemExit)):
        # A further signal hit the core between two of its steps: an interruption, no crash.
        journal["status"] = "interrupted"
        _finish_and_write(journal)
        return
    crash = f"{type(error).__name__}: {error}" if error is not None else "no reason is known"
    logger.error(f"the run crashed: {crash}")
    if journal.get("status") in (None, "completed"):
        journal["status"] = "aborted"
    _run.failures.append(f"the run ended without its after_experiment_control ({crash})")
    _finish_and_write(journal)


def _finish_and_write(journal: dict[str, Any]) -> None:
    """Finish a run whose journal the core will not write."""
    _finish(journal.get("experiment") or {}, journal, written_by_the_core=False)
    path = journal_path()
    from chaostoolkit import encoder

    with told_of(path, _tell) as file:
        json.dump(journal, file, indent=2, ensure_ascii=False, default=encoder)
    logger.error(f"journal written to {path}")


def _check_options(options: Mapping[str, Any]) -> None:
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise InvalidInput(
            f"the journal control has no argument {', '.join(unknown)}; it has {', '.join(OPTIONS)}"
        )
    _recovery_timeout_seconds(options)


def _recovery_timeout_seconds(options: Mapping[str, Any]) -> float:
    from chaosnetra.quantities import duration

    return duration("recovery_timeout_seconds", options.get("recovery_timeout_seconds", 0))
