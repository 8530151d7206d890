"""Pages by which a service may show that it is ready, asked one after the other."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

# Those that say "ready" come before those that say "alive"; the start page last.
PATHS: Sequence[str] = (
    "/readyz",
    "/ready",
    "/readiness",
    "/healthz/ready",
    "/health/ready",
    "/actuator/health/readiness",
    "/actuator/health",
    "/q/health/ready",
    "/-/ready",
    "/healthz",
    "/health",
    "/healthcheck",
    "/api/health",
    "/api/healthz",
    "/api/v1/health",
    "/livez",
    "/liveness",
    "/-/healthy",
    "/status",
    "/ping",
    "/",
)
# What no service has: a page that is answered as this one is proves nothing.
NO_PAGE = "/chaosnetra-asks-for-a-page-that-is-not-there"


async def status_of(host: str, port: int, path: str, timeout_seconds: float) -> int | None:
    """The HTTP status of a page; None: no answer, or it is none of HTTP.

    Args:
        host: of the service.
        port: of the service.
        path: of the page.
        timeout_seconds: for all of it.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: chaosnetra\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            words = (await reader.readline()).split()
    except (OSError, ValueError):
        return None
    finally:
        if writer is not None:
            with suppress(OSError):
                writer.transport.abort()
    is_http = len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit()
    return int(words[1]) if is_http else None


def is_good(status: int | None) -> bool:
    """Whether a status is that of a page that is ready, as Kubernetes judges it."""
    return status is not None and 200 <= status < 400


def may_become_good(status: int | None) -> bool:
    """Whether a page may answer otherwise a moment later."""
    return status is not None and status >= 500
