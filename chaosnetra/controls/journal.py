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
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chaoslib.exceptions import InterruptExecution
from chaoslib.run import RunEventHandler
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.controls.command_line import (
    events_path,
    experiment_file,
    given_by,
    given_variables,
    in_command,
    journal_path,
    run_options,
)
from chaosnetra.controls.ending import (
    RunRecord,
    check_recovery,
    finish,
    finish_crashed,
    recovery_timeout_seconds,
)
from chaosnetra.controls.interruption import listen, pass_on, raised_by
from chaosnetra.controls.mend import (
    Clock,
    check_loaded,
    give_arguments,
    judge_tolerance,
    literals,
    mend_duration,
    mend_output,
    mend_tolerance,
    tell_why_unmet,
)
from chaosnetra.controls.writing import check_writable, leave_out_the_signal, unwritable, watch_logs
from chaosnetra.errors import (
    ChaosnetraError,
    CloudRunQuotaExceeded,
    CloudRunUnanswered,
    InvalidInput,
)
from chaosnetra.evidence.journal.dry import carries_out, carries_out_actions, dry_of
from chaosnetra.evidence.verdict.tolerance import has_tolerance
from chaosnetra.redaction import mask_tracebacks
from chaosnetra.repository import find_settings_file, folder_of
from chaosnetra.running.run import (
    BASELINE_FILE,
    EXIT_WITHOUT_ROLLBACKS,
    Run,
    activities_of,
    current_run,
)
from chaosnetra.text import one_line

if TYPE_CHECKING:
    from chaosnetra.running.session import Session

logger = logging.getLogger("chaostoolkit")

# What `lint` holds the control's arguments against too.
OPTIONS = ("recovery_timeout_seconds",)

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
            _run.failed(hook.__name__, error)

    return call


class _Finish(RunEventHandler):  # type: ignore[misc]  # chaoslib ships no types
    """Sees the end of every run, also of one that the core's own exception ends."""

    def interrupted(self, experiment: Experiment, journal: dict[str, Any]) -> None:  # noqa: ARG002
        _run.interrupter = raised_by(sys.exc_info()[1], experiment)

    def signal_exit(self) -> None:
        _run.interrupter = raised_by(sys.exc_info()[1], current_run().experiment or {})

    def finish(self, journal: dict[str, Any]) -> None:
        if not _run.finished:
            finish_crashed(_run, journal, sys.exc_info()[1])
        _run.restore_signals()


@guarded
def configure_control(event_registry: Any = None, **options: Any) -> None:
    """Get ready for a run; called once, before anything else."""
    global _run
    _run = RunRecord(event_registry)
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
    wrong_file = _complete(context, configuration)
    # First of all: what is refused below is written too.
    run.redactor.learn(configuration or {})
    run.redactor.learn(secrets or {}, secret=True)
    run.redactor.learn(literals(context))
    if in_command():
        mask_tracebacks(run.redactor)
    _name_unread_variables(context)
    _run.started_with |= {"configuration": {}, "options": run_options()}
    if configuration:
        from chaosnetra.running.recorded import recorded_configuration

        declared = context.get("configuration")
        _run.started_with["configuration"] = recorded_configuration(configuration, declared or {})
    try:
        if wrong_file is not None:
            raise wrong_file
        if options:
            from chaosnetra.documents.shapes import refuse_unknown

            refuse_unknown("the journal control", options, OPTIONS)
            recovery_timeout_seconds(options)
        give_arguments(context)
        check_loaded(context, configuration)
        if _run.event_registry is None or _run.finished:
            raise InvalidInput("the journal control must have a name: the core skips it else")
        if any(map(_is_ours, activities_of(context))):
            _open_session(context, configuration, secrets)
        _open_events(run)
    except ChaosnetraError as error:
        from chaosnetra.hints import with_places

        # The verdict's line will say it.
        _run.refused = with_places(str(error), run.places)
        leave_out_the_signal()
        raise SystemExit(EXIT_WITHOUT_ROLLBACKS) from None
    _run.run = run
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


