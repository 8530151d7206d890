"""What spans say, and how they are sent; a receiver in this process decodes them."""

import json
import threading
import time
from typing import Any

import pytest
from chaoslib.run import EventHandlerRegistry
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from chaosnetra.controls import otel
from chaosnetra.controls.spans import SpanFacts, connection_spans, fault_span, startup_span
from chaosnetra.controls.telemetry import Telemetry, context_of_run, variables_of
from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect, Injected, Undo, UndoReport, UndoResult
from chaosnetra.redaction import Redactor
from chaosnetra.startup.outcome import ExitReason, StartupFailure, StartupOutcome, Status
from chaosnetra.wire.observation import End, Reached
from tests.support.launches import DATABASE
from tests.support.observations import connection, observation
from tests.support.otlp_receiver import Received, receiving

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = {"TRACEPARENT": f"00-{TRACE_ID}-{PARENT_ID}-01", "TRACESTATE": "vendor=1"}
FAILED = StartupOutcome(
    3,
    Status.FAILED,
    2.5,
    phase="database",
    phase_spans={"init": (0.1, 0.2), "database": (0.2, None)},
    exit_code=3,
    exit_reason=ExitReason.STARTUP_FAILED,
    error=StartupFailure(
        "relation of 'customer 4711' is missing", "OperationalError", "53300", (), "pool", 1.0
    ),
)


def of_connections(*connections: Any, count: int = 0) -> list[SpanFacts]:
    wire = observation(9.0, connections, connection_count=count or len(connections))
    outcome = StartupOutcome(1, Status.READY, 9.0, wire=wire)
    return list(connection_spans(outcome, 100.0, DATABASE))


def test_a_startup_that_failed_says_where_and_by_which_limit_without_its_words() -> None:
    facts = startup_span(FAILED, 100.0, "after", ["slow"])
    assert (facts.began_at, facts.ended_at, facts.error) == (100.0, 102.5, "53300")
    assert (
        facts.told == "failed, in phase database, budget pool of 1 s, SQLSTATE 53300, exit code 3"
    )
    assert [(one.at, one.attributes["chaosnetra.startup.phase"]) for one in facts.moments] == [
        (100.1, "init"),
        (100.2, "database"),
    ]
    assert facts.attributes["chaosnetra.faults"] == ["slow"]
    assert "4711" not in str(facts)


def test_connections_that_are_left_out_are_counted() -> None:
    wire = observation(9.0, [connection(1, 0.5, None)], connection_count=70)
    facts = startup_span(StartupOutcome(1, Status.READY, 9.0, wire=wire), 0.0, None, [])
    assert facts.error is None
    assert facts.attributes["chaosnetra.connections"] == 70
    assert facts.attributes["chaosnetra.connections_left_out"] == 69


@pytest.mark.parametrize(
    ("end", "told", "error"),
    [
        (End.CLIENT, {}, None),
        (End.OPEN, {"unanswered_seconds": 3.0}, None),
        (End.CLIENT, {"unanswered_seconds": 3.0}, "unanswered"),
        (End.CLIENT_RESET, {}, None),
        (End.SERVER, {}, "server"),
        (End.SERVER, {"sqlstate": "57P01"}, "57P01"),
        (End.SERVER, {"reached": Reached.CANCEL}, None),
        (End.SERVER_RESET, {}, "server_reset"),
        (End.REFUSED, {"reached": Reached.TCP}, "refused"),
        (End.UNANSWERED, {"reached": Reached.TCP}, "unanswered"),
    ],
)
def test_a_connection_failed_where_it_was_ended_for_its_startup(
    end: End, told: dict[str, Any], error: str | None
) -> None:
    ended = None if end is End.OPEN else 4.0
    (facts,) = of_connections(connection(1, 0.5, ended, end=end, session=None, **told))
    assert facts.error == error
    assert (facts.began_at, facts.ended_at) == (100.5, 109.0 if ended is None else 104.0)
    assert facts.attributes["db.response.status_code"] == told.get("sqlstate")


def injected(observed: Any, *, in_effect: bool = True, **more: Any) -> Injected:
    undo = Undo("toxiproxy.remove_toxic", "remove it", {})
    parameters = {"toxicity": 1.0, "attributes": {"latency": 50, "name": "4711"}}
    effect = Effect("added_latency_ms", 50, observed, in_effect)
    made = {"effect": effect, "injected_monotonic": 10.0, "undone_monotonic": 20.0}
    report = UndoReport(UndoResult.DONE, "")
    return Injected("toxic slow", parameters, undo, 1, **{"report": report, **made, **more})


def test_a_fault_lasts_from_when_it_was_in_place_until_its_undo() -> None:
    facts = fault_span(injected(51.2), "toxic slow", 30.0)
    assert facts is not None
    assert (facts.began_at, facts.ended_at, facts.error) == (10.0, 20.0, None)
    assert facts.attributes["chaosnetra.fault.observed"] == 51.2
    assert facts.attributes["chaosnetra.fault.parameter.latency"] == 50
    assert "4711" not in str(facts)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (injected(0.3, in_effect=False), "no_effect"),
        (injected(51, effect_after=Effect("added_latency_ms", 50, 0.2, False)), "gone"),
        (injected(51, report=None, undone_monotonic=None), "not_undone"),
    ],
)
def test_a_fault_that_was_none_or_is_left_is_an_error(fault: Injected, error: str) -> None:
    facts = fault_span(fault, "toxic slow", 30.0)
    assert facts is not None
    assert facts.error == error


def test_what_has_no_effect_to_speak_of_is_no_span() -> None:
    assert fault_span(injected(None, effect=None), "proxy", 30.0) is None


