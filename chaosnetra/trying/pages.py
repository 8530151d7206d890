"""Pages by which a service may show that it is ready, asked one after the other."""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

# What no service has: a page that is answered as this one is proves nothing.
NO_PAGE = "/chaosnetra-asks-for-a-page-that-is-not-there"
MOST_REDIRECTIONS = 3
MOST_HEADERS = 100
_IN_A_REQUEST = re.compile(r"/[!-~]*")


@dataclass(frozen=True)
class Answer:
    """What a page answered.

    Attributes:
        status: of HTTP.
        path: of the page that answered.
        location: where it sends who asks for it; empty: nowhere.
        media_type: of what it answers, such as `text/html`; empty: it does not say.
    """

    status: int
    path: str
    location: str = ""
    media_type: str = ""

    def is_like(self, other: "Answer") -> bool:
        """Whether another page answers the same, as the start page of a site may for every path."""
        return (self.status, self.media_type) == (other.status, other.media_type)


async def answer_of(host: str, port: int, path: str, timeout_seconds: float) -> Answer | None:
    """What a page answers; None: nothing, or it is none of HTTP.

    Args:
        host: of the service.
        port: of the service.
        path: of the page.
        timeout_seconds: for all of it.
    """
    writer: asyncio.StreamWriter | None = None
    headers: dict[bytes, str] = {}
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: chaosnetra\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            words = (await reader.readline()).split()
            if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
                return None
            status = int(words[1])
            for _ in range(MOST_HEADERS):
                if not (line := (await reader.readline()).strip()):
                    break
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip().decode(errors="replace")
    except (OSError, ValueError):
        return None
    finally:
        if writer is not None:
            with suppress(OSError):
                writer.transport.abort()
    location = headers.get(b"location", "") if 300 <= status < 400 else ""
    media_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    return Answer(status, path, location, media_type)


async def followed(host: str, port: int, answer: Answer, timeout_seconds: float) -> Answer | None:
    """The answer of the page that another one sends to, as `/health` does to `/health/`.

    A page elsewhere, such as one of https, is not asked: then it is the last answer of the service.

    Args:
        host: of the service.
        port: of the service.
        answer: of the first page.
        timeout_seconds: for each page.
    """
    for _ in range(MOST_REDIRECTIONS):
        here = f"http://{host}:{port}"
        found = urlsplit(urljoin(f"{here}{answer.path}", answer.location))
        is_here = f"{found.scheme}://{found.netloc}" == here
        if not answer.location or not is_here or not _IN_A_REQUEST.fullmatch(found.path):
            break
        next_answer = await answer_of(host, port, found.path, timeout_seconds)
        if next_answer is None:
            return None
        answer = next_answer
    return answer


def is_good(answer: Answer | None) -> bool:
    """Whether a page is ready, as Kubernetes judges its status."""
    return answer is not None and 200 <= answer.status < 400


def may_become_good(answer: Answer | None) -> bool:
    """Whether a page may answer otherwise a moment later."""
    return answer is not None and answer.status >= 500