def _complete(experiment: Experiment, configuration: Configuration) -> ChaosnetraError | None:
    """Put what `chaosnetra.toml` and `--var` give into the configuration; say who gives what.

    Returns:
        Why the file cannot be used, where it cannot.
    """
    folder = folder_of(experiment_file())
    if not any(map(_is_ours, activities_of(experiment))) and find_settings_file(folder) is None:
        return None
    from chaosnetra.settings.sources import find_sources

    declared = experiment.get("configuration")
    try:
        sources = find_sources(folder, declared, given_variables(), option=given_by())
    except ChaosnetraError as error:
        return error
    current_run().places = sources.places
    if configuration is not None:
        sources.complete(configuration)
    _run.started_with["sources"] = sources.to_json()
    if told := sources.told():
        logger.info(f"Settings: {told}")
    if sources.file is not None:
        for line in sources.file.unread(sources.declared):
            logger.warning(line)
    return None


def _open_session(experiment: Experiment, configuration: Configuration, secrets: Secrets) -> None:
    """Refuse a setting, or an argument of an activity of ours, before anything has happened.

    Raises:
        InvalidInput: says which.
    """
    from chaosnetra.running.precheck import check_arguments
    from chaosnetra.running.recorded import recorded_settings
    from chaosnetra.running.session import current_session

    _run.session = session = current_session(configuration)
    if BASELINE_FILE in os.environ:
        from chaosnetra.controls.baseline import adopt

        adopt(_run)
    _run.started_with["settings"] = recorded_settings(session.settings, configuration, os.environ)
    if not session.settings.target.is_reference:
        from chaosnetra.running.profile_meaning import profile_meaning

        logger.info(profile_meaning(session.settings, experiment, configuration or {}))
    session.check_arguments(lambda: check_arguments(experiment, configuration, secrets))


def _open_events(run: Run) -> None:
    """Open the file of events, and see whether the journal can be written beside it.

    Raises:
        InvalidInput: one of them cannot be written.
    """
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
    if _run.session is not None:
        _run.session.resources.ledger.events_path = run.events.path


def _name_unread_variables(experiment: Experiment) -> None:
    if any(name.startswith("CHAOSNETRA_") for name in os.environ):
        from chaosnetra.hints import variable_of
        from chaosnetra.running.unread import unread_variables

        # A setting that is given to `ci` is handed on by its variable too.
        handed_on = set(map(variable_of, given_variables()))
        environ = {name: os.environ[name] for name in os.environ.keys() - handed_on}
        for line in unread_variables(environ, experiment):
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
        reason = one_line(text)
        outage = isinstance(error, (CloudRunUnanswered, CloudRunQuotaExceeded))
        _run.unanswered, _run.refused = (reason, None) if outage else (None, reason)
        logger.debug("consent", exc_info=True)
        with contextlib.suppress(OSError):  # the events cannot be written: one more reason to end
            _run.record("consent.unanswered" if outage else "consent.refused", {"reason": reason})
        leave_out_the_signal()
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
    if _run.baseline is not None:
        from chaosnetra.controls.baseline import prepare

        prepare(_run)
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
        if _run.baseline is not None:
            state["steady_states"]["before"] = _run.baseline.state
        if any(step.get("type") == "action" for step in context.get("method") or ()):
            check_recovery(_run, context, state, configuration, secrets, options)
        if BASELINE_FILE in os.environ:
            from chaosnetra.controls.baseline import leave

            leave(_run)
    except (InterruptExecution, KeyboardInterrupt, SystemExit):
        state["status"] = "interrupted"
    except Exception as error:  # noqa: BLE001 - the undo and the verdict must still come
        _run.failed("after_experiment_control", error)
    if _run.session is not None and _run.run is not None:
        _run.session.staging.collect_monitoring()
    finish(_run, context, state)


def _is_ours(activity: Mapping[str, Any]) -> bool:
    return str((activity.get("provider") or {}).get("module", "")).startswith("chaosnetra.")


def _is_foreign_action(activity: Mapping[str, Any]) -> bool:
    return activity.get("type") == "action" and not _is_ours(activity)
