"""Evidence from Cloud Monitoring: the real client against a local server of its messages."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import monitoring_v3

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.cloudrun import monitoring as module
from chaosnetra.cloudrun.history import CALLS, Call
from chaosnetra.cloudrun.monitoring import Monitoring, collect
from chaosnetra.cloudrun.series import METRICS
from chaosnetra.durations import Deadline
from chaosnetra.errors import CloudRunPermissionDenied, CloudRunQuotaExceeded, PartUnavailable
from chaosnetra.stand.postgres import PostgresServer
from tests.conftest import RunChaos
from tests.integration.cloudrun.conftest import PLACE, Stage
from tests.support.staged import experiment, step
from tests.support.staging import staging_settings

WHOSE = {
    "service": "orchestrator",
    "job": "startups",
    "connector": "staging",
    "database": "staging-123:main",
}
FILTER = re.compile(r'metric\.type = "([^"]+)" AND resource\.labels\.(\w+) = "([^"]+)"')


class Server:
    """MetricService.ListTimeSeries and nothing else: samples that a test puts in."""

    def __init__(self) -> None:
        self.series: dict[str, list[list[tuple[float, Any]]]] = {}
        self.refuse: grpc.StatusCode | None = None
        self.requests: list[Any] = []
        self.answered: Callable[[], None] = lambda: None
        handler = grpc.method_handlers_generic_handler(
            "google.monitoring.v3.MetricService",
            {
                "ListTimeSeries": grpc.unary_unary_rpc_method_handler(
                    self._list,
                    request_deserializer=monitoring_v3.ListTimeSeriesRequest.pb().FromString,
                    response_serializer=lambda message: message.SerializeToString(),
                )
            },
        )
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers((handler,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def _list(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        if self.refuse is not None:
            context.abort(self.refuse, "told to refuse")
        match = FILTER.fullmatch(request.filter)
        assert match is not None, request.filter
        series = self.series.get(match[1], [])
        first = int(request.page_token or 0)
        answer = monitoring_v3.ListTimeSeriesResponse.pb()()
        for number, points in enumerate(series[first : first + 15], start=first):
            message = answer.time_series.add()
            message.metric.type = match[1]
            message.metric.labels["number"] = str(number)
            for at, value in sorted(points, reverse=True):  # newest first, as Monitoring has it
                point = message.points.add()
                point.interval.end_time.FromSeconds(int(at))
                if isinstance(value, dict):
                    point.value.distribution_value.count = value["count"]
                    point.value.distribution_value.mean = value["mean"]
                elif isinstance(value, float):
                    point.value.double_value = value
                else:
                    point.value.int64_value = value
        if first + 15 < len(series):
            answer.next_page_token = str(first + 15)
        self.answered()
        return answer


def type_of(key: str) -> str:
    return next(metric.type for metric in METRICS if metric.key == key)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Monitoring]:
    made = Monitoring("staging-123", f"127.0.0.1:{server.port}", call_seconds=5)
    yield made
    made.close()


def collected(client: Monitoring, seconds: float = 0, **more: Any) -> dict[str, Any]:
    return collect(client, WHOSE, 1000.0, 1300.0, Deadline.after(seconds), **more)


def test_the_evidence_of_a_run_is_read(server: Server, client: Monitoring) -> None:
    server.series = {
        type_of("connector_instances"): [[(960, 2), (1080, 3), (1320, 4)]],
        type_of("connector_cpu"): [[(1080, 0.5), (1320, 0.75)]],
        type_of("startup_latencies_ms"): [[(1080, {"count": 3, "mean": 2500.0})]],
        type_of("backends"): [[(1080, number)] for number in range(33)],
    }
    calls: list[Call] = []
    end = CALLS.add(calls.append)
    result = collected(client)
    end()
    assert result["complete"]
    assert result["connector_instances_of_run"] == {"before": 2, "after": 4, "grew": True}
    series = result["series"]
    assert series["connector_cpu"][0]["points"] == [[1080, 0.5], [1320, 0.75]]
    assert series["startup_latencies_ms"][0]["points"] == [[1080, {"count": 3, "mean": 2500.0}]]
    assert len(series["backends"]) == 20
    assert result["left_out"] == {"backends": 13}
    assert "database_cpu" in result["missing"]
    filters = [FILTER.fullmatch(request.filter) for request in server.requests]
    assert {match[2]: match[3] for match in filters if match} == {
        "service_name": "orchestrator",
        "job_name": "startups",
        "connector_name": "staging",
        "database_id": "staging-123:main",
    }
    assert {request.name for request in server.requests} == {"projects/staging-123"}
    assert len(calls) == len(METRICS) + 2, "three pages of one, one page of the others"
    assert {(call.method, call.writes) for call in calls} == {("ListTimeSeries", None)}


def test_it_waits_until_samples_reach_the_end_of_the_run(
    server: Server, client: Monitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    server.series = {type_of("instances"): [[(1080, 1)]]}

    def later() -> None:
        if len(server.requests) > 2 * len(METRICS):
            server.series = {type_of("instances"): [[(1080, 1), (1320, 5)]]}

    server.answered = later
    result = collected(client, 20)
    assert result["complete"]
    assert result["series"]["instances"][0]["points"][-1] == [1320, 5]


def test_an_absence_is_told(server: Server, client: Monitoring) -> None:
    result = collected(client)
    assert not result["complete"]
    assert result["connector_instances_of_run"] is None
    assert result["missing"] == [metric.key for metric in METRICS]
    assert result["series"] == {}


def test_what_is_not_named_is_not_asked_for(server: Server, client: Monitoring) -> None:
    nothing = collect(client, {"service": ""}, 1000.0, 1300.0, Deadline.after(5))
    assert server.requests == []
    assert "connector_instances" in nothing["missing"]


def test_the_wait_can_be_given_up(server: Server, client: Monitoring) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()
    assert not collected(client, 60, interrupted=stop.is_set)["complete"]
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_what_passes_is_waited_for(
    server: Server, client: Monitoring, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    server.series = {type_of("instances"): [[(1320, 5)]]}
    server.refuse = grpc.StatusCode[code]
    threading.Timer(0.3, lambda: setattr(server, "refuse", None)).start()
    assert collected(client, 20)["complete"]


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("PERMISSION_DENIED", CloudRunPermissionDenied, r"grant monitoring\.timeSeries\.list"),
        ("RESOURCE_EXHAUSTED", CloudRunQuotaExceeded, "a quota is used up for ListTimeSeries"),
    ],
)
def test_a_refusal_is_one_line(
    server: Server, client: Monitoring, code: str, kind: type[Exception], words: str
) -> None:
    server.refuse = grpc.StatusCode[code]
    with pytest.raises(kind, match=words) as caught:
        collected(client)
    assert "\n" not in str(caught.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(
        sys.modules, "google.cloud.monitoring_v3.services.metric_service.transports", None
    )
    with pytest.raises(PartUnavailable, match=r"pip install 'chaostoolkit-netra\[monitoring\]'"):
        Monitoring("staging-123", "127.0.0.1:1")


def settings(stage: Stage, database: DatabaseAddress, folder: Path, **more: str) -> dict[str, str]:
    return {
        **staging_settings(folder, database, service="orchestrator"),
        "cloud_run_endpoint": stage.local.endpoint,
        "project": PLACE.project,
        "region": PLACE.region,
        "service": "orchestrator",
        "monitoring": "on",
        **more,
    }


def test_the_journal_has_the_evidence(
    stage: Stage, postgres: PostgresServer, server: Server, run_chaos: RunChaos, tmp_path: Path
) -> None:
    now = time.time()
    server.series = {type_of("connector_instances"): [[(now - 120, 2), (now + 600, 3)]]}
    endpoint = f"127.0.0.1:{server.port}"
    done = run_chaos(
        experiment(
            settings(stage, postgres.database, tmp_path, monitoring_endpoint=endpoint),
            step("action", "scale_service", minimum=2),
        )
    )
    assert done.returncode == 0, done.output
    found = done.section["monitoring"]
    assert (found["source"], found["error"], found["complete"]) == (endpoint, None, True)
    assert found["connector_instances_of_run"] == {"before": 2, "after": 3, "grew": True}
    assert found["of"]["connector"] == "staging"
    assert "the VPC connector grew from 2 to 3 instances" in done.output
    recorded = [event for event in done.events if event["event"] == "cloudrun.call"]
    assert "ListTimeSeries" in {event["method"] for event in recorded}


def test_that_there_is_none_fails_no_run(
    stage: Stage, postgres: PostgresServer, run_chaos: RunChaos, tmp_path: Path
) -> None:
    scaled = step("action", "scale_service", minimum=2)
    done = run_chaos(experiment(settings(stage, postgres.database, tmp_path), scaled))
    assert done.returncode == 0, done.output
    assert done.section["verdict"] == "held"
    assert "a local Cloud Run endpoint has no Monitoring" in done.section["monitoring"]["error"]


def test_an_instance_that_its_owner_does_not_allow_is_not_read(
    stage: Stage, postgres: PostgresServer, server: Server, run_chaos: RunChaos, tmp_path: Path
) -> None:
    more = {"cloud_sql_instance": "other:europe-west1:main"}
    made = settings(
        stage, postgres.database, tmp_path, monitoring_endpoint=f"127.0.0.1:{server.port}", **more
    )
    done = run_chaos(experiment(made, step("action", "scale_service", minimum=2)))
    assert done.returncode == 1
    assert "Cloud SQL instance other:europe-west1:main is not in the allow-list" in done.output
    assert stage.writes == []
    assert server.requests == []
