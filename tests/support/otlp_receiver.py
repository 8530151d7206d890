"""A receiver of OTLP over HTTP in this process: it decodes what comes, and keeps it."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.http_servers import Answer, answering

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it came; `span` is the message, `resource` has the attributes of who sent it."""

    span: Any
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.span.name)

    @property
    def place(self) -> tuple[str, str]:
        """Ids of its trace and of itself, in hex."""
        return self.span.trace_id.hex(), self.span.span_id.hex()

    @property
    def parent(self) -> tuple[str, str]:
        """Likewise of the span above it."""
        return self.span.trace_id.hex(), self.span.parent_span_id.hex()

    @cached_property
    def attributes(self) -> dict[str, Any]:
        return values(self.span.attributes)

    @property
    def failed(self) -> bool:
        return bool(self.span.status.code == self.span.status.STATUS_CODE_ERROR)

    def holds(self, other: "ReceivedSpan") -> bool:
        """Whether another lies within it, in time."""
        begins = self.span.start_time_unix_nano <= other.span.start_time_unix_nano
        return bool(begins and other.span.end_time_unix_nano <= self.span.end_time_unix_nano)


@dataclass
class Received:
    """What a receiver has got.

    Attributes:
        url: of it.
        headers: of each request, by their names in small letters.
        spans: in the order in which they came.
        metrics: the last of each name, as messages.
        raw: all of it, as text that shows every string in it.
    """

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    raw: str = ""

    def named(self, name: str) -> list[ReceivedSpan]:
        """The spans of that name."""
        return [one for one in self.spans if one.name == name]

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        """Take a request of an exporter."""
        self.headers.append({name.lower(): text for name, text in request.headers.items()})
        assert request.headers["Content-Type"] == PROTOBUF
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if request.path.endswith("/v1/traces"):
            traces = ExportTraceServiceRequest.FromString(body)
            self.raw += str(traces)
            for resource in traces.resource_spans:
                who = values(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self.spans += [ReceivedSpan(span, who) for span in scope.spans]
            return 200, PROTOBUF, ExportTraceServiceResponse().SerializeToString()
        assert request.path.endswith("/v1/metrics"), request.path
        metrics = ExportMetricsServiceRequest.FromString(body)
        self.raw += str(metrics)
        for of in metrics.resource_metrics:
            for scope in of.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}
        return 200, PROTOBUF, ExportMetricsServiceResponse().SerializeToString()


@contextmanager
def receiving() -> Iterator[Received]:
    """A receiver on loopback, while inside."""
    received = Received()
    with answering(received.take) as url:
        received.url = url
        yield received


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None
