# ruff: noqa: T201
"""Holds what an OpenTelemetry Collector has got of a run against the run's journal.

    python -m tests.long.collector [--collector PROGRAM] [--folder DIR] [--grpc]

The collector is the real one: it is built once, by its own builder, which takes Go and some
minutes, and kept in the folder. It passes on what it has got, as OTLP, to a receiver in here. The
run is that of `vpc_latency.json` on a service that is traced itself, and given a parent as by a
pipeline. With `--grpc` it is sent by gRPC, where that exporter is installed. The control of
chaostoolkit-opentracing is declared beside ours where it is installed. Exit code 1 when the
collector has other startups than the journal, or a service's span is not below its startup.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chaosnetra.ports import free_ports
from tests.support.experiments import control
from tests.support.otlp_receiver import Received, receiving
from tests.support.programs import captured, chaos_command
from tests.support.repository import EXPERIMENTS

VERSION = "v0.165.0"
BUILD_SECONDS = 3600
READY_SECONDS = 30
PASSED_ON_SECONDS = 10
RUN_SECONDS = 300
CORE = "go.opentelemetry.io/collector"
MANIFEST = f"""
dist:
  name: collector
  output_path: ./built
receivers:
  - gomod: {CORE}/receiver/otlpreceiver {VERSION}
exporters:
  - gomod: {CORE}/exporter/debugexporter {VERSION}
  - gomod: {CORE}/exporter/otlphttpexporter {VERSION}
"""
TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# A service that is traced: what it does in its startup is below the span that it is given.
SERVICE = """
import os
import psycopg
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

given = {name: os.environ.get(name.upper(), "") for name in ("traceparent", "tracestate")}
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(os.environ["TRACES"])))
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span("migrate", TraceContextTextMapPropagator().extract(given)):
    with psycopg.connect(os.environ["DATABASE_URL"]) as opened:
        opened.execute("SELECT 1")
"""


def build(folder: Path) -> Path:
    """The collector's program, built by its own builder where it is not there yet."""
    program = folder / "built" / "collector"
    if not program.exists():
        manifest = folder / "builder.yaml"
        manifest.write_text(MANIFEST)
        builder = ["go", "run", f"{CORE}/cmd/builder@{VERSION}", "--config", str(manifest)]
        done = captured(builder, cwd=folder, timeout=BUILD_SECONDS)
        if done.returncode:
            raise RuntimeError(f"the collector cannot be built: {done.stderr[-2000:]}")
    return program


@contextmanager
def collecting(program: Path, folder: Path, to: Received) -> Iterator[tuple[str, str]]:
    """A collector's addresses, for HTTP and for gRPC; it passes on what it gets."""
    http, grpc = (f"127.0.0.1:{port}" for port in free_ports(2))
    pipeline = {"receivers": ["otlp"], "exporters": ["debug", "otlp_http"]}
    settings = {
        "receivers": {
            "otlp": {"protocols": {"http": {"endpoint": http}, "grpc": {"endpoint": grpc}}}
        },
        "exporters": {
            "debug": {"verbosity": "detailed"},
            "otlp_http": {"endpoint": to.url, "compression": "none"},
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "metrics": pipeline},
        },
    }
    path, log = folder / "collector.json", folder / "collector.log"
    path.write_text(json.dumps(settings))
    with log.open("wb") as output:
        running = subprocess.Popen(
            [program, "--config", str(path)], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while b"Everything is ready" not in log.read_bytes():
                if running.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the collector does not start: {log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield f"http://{http}", f"http://{grpc}"
        finally:
            running.terminate()
            running.wait(PASSED_ON_SECONDS)


def experiment_of(service: Path, traces: str) -> dict[str, Any]:
    """`vpc_latency.json` on a service of ours, with the controls."""
    made: dict[str, Any] = json.loads((EXPERIMENTS / "vpc_latency.json").read_text())
    made["controls"].append(control("chaosnetra.controls.otel"))
    if find_spec("chaostracing") is not None:
        made["controls"].append(control("chaostracing.oltp"))
    made["configuration"] |= {
        "target": f"{sys.executable} {service}",
        "readiness": "exit",
        "target_environment": {"DATABASE_URL": "{url}", "TRACES": f"{traces}/v1/traces"},
        "max_failure_rate": 0,
    }
    return made


def differences(journal: dict[str, Any], received: Received) -> Iterator[str]:
    """What a collector has not got as a journal has it."""
    states = journal["steady_states"]
    recovery = journal["chaosnetra"]["recovery"]
    outputs = [
        probe["output"]
        for state in (states["before"], states["after"], recovery)
        for probe in (state or {}).get("probes", ())
    ]
    found = sorted(
        (one["number"], one["status"], one["seconds"])
        for output in outputs
        for one in output["startups"]
    )
    spans = received.named("startup")
    told = sorted(
        (
            one.attributes["chaosnetra.startup.number"],
            one.attributes["chaosnetra.startup.outcome"],
            round((one.span.end_time_unix_nano - one.span.start_time_unix_nano) / 1e9, 4),
        )
        for one in spans
    )
    if found != told or not found:
        yield f"the journal has the startups {found}, the collector {told}"
    runs = [one for one in received.spans if one.name.startswith("chaos run ")]
    if [one.parent for one in runs] != [(TRACE_ID, PARENT_ID)]:
        yield f"of runs it has {[(one.name, one.parent) for one in runs]}"
    places = {one.place: one for one in spans}
    of_service = [one for one in received.named("migrate") if one.parent in places]
    if sorted(one.parent for one in of_service) != sorted(places):
        yield f"{len(of_service)} spans of the service are below {len(places)} startups"
    outside = [one for one in of_service if not places[one.parent].holds(one)]
    if outside:
        yield f"{len(outside)} spans of the service do not lie within their startup"
    if not {"chaosnetra.startup.duration", "chaosnetra.fault.effect"} <= received.metrics.keys():
        yield f"of metrics it has {sorted(received.metrics)}"


def check(program: Path, folder: Path, *, by_grpc: bool) -> bool:
    """Make the run; whether the collector has it as the journal does."""
    service, path = folder / "service.py", folder / "experiment.json"
    service.write_text(SERVICE)
    with receiving() as received:
        with collecting(program, folder, received) as (http, grpc):
            path.write_text(json.dumps(experiment_of(service, http)))
            sent = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": grpc if by_grpc else http,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if by_grpc else "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": grpc if by_grpc else f"{http}/v1/traces",
                "TRACEPARENT": f"00-{TRACE_ID}-{PARENT_ID}-01",
            }
            command = [*chaos_command(), "run", str(path)]
            environment = {**os.environ, **sent}
            done = captured(command, cwd=folder, env=environment, timeout=RUN_SECONDS)
            print(done.stdout + done.stderr, end="")
        # What it had got was passed on when it ended.
        journal = json.loads((folder / "journal.json").read_text())
        wrong = list(differences(journal, received))
    for line in wrong:
        print(f"wrong: {line}")
    names = sorted({one.name for one in received.spans})
    print(f"{len(received.spans)} spans ({', '.join(names)}); metrics {sorted(received.metrics)}")
    return not wrong and done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long.collector", description=__doc__)
    parser.add_argument("--collector", type=Path, help="its program; else it is built")
    parser.add_argument("--folder", type=Path, help="where it is built; a temporary one")
    parser.add_argument("--grpc", action="store_true", help="send by gRPC")
    given = parser.parse_args()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="collector-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        program = given.collector or build(folder)
        return 0 if check(program, folder, by_grpc=given.grpc) else 1
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
