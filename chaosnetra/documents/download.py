"""An experiment behind a URL, loaded as `chaos run` loads it, with an end to the waiting."""

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chaosnetra.documents.document import MOST_BYTES, Document, parsed
from chaosnetra.errors import Unreadable

if TYPE_CHECKING:
    import requests

READ_SECONDS = 10.0
WHOLE_SECONDS = 30.0
TOKEN = "CHAOSTOOLKIT_LOADER_AUTH_BEARER_TOKEN"  # noqa: S105 - the variable's name
_YAML = ("application/x-yaml", "text/yaml")


def is_url(name: str) -> bool:
    """Whether the Chaos Toolkit would load it from a server: a file of that name comes first."""
    return name.lower().startswith(("http://", "https://")) and not os.path.exists(name)  # noqa: PTH110 - takes any text


def download(url: str, settings: Mapping[str, Any]) -> Document:
    """Load an experiment.

    Args:
        url: http or https; the answer's content type says what it is.
        settings: the Chaos Toolkit's, whose `auths` may name this server.

    Raises:
        Unreadable: it cannot be had within 30 s, or is no experiment that `chaos run` would take.
    """
    import requests

    name = "the URL"
    try:
        name = _shown(url)
        with requests.get(
            url, headers=_headers(url, settings), timeout=READ_SECONDS, stream=True
        ) as response:
            if response.status_code != 200:
                raise Unreadable(f"{name}: the server answered with {response.status_code}")
            raw = _body(response, name)
            kind = response.headers.get("Content-Type", "")
            return _read(raw, kind, response.encoding, name)
    except (requests.RequestException, ValueError) as error:
        # The text of the error may hold the URL, and that a password.
        raise Unreadable(f"{name}: it cannot be loaded ({type(error).__name__})") from None


def _shown(url: str) -> str:
    """The URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _headers(url: str, settings: Mapping[str, Any]) -> dict[str, str]:
    headers = {"Accept": "application/json, application/x-yaml"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"bearer {token.strip()}"
        return headers
    auths = settings.get("auths")
    known: Any = auths.get(urlsplit(url).netloc) if isinstance(auths, dict) else None
    if isinstance(known, dict) and {"type", "value"} <= known.keys():
        headers["Authorization"] = f"{known['type']} {known['value']}"
    return headers


def _body(response: "requests.Response", name: str) -> bytes:
    until = time.monotonic() + WHOLE_SECONDS
    raw = bytearray()
    for block in response.iter_content(2**16):
        raw += block
        if len(raw) > MOST_BYTES:
            raise Unreadable(f"{name}: it has more than {MOST_BYTES:,} bytes; no experiment has")
        if time.monotonic() > until:
            raise Unreadable(f"{name}: it was not there after {WHOLE_SECONDS:g} s")
    return bytes(raw)


def _read(raw: bytes, kind: str, encoding: str | None, name: str) -> Document:
    """By its content type, as the Chaos Toolkit decides."""
    if "application/json" in kind:
        # As `requests` reads JSON: its encoding shows in where its zeros stand.
        return parsed(raw.decode(json.detect_encoding(raw)), name, is_json=True)
    text = raw.decode(encoding or "utf-8", errors="replace")
    if any(one in kind for one in _YAML):
        return parsed(text, name, is_json=False)
    if "text/plain" in kind:
        try:
            return parsed(text, name, is_json=True)
        except Unreadable:
            return parsed(text, name, is_json=False)
    raise Unreadable(
        f"{name}: its content type is {kind!r}; the Chaos Toolkit takes application/json, "
        f"{', '.join(_YAML)} and text/plain"
    )
