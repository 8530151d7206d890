"""Calls of the control API of a Toxiproxy server, over raw HTTP."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.support.toxiproxy_servers import LATENCY, PROXY, TOXICS, Served

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str | None
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


def call(served: Served, method: str, path: str, body: Any = None, agent: str = "a test") -> Answer:
    """One call on a connection of its own; `body` is JSON data, or raw text or bytes."""
    connection = http.client.HTTPConnection(served.server.url.removeprefix("http://"), timeout=5)
    raw = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    try:
        connection.request(method, path, raw, {"User-Agent": agent})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers.get("content-type"), headers, response.read())
    finally:
        connection.close()


def is_error(answer: Answer, status: int, words: str) -> None:
    """An error as every call gives it: JSON, served as text."""
    assert (answer.status, answer.content_type) == (status, TEXT)
    assert set(answer.data) == {"error", "status"}
    assert answer.data["status"] == status
    assert words in answer.data["error"]


def with_a_toxic(served: Served) -> None:
    assert call(served, "POST", "/proxies", PROXY).status == 201
    assert call(served, "POST", TOXICS, LATENCY).status == 200
