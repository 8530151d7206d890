"""The OpenTelemetry control: a run as a trace and metrics, sent over OTLP.

Declare it beside the journal control, in the experiment or in the settings of the Chaos Toolkit:

    {"name": "otel", "provider": {"type": "python", "module": "chaosnetra.controls.otel"}}

It takes `pip install 'chaostoolkit-netra[otel]'`, and OpenTelemetry's own variables say where
spans and metrics go: `OTEL_EXPORTER_OTLP_ENDPOINT` and those beside it. The run's span is below
the one that `TRACEPARENT` names, where there is one, and each startup has in its environment a
`TRACEPARENT` that names its own span.

A collector that cannot be reached costs the end of a run a few seconds at most, and one line.
"""

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaoslib.run import RunEventHandler
from chaoslib.types import Configuration, Experiment, Secrets

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.controls.mend import literals
from chaosnetra.errors import ChaosnetraError, InvalidInput
from chaosnetra.evidence.journal.dry import dry_of
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.running.run import LOGGER, current_run
from chaosnetra.text import one_line, plain_names

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

    from chaosnetra.controls.telemetry import Telemetry
    from chaosnetra.running.session import Session
    from chaosnetra.startup.outcome import StartupOutcome

logger = logging.getLogger(LOGGER)

# What `lint` holds the control's arguments against: it has none.
OPTIONS: tuple[str, ...] = ()
# Violations told in the run's span; the journal has all of them.
MOST_VIOLATIONS = 20


def configure_control(event_registry: Any = None, **options: Any) -> None:
    """Follow the run; called once, before anything else."""
    if any(isinstance(one, OtelRunEventHandler) for one in event_registry.handlers):
        return  # declared in the settings and in the experiment
    handler = OtelRunEventHandler(event_registry)
    if options:
        handler.give_up(InvalidInput(f"the otel control takes no arguments, got {sorted(options)}"))
    event_registry.register(handler)