def sent(received: Received, secret: str = "") -> Telemetry:
    redactor = Redactor()
    redactor.learn({"password": secret})
    return Telemetry(redactor, {"OTEL_BSP_SCHEDULE_DELAY": "5000"})


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Any:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def test_a_place_that_was_handed_out_is_the_spans_own(received: Received) -> None:
    telemetry = sent(received)
    run = telemetry.begin("run", {}, context_of_run(GIVEN))
    place = telemetry.child_of(run.get_span_context())
    variables = variables_of(place)
    at = time.monotonic()
    telemetry.add(SpanFacts("startup", at - 2, at - 1, {}), run.get_span_context(), place)
    telemetry.add(SpanFacts("other", at - 2, at - 1, {}), place)
    telemetry.finish(run, {})
    assert telemetry.end() is None
    (startup,), (other,), (whole,) = map(received.named, ("startup", "other", "run"))
    assert variables == {
        "TRACEPARENT": f"00-{TRACE_ID}-{startup.place[1]}-01",
        "TRACESTATE": "vendor=1",
    }
    assert (whole.parent, startup.parent, other.parent) == (
        (TRACE_ID, PARENT_ID),
        whole.place,
        startup.place,
    )
    assert startup.span.end_time_unix_nano - startup.span.start_time_unix_nano == pytest.approx(1e9)


def test_a_trace_that_is_not_sampled_is_not_sent_and_said_so_to_services(
    received: Received,
) -> None:
    telemetry = sent(received)
    given = {"TRACEPARENT": f"00-{TRACE_ID}-{PARENT_ID}-00"}
    run = telemetry.begin("run", {}, context_of_run(given))
    assert variables_of(telemetry.child_of(run.get_span_context()))["TRACEPARENT"].endswith("-00")
    telemetry.finish(run, {})
    assert telemetry.end() is None
    assert received.spans == []


@pytest.mark.parametrize("parent", ["", "nonsense", f"00-{'0' * 32}-{PARENT_ID}-01"])
def test_a_parent_that_is_none_begins_a_trace_of_its_own(parent: str) -> None:
    context = context_of_run({"TRACEPARENT": parent})
    assert not get_current_span(context).get_span_context().is_valid
    assert isinstance(context, Context)


SECRET = "hush-4711-hush"
# Also what OTLP cannot hold: integers of more than 64 bits, and halves of a character.
VALUES = [
    None, True, -(2**63), 2**63, 2**300, 1.5, float("nan"), float("inf"),
    "", "\ud800", "two\nlines",
    [], [1, None, "\udfff"], {"a": [{"b": 2**70}]}, "x" * 5000,
    SECRET, f"a{SECRET}\ud800", [SECRET, 1], [[SECRET]], {"a": SECRET}, {SECRET: {"b": [SECRET]}},
    ExitReason.UNKNOWN, DATABASE,
]  # fmt: skip


def test_no_secret_is_sent_whatever_the_attributes(received: Received) -> None:
    telemetry = sent(received, SECRET)
    run = telemetry.begin(f"run {SECRET}", {}, context_of_run({}))
    for value in VALUES:
        text = f"{value!s:.50}{SECRET}"
        facts = SpanFacts(text, 1.0, 2.0, {"a": value, "b": [value]}, error=text, told=text)
        telemetry.add(facts, run.get_span_context())
    telemetry.mark(run, "found", {"a": SECRET})
    telemetry.count_run(verdict=SECRET)
    telemetry.finish(run, {"reason": [SECRET]})
    assert telemetry.end() is None
    assert len(received.spans) == len(VALUES) + 1
    assert SECRET not in received.raw
    assert "***" in received.raw


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "must be http/protobuf or grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "thrift", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "must be otlp or none"),
    ],
)
def test_what_it_cannot_send_by_is_refused_with_what_to_change(
    variable: str, value: str, text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        Telemetry(Redactor(), {variable: value})


def test_none_leaves_a_signal_out(received: Received) -> None:
    telemetry = Telemetry(Redactor(), {"OTEL_TRACES_EXPORTER": "none"})
    run = telemetry.begin("run", {}, context_of_run({}))
    telemetry.count_run(verdict="held")
    telemetry.finish(run, {})
    assert telemetry.end() is None
    assert received.spans == []
    assert list(received.metrics) == ["chaosnetra.runs"]


def test_nobody_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = "http://somebody:a-password@127.0.0.1:9"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    telemetry = Telemetry(Redactor(), {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    telemetry.finish(telemetry.begin("run", {}, context_of_run({})), {})
    began = time.monotonic()
    told = telemetry.end()
    assert time.monotonic() - began < 5
    assert told is not None
    assert told.startswith("1 of 1 span ")
    assert "did not reach http://127.0.0.1:9: [Errno" in told
    senders = [one for one in threading.enumerate() if one.name.startswith(("Otel", "telemetry's"))]
    for one in senders:
        one.join(1)
    assert not any(one.is_alive() for one in senders), "nobody tries again after the end"


def test_declared_twice_it_traces_once_and_an_argument_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = EventHandlerRegistry()
    otel.configure_control(event_registry=registry)
    otel.configure_control(event_registry=registry)
    assert len(registry.handlers) == 1
    caplog.set_level("WARNING", "chaostoolkit")
    other = EventHandlerRegistry()
    otel.configure_control(event_registry=other, endpoint="http://localhost:4318")
    assert "takes no arguments, got ['endpoint']" in caplog.text
    other.running({}, {}, {}, {}, None, None)
    other.finish(json.loads("{}"))
