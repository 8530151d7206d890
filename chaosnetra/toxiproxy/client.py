"""A client for Toxiproxy's control API: one instance a server, every call with a deadline.

The calls go through toxiproxy-python's consumer. It keeps host and port on the class, so each
server gets a subclass; it has no timeouts and lets 500 and 503 pass, so both are added here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from chaosnetra.errors import (
    InvalidInput,
    ToxiproxyRefused,
    ToxiproxyUnavailable,
    ToxiproxyWedged,
)
from chaosnetra.toxiproxy.toxics import Toxic, is_addressable

if TYPE_CHECKING:
    import requests

Parsed = TypeVar("Parsed")

# The server itself answers 503 only after 25 s; a call that takes this long will not come back.
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Proxy:
    """A proxy as the server knows it."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[Toxic, ...]

    @classmethod
    def from_server(cls, data: Mapping[str, Any]) -> "Proxy":
        return cls(
            name=data["name"],
            listen=data["listen"],
            upstream=data["upstream"],
            enabled=data["enabled"],
            toxics=tuple(Toxic.from_server(toxic) for toxic in data["toxics"]),
        )

    def toxic(self, name: str) -> Toxic | None:
        return next((toxic for toxic in self.toxics if toxic.name == name), None)


class ToxiproxyClient:
    """Calls one Toxiproxy server.

    Args:
        url: control URL, `http://host:port`.
        timeout_seconds: limit of one call; keep it well under the server's own 25 s.

    Every call raises `ToxiproxyUnavailable` when there is no server at the address,
    `ToxiproxyWedged` when it hangs or answers 503, and `ToxiproxyRefused` when it refuses the call.
    """

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        from toxiproxy.api import APIConsumer

        parts = urlsplit(url)
        host = parts.hostname or ""
        self.url = url
        self._timeout_seconds = timeout_seconds
        self._on_this_machine = host == "localhost" or host.startswith("127.") or host == "::1"
        self._consumer: Any = type(
            "Consumer",
            (APIConsumer,),
            {"host": f"[{host}]" if ":" in host else host, "port": parts.port},
        )

    def version(self) -> str:
        """The server's version as it calls itself."""
        answer = self._call("get", "/version")
        try:
            return str(answer.json()["version"])
        except (ValueError, KeyError, TypeError):
            return str(answer.text).strip()  # servers before 2.5 answer with the bare version

    def proxies(self) -> dict[str, Proxy]:
        """All proxies by name. The one call that shows whether the server is well."""
        answer = self._call("get", "/proxies")
        return self._read(
            lambda: {name: Proxy.from_server(data) for name, data in answer.json().items()}
        )

    def proxy(self, name: str) -> Proxy | None:
        """The proxy of that name, or None."""
        answer = self._call("get", _path(name), missing_is_none=True)
        return None if answer is None else self._read(lambda: Proxy.from_server(answer.json()))

    def toxic(self, proxy: str, name: str) -> Toxic | None:
        """The toxic of that name on a proxy, or None."""
        found = self.proxy(proxy)
        return None if found is None else found.toxic(name)

    def create_proxy(
        self,
        name: str,
        listen: str,
        upstream: str,
        *,
        enabled: bool = True,
        seed: str | None = None,
    ) -> Proxy:
        """Create a proxy; with port 0 the server chooses a free one. It is in the answer.

        `seed`: text that the random numbers of its toxics come from, for the embedded server;
        the real one cannot repeat its numbers, and ignores it.
        """
        _path(name)  # refuses a name that could never be deleted
        data = {"name": name, "listen": listen, "upstream": upstream, "enabled": enabled}
        if seed is not None:
            data["seed"] = seed
        answer = self._call("post", "/proxies", data)
        return self._read(lambda: Proxy.from_server(answer.json()))

    def update_proxy(self, name: str, **changes: Any) -> Proxy:
        """Change `enabled`, `listen` or `upstream`."""
        answer = self._call("post", _path(name), changes)
        return self._read(lambda: Proxy.from_server(answer.json()))

    def delete_proxy(self, name: str) -> bool:
        """Delete a proxy and its connections; False when there is none of that name."""
        return self._call("delete", _path(name), missing_is_none=True) is not None

    def add_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Add a toxic; the answer is what the server stored."""
        _path(proxy, toxic.name)
        answer = self._call("post", f"{_path(proxy)}/toxics", toxic.to_server())
        return self._read(lambda: Toxic.from_server(answer.json()))

    def update_toxic(
        self, proxy: str, name: str, attributes: Mapping[str, int], toxicity: float
    ) -> Toxic:
        """Change a toxic's attributes and toxicity; nothing else of it can be changed."""
        data = {"attributes": dict(attributes), "toxicity": toxicity}
        answer = self._call("post", _path(proxy, name), data)
        return self._read(lambda: Toxic.from_server(answer.json()))

    def delete_toxic(self, proxy: str, name: str) -> bool:
        """Remove a toxic; False when there is none of that name."""
        return self._call("delete", _path(proxy, name), missing_is_none=True) is not None

    def _call(
        self,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        *,
        missing_is_none: bool = False,
    ) -> Any:
        import requests
        from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

        call = f"{method.upper()} {path}"
        arguments: dict[str, Any] = {"timeout": self._timeout_seconds}
        if self._on_this_machine:
            arguments["proxies"] = {"http": ""}  # an HTTP proxy of the environment cannot reach it
        if data is not None:
            arguments["json"] = data
        try:
            response: requests.Response = getattr(self._consumer, method)(path, **arguments)
        except (NotFound, ProxyExists, InvalidToxic) as error:
            if missing_is_none and isinstance(error, NotFound):
                return None
            status = {NotFound: 404, ProxyExists: 409}.get(type(error), 400)
            raise ToxiproxyRefused(call, status, _text(error)) from None
        except requests.Timeout:
            raise ToxiproxyWedged(
                f"Toxiproxy at {self.url} did not answer {call} within "
                f"{self._timeout_seconds:g} s; restart it, "
                "or set CHAOSNETRA_TOXIPROXY_URL to another server"
            ) from None
        except requests.RequestException as error:
            raise ToxiproxyUnavailable(
                f"no Toxiproxy answers at {self.url} ({_reason(error)}); "
                "start it, or set CHAOSNETRA_TOXIPROXY_URL to a running server"
            ) from None
        return self._checked(call, response)

    def _read(self, parse: Callable[[], Parsed]) -> Parsed:
        """An answer, parsed; what is no Toxiproxy's answer is an error that names it."""
        try:
            return parse()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ToxiproxyUnavailable(
                f"what answers at {self.url} is no Toxiproxy server; "
                "set CHAOSNETRA_TOXIPROXY_URL to one"
            ) from None

    def _checked(self, call: str, response: "requests.Response") -> "requests.Response":
        if response.status_code == 503:
            raise ToxiproxyWedged(f"Toxiproxy at {self.url} is wedged: {call} answered 503")
        if response.status_code >= 400:
            raise ToxiproxyRefused(call, response.status_code, _server_text(response.content))
        return response


def _path(proxy: str, toxic: str | None = None) -> str:
    for name in (proxy, toxic):
        if name is not None and not is_addressable(name):
            raise InvalidInput(f"Toxiproxy cannot address the name {name!r}")
    path = f"/proxies/{quote(proxy, safe='')}"
    return path if toxic is None else f"{path}/toxics/{quote(toxic, safe='')}"


def _text(error: Exception) -> str:
    return _server_text(error.args[0]) if error.args else "no text"


def _server_text(content: bytes) -> str:
    import json

    try:
        answer = json.loads(content)
    except ValueError:
        return content.decode(errors="replace").strip()[:200]
    return str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)


def _reason(error: Exception) -> str:
    """The innermost cause of a requests error: the part that a person can use."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return str(cause) or type(cause).__name__
