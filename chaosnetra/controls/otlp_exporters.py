"""Exporters of OpenTelemetry's SDK, as the `OTEL_…` variables say, and what they complain of."""

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from chaosnetra.errors import InvalidInput

DEFAULT_ENDPOINTS = {"http": "http://localhost:4318", "grpc": "http://localhost:4317"}
SECRET_VARIABLES = (
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
)


@dataclass
class Complaint:
    """The first thing that went wrong with what was sent."""

    first: str | None = None

    def add(self, text: str) -> None:
        self.first = self.first or _reason(text)


class _Hearing(logging.Handler):
    """Hears what the SDK logs in the threads that send for us.

    Each failed try would be a line on the screen, in the middle of the run's own.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.of_thread: dict[int, Complaint] = {}

    def emit(self, record: logging.LogRecord) -> None:
        complaint = self.of_thread.get(record.thread or 0)
        if complaint is not None:
            complaint.add(record.getMessage())
        elif logging.lastResort is not None and not logging.getLogger().handlers:
            logging.lastResort.handle(record)  # of another control: as if nobody heard it


_hearing = _Hearing()


def _reason(complaint: str) -> str:
    """What the SDK complains of, without what it says around it."""
    of_the_system = re.search(r"\[Errno [^\"')]*", complaint)
    if of_the_system is not None:
        return of_the_system.group()
    return re.sub(r"^Transient error | encountered while .*|^.*\breason: ", "", complaint)


def exporter_of(environ: Mapping[str, str], signal: str) -> Any:
    """The exporter of a signal, `traces` or `metrics`; None where there is to be none.

    Raises:
        InvalidInput: there is no such one.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    match environ.get(variable, "").strip().lower():
        case "none":
            return None
        case "" | "otlp":
            pass
        case other:
            raise InvalidInput(f"{variable} must be otlp or none, got {other!r}")
    module, name = (
        ("trace_exporter", "OTLPSpanExporter")
        if signal == "traces"
        else ("metric_exporter", "OTLPMetricExporter")
    )
    package = _package(environ, signal)
    try:
        found = import_module(f"opentelemetry.exporter.otlp.proto.{package}.{module}")
    except ImportError:
        raise InvalidInput(
            f"OTLP by {package} takes the package opentelemetry-exporter-otlp-proto-{package}: "
            "install it, or set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf"
        ) from None
    return getattr(found, name)()


def _package(environ: Mapping[str, str], signal: str) -> str:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    if not environ.get(variable):
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    match environ.get(variable, "").strip().lower():
        case "" | "http/protobuf":
            return "http"
        case "grpc":
            return "grpc"
        case other:
            raise InvalidInput(f"{variable} must be http/protobuf or grpc, got {other!r}")


def endpoint_of(environ: Mapping[str, str]) -> str:
    """Where spans go, for people: without a user's name or a password."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    default = DEFAULT_ENDPOINTS[_package(environ, "traces")]
    url = next((environ[name] for name in names if environ.get(name)), default)
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def watched(exporter: Any, complaint: Complaint, note: Callable[[int, bool], None]) -> Any:
    """An exporter whose results are noted, and whose complaints are heard.

    Args:
        exporter: of spans or metrics; changed in place, and returned.
        complaint: takes what goes wrong.
        note: gets how many were sent, and whether they arrived.
    """
    export = exporter.export
    logging.getLogger("opentelemetry").addHandler(_hearing)  # once, however often it is added

    def exported(batch: Any, *arguments: Any, **named: Any) -> Any:
        _hearing.of_thread[threading.get_ident()] = complaint
        arrived = False
        try:
            result = export(batch, *arguments, **named)
            arrived = result.name == "SUCCESS"
        except Exception as error:
            complaint.add(str(error))
            raise  # the SDK knows what to do with it
        finally:
            note(len(batch) if isinstance(batch, Sized) else 1, arrived)
        return result

    exporter.export = exported
    return exporter
