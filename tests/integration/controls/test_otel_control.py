"""What the otel control sends of a run, as an OTLP receiver in this process decodes it.

The collector itself is met in `tests.long.collector`.
"""

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support.experiments import (
    CONTROL,
    HELD,
    act,
    control,
    exists,
    experiment,
    ours,
    process,
)
from tests.support.helpers import wait_until
from tests.support.otlp_receiver import Received, receiving, values
from tests.support.programs import chaos_beside

OTEL = control("chaosnetra.controls.otel")
TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
KEY = "the-key-of-the-collector"
PASSWORD = "a-password-of-the-service"
# Uses its database as far as it is asked to, tells what trace it was given, and ends.
SERVICE = """
import os, sys, psycopg
with open(os.environ["SEEN"], "a") as seen:
    print(os.environ.get("TRACEPARENT"), os.environ.get("TRACESTATE"), file=seen)
with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=1) as opened:
    opened.execute("SELECT 'a literal that nobody sends'")
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def received() -> Iterator[Received]:
    with receiving() as found:
        yield found


def startups(count: int = 2) -> dict[str, Any]:
    probe = ours("probe", "startup", "startups_succeed", count=count, max_failure_rate=0)
    return {**probe, "tolerance": HELD}


def traced(tmp_path: Path, *method: Any, **keys: Any) -> dict[str, Any]:
    """An experiment on a service of ours, with both controls."""
    service = tmp_path / "service.py"
    service.write_text(SERVICE)
    settings = {
        "target": f"{sys.executable} {service}",
        "readiness": "exit",
        "target_environment": {"DATABASE_URL": "{url}", "APP_PASSWORD": PASSWORD},
    }
    named = {"controls": [CONTROL, OTEL], "configuration": settings, **keys}
    return experiment(*method, probes=[startups()], **named)


def startups_of(journal: dict[str, Any]) -> list[dict[str, Any]]:
    """Every startup that a journal has, by the states of its probes."""
    states = [*journal["steady_states"].values(), journal["chaosnetra"]["recovery"]]
    probes = [probe for state in states if isinstance(state, dict) for probe in state["probes"]]
    return [one for probe in probes for one in probe["output"]["startups"]]


def run_traced(
    run_chaos: RunChaos, tmp_path: Path, received: Received, of: Any, **environment: str
) -> ChaosRun:
    return run_chaos(
        of,
        SEEN=str(tmp_path / "seen"),
        OTEL_EXPORTER_OTLP_ENDPOINT=received.url,
        OTEL_EXPORTER_OTLP_HEADERS=f"api-key={KEY}",
        **environment,
    )


def test_every_startup_of_the_journal_has_one_span_and_nothing_secret_is_sent(
    run_chaos: RunChaos, tmp_path: Path, received: Received
) -> None:
    add = ours("action", "toxiproxy", "add_latency", latency_ms=20, name="slow")
    remove = ours("action", "toxiproxy", "remove_toxic", name="slow")
    began_ns = time.time_ns()
    run = run_traced(
        run_chaos,
        tmp_path,
        received,
        traced(tmp_path, add, rollbacks=[remove], title="traced"),
        TRACEPARENT=f"00-{TRACE_ID}-{PARENT_ID}-01",
        TRACESTATE="vendor=1",
        OTEL_SERVICE_NAME="nightly",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    assert run.returncode == 0, run.output
    assert f"Trace {TRACE_ID}: sent to {received.url}" in run.output
    assert "OpenTelemetry" not in run.output

    (whole,) = received.named("chaos run traced")
    assert whole.parent == (TRACE_ID, PARENT_ID)
    assert whole.attributes["chaosnetra.verdict"] == "held"
    assert whole.resource["service.name"] == "nightly"
    assert whole.resource["deployment.environment.name"] == "test"
    assert began_ns <= whole.span.start_time_unix_nano
    assert whole.span.end_time_unix_nano <= time.time_ns()
    assert {one.place[0] for one in received.spans} == {TRACE_ID}
    assert all(whole.holds(one) for one in received.spans)

    # By stage, number, outcome and seconds: what the journal has, once each.
    found = startups_of(run.journal)
    spans = received.named("startup")
    assert len(found) == len(spans) == 6
    assert sorted((one["number"], one["status"], one["seconds"]) for one in found) == sorted(
        (
            one.attributes["chaosnetra.startup.number"],
            one.attributes["chaosnetra.startup.outcome"],
            round((one.span.end_time_unix_nano - one.span.start_time_unix_nano) / 1e9, 4),
        )
        for one in spans
    )
    probes = {one.place: one for one in received.named("startups_succeed")}
    assert all(probes[one.parent].holds(one) for one in spans)
    assert {one.parent for one in probes.values()} == {whole.place}
    under = [one for one in spans if "chaosnetra.faults" in one.attributes]
    assert [one.attributes["chaosnetra.faults"] for one in under] == [["toxic slow"]] * 2

    # Each service was given the place of its own startup.
    given = (tmp_path / "seen").read_text().splitlines()
    assert set(given) >= {f"00-{'-'.join(one.place)}-01 vendor=1" for one in spans}

    connections = received.named("postgresql connection")
    places = {one.place: one for one in spans}
    assert {one.parent for one in connections} == set(places)
    assert all(one.attributes["db.system.name"] == "postgresql" for one in connections)
    assert all(places[one.parent].holds(one) for one in connections)

    (fault,) = received.named("fault toxic slow")
    assert fault.parent == whole.place
    assert all(fault.holds(one) for one in under)
    (effect,) = [one["effect"] for one in run.section["faults"] if one["effect"]]
    assert fault.attributes["chaosnetra.fault.observed"] == effect["observed"]

    counts = {
        point.attributes[1].value.string_value: point.as_int
        for point in received.metrics["chaosnetra.startups"].sum.data_points
    }
    assert counts == {"before": 2, "after": 2, "recovery": 2}
    durations = received.metrics["chaosnetra.startup.duration"].histogram.data_points
    assert sum(one.sum for one in durations) == pytest.approx(sum(one["seconds"] for one in found))
    (gauge,) = received.metrics["chaosnetra.fault.effect"].gauge.data_points
    assert gauge.as_double == effect["observed"]
    setups = received.metrics["chaosnetra.connection.setup.duration"].histogram.data_points
    assert sum(one.count for one in setups) == len(connections)

    assert all(one["api-key"] == KEY for one in received.headers)
    for secret in (KEY, PASSWORD, "a literal that nobody sends"):
        assert secret not in received.raw


def test_a_startup_that_fails_has_its_reason_and_its_connections_theirs(
    run_chaos: RunChaos, tmp_path: Path, received: Received
) -> None:
    stop = ours("action", "toxiproxy", "disable_proxy")
    run = run_traced(run_chaos, tmp_path, received, traced(tmp_path, stop, title="refused"))
    assert run.section["verdict"] == "violated", run.output
    (whole,) = received.named("chaos run refused")
    assert whole.failed
    assert whole.attributes["error.type"] == "violated"
    (told,) = [one for one in whole.span.events if one.name == "violation"]
    assert values(told.attributes)["chaosnetra.stage"] == "after"
    failed = [one for one in received.named("startup") if one.failed]
    assert [one.attributes["process.exit.code"] for one in failed] == [1, 1]
    lost = [one for one in received.named("postgresql connection") if one.failed]
    assert {one.parent for one in lost} == {one.place for one in failed}
    assert "Traceback" not in received.raw


def test_a_collector_that_does_not_answer_costs_a_line_and_a_few_seconds(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    probes = [exists("/", tolerance=True)]
    idle = experiment(act(), probes=probes, controls=[CONTROL, OTEL], title="idle")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://{KEY}:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}"
        run = run_chaos(idle, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    (line,) = [line for line in run.output.splitlines() if "OpenTelemetry" in line]
    address = url.rpartition("@")[2]
    assert f"did not reach http://{address}: no answer within 5 s; check" in line
    assert PASSWORD not in run.output
    assert (run.returncode, run.section["verdict"]) == (0, "held"), run.output


def test_a_run_that_is_killed_has_sent_what_had_ended(tmp_path: Path, received: Received) -> None:
    long = process("/bin/sleep", "5")
    probes = [exists("/", tolerance=True)]
    killed = experiment(long, probes=probes, controls=[CONTROL, OTEL], title="killed")
    run = chaos_beside(killed, tmp_path / "run", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
    try:
        wait_until(lambda: received.spans, 30, "a span has come")
    finally:
        run.kill()
        run.wait()
    (probe,) = received.spans
    assert (probe.name, probe.attributes["chaosnetra.stage"]) == ("path-exists", "before")


def test_declared_in_the_settings_it_traces_experiments_that_declare_no_control(
    run_chaos: RunChaos, tmp_path: Path, received: Received
) -> None:
    settings = tmp_path / ".chaostoolkit" / "settings.yaml"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"controls": {"otel": {"provider": OTEL["provider"]}}}))
    idle = experiment(act(), probes=[exists("/", tolerance=True)], controls=[], title="idle")
    run = run_traced(run_chaos, tmp_path, received, idle, HOME=str(tmp_path))
    assert run.returncode == 0, run.output
    (whole,) = received.named("chaos run idle")
    assert whole.attributes["chaostoolkit.status"] == "completed"
    stages = [one.attributes["chaosnetra.stage"] for one in received.named("path-exists")]
    assert stages == ["before", "after"]
    (acted,) = received.named("act")
    assert acted.parent == whole.place
