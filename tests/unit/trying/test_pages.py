"""Pages that a service is asked for, and where they send who asks."""

import asyncio
from collections.abc import Mapping

import pytest

from chaosnetra.ports import LOOPBACK
from chaosnetra.trying.pages import MOST_REDIRECTIONS, Answer, answer_of, followed, is_good

PAGES: Mapping[str, bytes] = {
    "/health": b"HTTP/1.1 301 Moved Permanently\r\nServer: x\r\nLocation: /health/\r\n\r\n",
    "/health/": b"HTTP/1.1 200 OK\r\nLocation: /nowhere\r\nContent-Type: application/json\r\n\r\n",
    "/app": b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
    "/anything": b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-type: TEXT/HTML\r\n\r\n",
    "/status": b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://{here}/state?all\r\n\r\n",
    "/state": b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
    "/": b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://{here}/\r\n\r\n",
    "/ping": b"HTTP/1.1 302 Found\r\nLocation: /ping\r\n\r\n",
    "/ready": b"HTTP/1.1 302 Found\r\nLocation: /a page\r\n\r\n",
    "/readyz": b"HTTP/1.1 302 Found\r\nLocation: /ends\r\n\r\n",
    "/ends": b"",
    "/livez": b"+OK ready\r\n",
}


async def at_last(path: str) -> tuple[Answer | None, list[str]]:
    """What a page answers when it was followed, and all pages that were asked."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        page = (await reader.readline()).split()[1].decode()
        asked.append(page)
        writer.write(PAGES[page].replace(b"{here}", f"{LOOPBACK}:{port}".encode()))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
        port = int(server.sockets[0].getsockname()[1])
        first = await answer_of(LOOPBACK, port, path, 10)
        found = None if first is None else await followed(LOOPBACK, port, first, 10)
    return found, asked


def test_an_answer_is_told_from_the_start_page_that_every_path_has() -> None:
    start = asyncio.run(at_last("/app"))[0]
    assert start is not None
    others = {path: asyncio.run(at_last(path))[0] for path in ("/anything", "/health/", "/state")}
    like = [path for path, other in others.items() if other is not None and start.is_like(other)]
    assert like == ["/anything"]
    assert None not in others.values()


@pytest.mark.parametrize(
    ("path", "status", "last", "asked"),
    [
        ("/health", 200, "/health/", ["/health", "/health/"]),
        ("/status", 503, "/state", ["/status", "/state"]),
        ("/", 308, "/", ["/"]),  # its port for TLS is another one
        ("/ready", 302, "/ready", ["/ready"]),  # no address of a page
        ("/ping", 302, "/ping", ["/ping"] * (1 + MOST_REDIRECTIONS)),
    ],
)
def test_a_page_that_sends_to_another_one_of_the_service_is_followed(
    path: str, status: int, last: str, asked: list[str]
) -> None:
    found, pages = asyncio.run(at_last(path))
    assert found is not None
    assert (found.status, found.path, pages) == (status, last, asked)
    assert is_good(found) is (status < 400)


@pytest.mark.parametrize(("path", "asked"), [("/readyz", 2), ("/livez", 1)])
def test_what_does_not_answer_by_http_is_no_page(path: str, asked: int) -> None:
    found, pages = asyncio.run(at_last(path))
    assert found is None
    assert len(pages) == asked
