"""Sends spans and metrics over OTLP by OpenTelemetry's SDK, as the `OTEL_…` variables say.

Its import takes the packages of the extra `otel`: whoever needs it imports it when it is needed.
"""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chaosnetra import __version__
from chaosnetra.controls.otlp_exporters import (
    SECRET_VARIABLES,
    Complaint,
    endpoint_of,
    exporter_of,
    watched,
)
from chaosnetra.controls.spans import SpanFacts
from chaosnetra.processes.signals import blocked
from chaosnetra.redaction import Redactor
from chaosnetra.text import cut, how_many, one_line

# How long the end of a run waits for what is not sent yet; and where nothing arrived so far.
ENDING_SECONDS = 5.0
ENDING_IN_VAIN_SECONDS = 1.0
LOOK_SECONDS = 0.05
# Spans that wait to be sent: a run goes on when a collector does not answer.
MOST_WAITING = 20_000
LONGEST_TEXT = 1_000
MOST_INTEGER = 2**63
# What is known is sent so soon: it stays when the run is killed.
SPANS_EVERY_SECONDS = 1.0
METRICS_EVERY_SECONDS = 5.0
STARTUP_BOUNDARIES = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)
CONNECTION_BOUNDARIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Telemetry:
    """Spans and metrics of one run on their way to a collector.

    Nothing but `end` waits for the collector. Moments are readings of `time.monotonic()`, which are
    held against the wall clock once: a clock that is set meanwhile moves no span.

    Args:
        redactor: knows the secrets of the run.
        environ: with the variables of OpenTelemetry.

    Raises:
        InvalidInput: a variable asks for what is not there.
    """

    def __init__(self, redactor: Redactor, environ: Mapping[str, str]) -> None:
        for name in SECRET_VARIABLES:
            for pair in environ.get(name, "").split(","):
                value = pair.partition("=")[2].strip()
                redactor.learn([value, unquote(value)], secret=True)
        self._redactor = redactor
        self._anchor_ns = time.time_ns() - int(time.monotonic() * 1e9)
        self._ids = _ChosenIds()
        # Spans that ended; that arrived, or did not; and metrics that did not.
        self._added, self._sent, self._failed, self._metrics_failed = 0, 0, 0, 0
        self.left_out = 0
        self._complaint = Complaint()
        self.endpoint = endpoint_of(environ)
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "chaosnetra"}))
        spans, metrics = exporter_of(environ, "traces"), exporter_of(environ, "metrics")
        self._exporters = (spans, metrics)
        with blocked():  # a signal must meet a thread that can be held back from it
            self._tracers = TracerProvider(
                resource=resource, id_generator=self._ids, shutdown_on_exit=False
            )
            if spans is not None:
                given = "OTEL_BSP_SCHEDULE_DELAY" in environ
                self._tracers.add_span_processor(
                    BatchSpanProcessor(
                        watched(spans, self._complaint, self._note_spans),
                        max_queue_size=MOST_WAITING,
                        schedule_delay_millis=None if given else 1000 * SPANS_EVERY_SECONDS,
                    )
                )
            readers = []
            if metrics is not None:
                given = "OTEL_METRIC_EXPORT_INTERVAL" in environ
                readers.append(
                    PeriodicExportingMetricReader(
                        watched(metrics, self._complaint, self._note_metrics),
                        export_interval_millis=None if given else 1000 * METRICS_EVERY_SECONDS,
                    )
                )
            self._meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        self._has_spans = spans is not None
        self._tracer = self._tracers.get_tracer("chaosnetra", __version__)
        meter = self._meters.get_meter("chaosnetra", __version__)
        self._startup_seconds = meter.create_histogram(
            "chaosnetra.startup.duration",
            "s",
            "Startups, until they were ready or ended",
            explicit_bucket_boundaries_advisory=STARTUP_BOUNDARIES,
        )
        self._startups = meter.create_counter(
            "chaosnetra.startups", "{startup}", "Startups by how they ended"
        )
        self._connection_seconds = meter.create_histogram(
            "chaosnetra.connection.setup.duration",
            "s",
            "Connections of startups, until their first query could be asked",
            explicit_bucket_boundaries_advisory=CONNECTION_BOUNDARIES,
        )
        self._connections = meter.create_counter(
            "chaosnetra.connections", "{connection}", "Connections of startups by how they ended"
        )
        self._effect = meter.create_gauge(
            "chaosnetra.fault.effect", "1", "What was measured of a fault, in the unit of its name"
        )
        self._runs = meter.create_counter("chaosnetra.runs", "{run}", "Runs by verdict")

    @property
    def sends_spans(self) -> bool:
        """Whether spans are sent, and not only metrics."""
        return self._has_spans

    def begin(self, name: str, attributes: Mapping[str, Any], parent: Context) -> Span:
        """Begin a span now, which `finish` ends."""
        now = self._nanoseconds(time.monotonic())
        return self._tracer.start_span(
            self._text(name), parent, attributes=self._told(attributes), start_time=now
        )

    def mark(self, span: Span, name: str, attributes: Mapping[str, Any]) -> None:
        """Tell of something that was found out now, in a span."""
        span.add_event(name, self._told(attributes), self._nanoseconds(time.monotonic()))

    def finish(
        self, span: Span, attributes: Mapping[str, Any], error: str | None = None, told: str = ""
    ) -> None:
        """End a span now."""
        span.set_attributes(self._told(attributes))
        self._fail(span, error, told)
        self._end(span, time.monotonic())

    def child_of(self, parent: SpanContext) -> SpanContext:
        """The place of a span below another, before it is there."""
        return SpanContext(
            parent.trace_id,
            self._ids.generate_span_id(),
            is_remote=False,
            trace_flags=parent.trace_flags,
            trace_state=parent.trace_state,
        )

    def add(self, facts: SpanFacts, parent: SpanContext, own: SpanContext | None = None) -> Span:
        """Add a span that has ended.

        Args:
            facts: what it says.
            parent: the span above it.
            own: its place, by `child_of`, where somebody knows it already.
        """
        self._ids.choose(own.span_id if own is not None else None)
        span = self._tracer.start_span(
            self._text(facts.name),
            set_span_in_context(NonRecordingSpan(parent)),
            SpanKind.CLIENT if facts.is_client else SpanKind.INTERNAL,
            self._told(facts.attributes),
            start_time=self._nanoseconds(facts.began_at),
        )
        for moment in facts.moments:
            told = self._told(moment.attributes)
            span.add_event(moment.name, told, self._nanoseconds(moment.at))
        self._fail(span, facts.error, facts.told)
        self._end(span, facts.ended_at)
        return span

    def count_startup(self, seconds: float, span: Span, **attributes: Any) -> None:
        """Count a startup; `span` is its own."""
        told, context = self._told(attributes, "chaosnetra."), set_span_in_context(span)
        self._startups.add(1, told, context)
        self._startup_seconds.record(seconds, told, context)

    def count_connection(self, seconds: float | None, span: Span, **attributes: Any) -> None:
        """Count a connection; `seconds` until its session was there, None where it never was."""
        told = {"db.system.name": "postgresql", **self._told(attributes, "chaosnetra.")}
        context = set_span_in_context(span)
        self._connections.add(1, told, context)
        if seconds is not None:
            self._connection_seconds.record(seconds, told, context)

    def gauge_effect(self, observed: float, **attributes: Any) -> None:
        """Tell what was measured of a fault."""
        self._effect.set(observed, self._told(attributes, "chaosnetra.fault."))

    def count_run(self, **attributes: Any) -> None:
        """Count the run."""
        self._runs.add(1, self._told(attributes, "chaosnetra."))

    def end(self) -> str | None:
        """Send what is left, as far as that takes no longer than `ENDING_SECONDS`.

        Returns:
            What was not sent, and why, in one line; None when all of it was.
        """
        began = time.monotonic()
        ends = [
            threading.Thread(target=provider.shutdown, name="telemetry's end", daemon=True)
            for provider in (self._tracers, self._meters)
        ]
        with blocked():
            for one in ends:
                one.start()
        for one in ends:
            while one.is_alive() and time.monotonic() < began + self._patience_seconds:
                one.join(LOOK_SECONDS)
        is_late = [one.is_alive() for one in ends]
        for exporter, late in zip(self._exporters, is_late, strict=True):
            if late and exporter is not None:  # it would try again for ten seconds
                exporter.shutdown()
        total = self._added + self.left_out
        left = total - self._sent if self._has_spans else 0
        missing = [f"{left} of {how_many(total, 'span')}"] if left else []
        if self._metrics_failed or is_late[1]:
            missing.append("metrics")
        if not missing:
            return None
        why = self._complaint.first or f"no answer within {ENDING_SECONDS:g} s"
        return self._text(f"{' and '.join(missing)} did not reach {self.endpoint}: {why}")

    @property
    def _patience_seconds(self) -> float:
        in_vain = self._complaint.first is not None and not self._sent
        return ENDING_IN_VAIN_SECONDS if in_vain else ENDING_SECONDS

    def _end(self, span: Span, ended_at: float) -> None:
        if not span.is_recording():
            return
        if self._added - self._sent - self._failed >= MOST_WAITING:
            self.left_out += 1
            return
        self._added += 1
        span.end(self._nanoseconds(ended_at))

    def _fail(self, span: Span, error: str | None, told: str) -> None:
        if error is not None:
            span.set_attribute("error.type", self._text(error))
            span.set_status(Status(StatusCode.ERROR, self._text(told)))

    def _note_spans(self, number: int, arrived: bool) -> None:
        if arrived:
            self._sent += number
        else:
            self._failed += number

    def _note_metrics(self, number: int, arrived: bool) -> None:
        self._metrics_failed += 0 if arrived else number

    def _nanoseconds(self, monotonic: float) -> int:
        """A moment on the wall clock."""
        return self._anchor_ns + int(monotonic * 1e9)

    def _text(self, text: str) -> str:
        return cut(one_line(self._redactor.text(text)), LONGEST_TEXT)

    def _told(self, attributes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Attributes as OpenTelemetry takes them, without secrets."""
        found = {}
        for name, value in attributes.items():
            if value is None:
                continue
            plain = self._redactor.data(value)
            if isinstance(plain, list):
                plain = [self._text(str(one)) for one in plain]
            elif not isinstance(plain, (int, float)) or abs(plain) >= MOST_INTEGER:
                text = plain if isinstance(plain, str) else json.dumps(plain, default=str)
                plain = self._text(text)
            found[f"{prefix}{name}"] = plain
        return found


def context_of_run(environ: Mapping[str, str]) -> Context:
    """What the run's own span is below: TRACEPARENT, or the span of another control, or nothing."""
    given = {name.lower(): environ.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
    found = TraceContextTextMapPropagator().extract(given, Context())
    if get_current_span(found).get_span_context().is_valid:
        return found
    return contexts.get_current()


def variables_of(place: SpanContext) -> dict[str, str]:
    """The variables by which a process finds the span that its own are below."""
    carrier: dict[str, str] = {}
    context = set_span_in_context(NonRecordingSpan(place), Context())
    TraceContextTextMapPropagator().inject(carrier, context)
    return {name.upper(): value for name, value in carrier.items()}


class _ChosenIds(RandomIdGenerator):
    """Random ids; the next span of this thread has the one that was chosen for it."""

    def __init__(self) -> None:
        self._next = threading.local()

    def choose(self, span_id: int | None) -> None:
        self._next.span_id = span_id

    def generate_span_id(self) -> int:
        chosen: int | None = getattr(self._next, "span_id", None)
        self._next.span_id = None
        return super().generate_span_id() if chosen is None else chosen
