"""The servers that the contract is run against, and where they differ by design."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from chaosnetra.stand.toxiproxy import ToxiproxyServer, start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient

REAL = "toxiproxy"
EMBEDDED = "embedded"

# Starts a server of that implementation, or fails: no test is skipped for want of one.
IMPLEMENTATIONS: dict[str, Callable[[], ToxiproxyServer]] = {
    REAL: lambda: start_toxiproxy(server="real"),
    EMBEDDED: lambda: start_toxiproxy(server="embedded"),
}

LISTEN = "127.0.0.1:0"
UPSTREAM = "127.0.0.1:9"
PROXY = {"name": "one", "listen": LISTEN, "upstream": UPSTREAM}
LATENCY = {"name": "slow", "type": "latency", "attributes": {"latency": 100, "jitter": 10}}


def with_attributes(type_: str, **attributes: Any) -> dict[str, Any]:
    return {"name": "new", "type": type_, "attributes": attributes}


@dataclass(frozen=True)
class Difference:
    """What each server does where they do not do the same; toxiproxy/README.md says why.

    `call` (method, path, body) is made on a server with the proxy `one` that has the toxic
    `slow`; the values are then the statuses.
    """

    real: Any
    embedded: Any
    call: tuple[str, str, Any] | None = None

    def of(self, implementation: str) -> Any:
        return self.real if implementation == REAL else self.embedded


TOXICS = "/proxies/one/toxics"
SLOW = "/proxies/one/toxics/slow"
OTHER = {**PROXY, "name": "two", "enabled": False}

DIFFERENCES = {
    # The embedded server refuses what would be another fault than the one that was asked for.
    "an unknown attribute": Difference(
        200, 400, ("POST", TOXICS, with_attributes("latency", latency=1, lateny=2))
    ),
    "another toxic's attribute": Difference(
        200, 400, ("POST", TOXICS, with_attributes("latency", rate=1))
    ),
    "a negative attribute": Difference(
        200, 400, ("POST", TOXICS, with_attributes("latency", latency=-1))
    ),
    "slices without a size": Difference(
        200, 400, ("POST", TOXICS, with_attributes("slicer", average_size=0))
    ),
    "a delay of more than an hour": Difference(
        200, 400, ("POST", TOXICS, with_attributes("latency", latency=10**9))
    ),
    "a toxicity over 1": Difference(
        200, 400, ("POST", TOXICS, {**with_attributes("latency"), "toxicity": 7.5})
    ),
    "a negative toxicity": Difference(200, 400, ("PATCH", SLOW, {"toxicity": -0.5})),
    "a toxic's name that no call can hold": Difference(
        200, 400, ("POST", TOXICS, {**with_attributes("latency"), "name": "a/b"})
    ),
    "a proxy's name that no call can hold": Difference(
        201, 400, ("POST", "/proxies", {**OTHER, "name": "a/b"})
    ),
    "an upstream without a port": Difference(
        201, 400, ("POST", "/proxies", {**OTHER, "upstream": "127.0.0.1"})
    ),
    "an address that is not of loopback": Difference(
        201, 400, ("POST", "/proxies", {**OTHER, "listen": "0.0.0.0:0"})
    ),
    "another machine's address": Difference(
        500, 400, ("POST", "/proxies", {**PROXY, "name": "two", "listen": "192.0.2.1:0"})
    ),
    "an address without a port": Difference(
        500, 400, ("POST", "/proxies", {**PROXY, "name": "two", "listen": "127.0.0.1"})
    ),
    "no address at all": Difference(
        500, 400, ("POST", "/proxies", {**PROXY, "name": "two", "listen": "256.0.0.1:0"})
    ),
    "a port by the name of its service": Difference(
        201, 400, ("POST", "/proxies", {**OTHER, "upstream": "localhost:http"})
    ),
    "a port over 65535": Difference(
        500, 400, ("POST", "/proxies", {**PROXY, "name": "two", "listen": "127.0.0.1:65536"})
    ),
    "an attribute beyond any use": Difference(
        200, 400, ("POST", TOXICS, with_attributes("bandwidth", rate=1 << 62))
    ),
    "a stream in capitals": Difference("UPSTREAM", "upstream"),
    "a path with an empty part": Difference(301, 404, ("GET", "/proxies//one", None)),
    "something behind the JSON": Difference(200, 400, ("PATCH", SLOW, '{"toxicity": 1} and so on')),
    "a body of over a mebibyte": Difference(
        200, 400, ("PATCH", SLOW, '{"toxicity": 1}' + " " * (1 << 20))
    ),
    "where a proxy without a host listens": Difference("[::]", "127.0.0.1"),
    # A cut may lie outside of what is cut, which ends the real server.
    "slices that vary by more than their size": Difference(False, True),
    # What only one of them has.
    "gauges": Difference(404, 200, ("GET", "/proxies/one/gauges", None)),
    "keys of a proxy": Difference(
        {"name", "listen", "upstream", "enabled", "toxics", "Logger"},
        {"name", "listen", "upstream", "enabled", "toxics"},
    ),
    "keys of the version": Difference({"version"}, {"version", "seed"}),
    # The real server closes the other side altogether when one side has no more to send.
    "a half-closed client still gets its answer": Difference(False, True),
    # The real one makes up for what its timers are late, and a little more; with 1,024 bytes for
    # each unit it would be 0.977 s.
    "the least time of a second's worth of bytes": Difference(0.9, 0.99),
    # The real server's RST needs an option that it sets when a connection begins.
    "reset_peer resets connections that were there before it": Difference(False, True),
    "reset_peer can be removed while it waits": Difference(False, True),
    "a client that does not read blocks the control API": Difference(True, False),
    "an upstream that does not answer blocks the control API": Difference(True, False),
}


@dataclass(frozen=True)
class Served:
    """A running server of an implementation."""

    implementation: str
    server: ToxiproxyServer | SimpleNamespace
    client: ToxiproxyClient

    def expected(self, difference: str) -> Any:
        """What this implementation does where they differ."""
        return DIFFERENCES[difference].of(self.implementation)