def _spared(hook: Callable[..., None]) -> Callable[..., None]:
    """Keep what goes wrong in a hook from the run: it is told once, and no more is traced."""

    @functools.wraps(hook)
    def call(self: "OtelRunEventHandler", *arguments: Any, **named: Any) -> None:
        if self.given_up:
            return
        try:
            hook(self, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self.give_up(error)

    return call


class OtelRunEventHandler(RunEventHandler):  # type: ignore[misc]  # chaoslib ships no types
    """Makes spans of what the core tells, and of what launchers tell a tracer.

    Args:
        registry: the core's, which tells it.
    """

    def __init__(self, registry: Any) -> None:
        self.given_up = False
        self._registry = registry
        self._telemetry: Telemetry | None = None
        self._span: Span | None = None  # the run's
        self._session: Session | None = None
        self._stage: Stage | None = None
        # The core begins and ends an activity in the same thread, and may run several at once.
        self._thread = threading.local()
        self._activities: list[Span] = []
        self._faults_told: set[int] = set()

    def give_up(self, error: Exception) -> None:
        """Trace no more, and say why."""
        from chaosnetra.running.tracing import UNTRACED, trace_by

        self.given_up = True
        trace_by(UNTRACED)
        logger.debug("otel control", exc_info=True)
        ours = isinstance(error, ChaosnetraError)
        why = str(error) if ours else f"{type(error).__name__}: {error}"
        logger.warning(one_line(f"OpenTelemetry: this run is not traced: {why}"))

    @_spared
    def running(
        self,
        experiment: Experiment,
        journal: dict[str, Any],  # noqa: ARG002 - the core's
        configuration: Configuration,
        secrets: Secrets,
        *_others: Any,
    ) -> None:
        """Begin the trace."""
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            self.given_up = True
            return
        try:
            from chaosnetra.controls.telemetry import Telemetry, context_of_run
        except ImportError as error:
            raise InvalidInput(f"pip install 'chaostoolkit-netra[otel]' ({error})") from None
        from chaosnetra.running.tracing import trace_by

        run = current_run()
        run.redactor.learn(configuration or {})
        run.redactor.learn(secrets or {}, secret=True)
        run.redactor.learn(literals(experiment))
        self._telemetry = Telemetry(run.redactor, os.environ)
        title = str(experiment.get("title"))
        attributes = {
            "chaosnetra.run": run.id,
            "chaosnetra.experiment": title,
            "chaosnetra.dry": dry_of(experiment.get("dry")),
        }
        context = context_of_run(os.environ)
        self._span = self._telemetry.begin(f"chaos run {title}", attributes, context)
        trace_by(self)
        place = self._span.get_span_context()
        if self._telemetry.sends_spans and place.trace_flags.sampled:
            logger.info(f"Trace {place.trace_id:032x}: sent to {self._telemetry.endpoint}")

    def start_hypothesis_before(self, experiment: Experiment) -> None:  # noqa: ARG002 - the core's
        self._stage = Stage.BEFORE

    def start_method(self, experiment: Experiment) -> None:  # noqa: ARG002
        self._stage = Stage.METHOD

    def start_continuous_hypothesis(self, frequency: int) -> None:  # noqa: ARG002
        self._thread.stage = Stage.DURING

    def start_hypothesis_after(self, experiment: Experiment) -> None:  # noqa: ARG002
        self._stage = Stage.AFTER

    def start_rollbacks(self, experiment: Experiment) -> None:  # noqa: ARG002
        self._stage = None

    def rollbacks_completed(self, experiment: Experiment, journal: Any) -> None:  # noqa: ARG002
        self._stage = Stage.RECOVERY

    @_spared
    def start_activity(self, activity: Mapping[str, Any]) -> None:
        assert self._telemetry is not None and self._span is not None  # noqa: S101, PT018
        from opentelemetry.trace import set_span_in_context

        provider = activity.get("provider") or {}
        attributes = {
            "chaosnetra.activity.type": activity.get("type"),
            "chaosnetra.activity.function": ".".join(
                str(provider[key]) for key in ("module", "func") if key in provider
            )
            or None,
            "chaosnetra.stage": self._current_stage,
        }
        self._thread.activity = self._telemetry.begin(
            str(activity.get("name")), attributes, set_span_in_context(self._span)
        )
        self._activities.append(self._thread.activity)

    @_spared
    def activity_completed(self, activity: Any, run: Mapping[str, Any]) -> None:  # noqa: ARG002
        assert self._telemetry is not None  # noqa: S101
        self._tell_faults()
        span, self._thread.activity = getattr(self._thread, "activity", None), None
        if span is None:
            return
        self._activities.remove(span)
        status = run.get("status")
        failed = status != "succeeded"
        told = {"chaosnetra.activity.status": status}
        error = (status or "interrupted") if failed else None
        self._telemetry.finish(span, told, error, f"the activity was {error}" if failed else "")

    @_spared
    def finish(self, journal: dict[str, Any]) -> None:
        """End the trace, and send what is left."""
        assert self._telemetry is not None and self._span is not None  # noqa: S101, PT018
        if self._registry.handlers[-1] is not self:
            self._registry.register(self)  # whoever completes the journal is told before
            return
        from chaosnetra.running.tracing import UNTRACED, trace_by

        trace_by(UNTRACED)
        telemetry = self._telemetry
        self._tell_faults(at_end=True)
        for span in self._activities:
            telemetry.finish(span, {}, "interrupted", "the run was interrupted")
        self._tell_verdict(journal)
        missing = telemetry.end()
        if missing is not None:
            logger.warning(
                f"OpenTelemetry: {missing}; check OTEL_EXPORTER_OTLP_ENDPOINT and its collector"
            )

    @contextmanager
    def launch(
        self, count: int, database: DatabaseAddress, faults: Sequence[str]
    ) -> Iterator["_Launch"]:
        """See `chaosnetra.running.tracing.Tracer`."""
        launch = _Launch(database, faults)
        self._prepare(launch, count)
        try:
            yield launch
        finally:
            self._tell_launch(launch)

    @_spared
    def _prepare(self, launch: "_Launch", count: int) -> None:
        assert self._telemetry is not None and self._span is not None  # noqa: S101, PT018
        from chaosnetra.controls.telemetry import variables_of

        above = getattr(self._thread, "activity", None) or self._span
        launch.above = above.get_span_context()
        launch.places = [self._telemetry.child_of(launch.above) for _ in range(count)]
        launch.environments = [variables_of(place) for place in launch.places]
        launch.shared_environment = variables_of(launch.above)

    @_spared
    def _tell_launch(self, launch: "_Launch") -> None:
        assert self._telemetry is not None  # noqa: S101
        from chaosnetra.controls.spans import connection_spans, setup_seconds, startup_span

        stage = self._current_stage
        for outcome, began_at in launch.learned.values():
            place = launch.places[outcome.number - 1]
            facts = startup_span(outcome, began_at, stage, launch.faults)
            span = self._telemetry.add(facts, launch.above, place)
            self._telemetry.count_startup(
                outcome.seconds, span, outcome=outcome.status.value, stage=stage
            )
            connections = outcome.wire.connections if outcome.wire is not None else ()
            spans = connection_spans(outcome, began_at, launch.database)
            for connection, told in zip(connections, spans, strict=True):
                self._telemetry.count_connection(
                    setup_seconds(connection),
                    self._telemetry.add(told, place),
                    end=connection.end.value,
                    stage=stage,
                )

    @property
    def _current_stage(self) -> Stage | None:
        stage: Stage | None = getattr(self._thread, "stage", None)
        return stage or self._stage

    def _tell_faults(self, *, at_end: bool = False) -> None:
        """Add the spans of faults that were undone since; at the end of all."""
        from chaosnetra.controls.spans import fault_span
        from chaosnetra.running.session import existing_session

        assert self._telemetry is not None and self._span is not None  # noqa: S101, PT018
        self._session = existing_session() or self._session
        if self._session is None:
            return
        for fault in self._session.injector.faults:
            if fault.entry in self._faults_told or (fault.active and not at_end):
                continue
            self._faults_told.add(fault.entry)
            name = plain_names(fault.name)
            facts = fault_span(fault, name, time.monotonic())
            if facts is None:
                continue
            self._telemetry.add(facts, self._span.get_span_context())
            observed = facts.attributes["chaosnetra.fault.observed"]
            if isinstance(observed, (int, float)) and not isinstance(observed, bool):
                quantity = facts.attributes["chaosnetra.fault.quantity"]
                self._telemetry.gauge_effect(float(observed), name=name, quantity=quantity)

    def _tell_verdict(self, journal: Mapping[str, Any]) -> None:
        """End the run's span with what the run found, as far as it was judged."""
        assert self._telemetry is not None and self._span is not None  # noqa: S101, PT018
        section = journal.get("chaosnetra") or {}
        verdict, status = section.get("verdict"), journal.get("status")
        profile = section.get("profile") or {}
        told = {
            "chaosnetra.verdict": verdict,
            "chaosnetra.cause": section.get("cause"),
            "chaosnetra.interrupted_by": section.get("interrupted_by"),
            "chaosnetra.profile": profile.get("name"),
            "chaosnetra.environment": section.get("environment"),
            "chaosnetra.target": section.get("target"),
            "chaosnetra.time_scale": section.get("time_scale"),
            "chaosnetra.seed": section.get("seed"),
            "chaosnetra.spans_left_out": self._telemetry.left_out,
            "chaostoolkit.status": status,
            "chaostoolkit.deviated": journal.get("deviated"),
        }
        for one in (section.get("violations") or ())[:MOST_VIOLATIONS]:
            keys = ("stage", "probe", "phase", "budget", "sqlstate", "exit_code")
            self._telemetry.mark(
                self._span, "violation", {f"chaosnetra.{key}": one.get(key) for key in keys}
            )
        # As the exit code of `chaos run` has it.
        failed = status != "completed" or bool(journal.get("deviated"))
        error = (verdict or status or "interrupted") if failed else None
        self._telemetry.count_run(verdict=verdict or "none", cause=section.get("cause"))
        self._telemetry.finish(self._span, told, error, str(section.get("cause") or status))


class _Launch:
    """The trace of a launch; see `chaosnetra.running.tracing.LaunchTrace`."""

    above: "SpanContext"

    def __init__(self, database: DatabaseAddress, faults: Sequence[str]) -> None:
        self.database = database
        self.faults = faults
        self.places: list[SpanContext] = []
        self.environments: Sequence[Mapping[str, str]] = ()
        self.shared_environment: Mapping[str, str] = {}
        self.learned: dict[int, tuple[StartupOutcome, float]] = {}

    def learn(self, outcome: "StartupOutcome", began_at: float | None = None) -> None:
        """See `chaosnetra.running.tracing.LaunchTrace`."""
        if began_at is None and outcome.span is not None:
            began_at = outcome.span[0]
        if began_at is not None:
            self.learned[outcome.number] = outcome, began_at
