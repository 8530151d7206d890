"""The control API: the routes of Toxiproxy 2.12, and `GET /proxies/{name}/gauges`.

Every call is done at once on the event loop, after its body was read: none waits for a data
connection.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chaosnetra.errors import InvalidInput
from chaosnetra.relay.bodies import read_json
from chaosnetra.toxiproxy.embedded import bodies
from chaosnetra.toxiproxy.embedded.collection import Collection
from chaosnetra.toxiproxy.embedded.metrics import CONTENT_TYPE, exposition
from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy
from chaosnetra.toxiproxy.embedded.refusals import Refused
from chaosnetra.toxiproxy.toxics import Toxic

# What a client that asks for the version must be able to tell: which API, and that it is ours.
API_VERSION = "2.12.0"


def version() -> str:
    """As `GET /version` answers."""
    from chaosnetra import __version__

    return f"{API_VERSION}+chaosnetra-embedded-{__version__}"


class ControlApi:
    """The calls.

    Args:
        collection: what they act on.
        anywhere: whether proxies may listen on other addresses than those of loopback.
        metrics: whether `/metrics` is served.
    """

    def __init__(self, collection: Collection, *, anywhere: bool, metrics: bool = False) -> None:
        self._proxies = collection
        self._anywhere = anywhere
        self._metrics = metrics
        self._version = version()

    def application(self) -> Starlette:
        """The API as an ASGI application."""
        proxy, toxics = "/proxies/{proxy}", "/proxies/{proxy}/toxics"
        toxic = f"{toxics}/{{toxic}}"
        application = Starlette(
            routes=[
                _route("/version", GET=self.version),
                _route("/reset", POST=self.reset),
                _route("/populate", POST=self.populate),
                _route("/proxies", GET=self.list_proxies, POST=self.create_proxy),
                _route(
                    proxy,
                    GET=self.show_proxy,
                    POST=self.update_proxy,
                    PATCH=self.update_proxy,
                    DELETE=self.delete_proxy,
                ),
                _route(f"{proxy}/gauges", GET=self.gauges),
                _route(toxics, GET=self.list_toxics, POST=self.create_toxic),
                _route(
                    toxic,
                    GET=self.show_toxic,
                    POST=self.update_toxic,
                    PATCH=self.update_toxic,
                    DELETE=self.delete_toxic,
                ),
                *([_route("/metrics", GET=self.metrics)] if self._metrics else []),
            ],
            middleware=[Middleware(NoBrowsers)],
            exception_handlers={
                InvalidInput: _refused,
                Refused: _refused,
                404: _no_such_page,
                405: _wrong_method,
            },
        )
        application.router.redirect_slashes = False
        return application

    async def version(self, request: Request) -> Response:  # noqa: ARG002 - all handlers take it
        return JSONResponse(
            {"version": self._version, "seed": self._proxies.seed},
            media_type="application/json;charset=utf-8",
        )

    async def reset(self, request: Request) -> Response:  # noqa: ARG002
        self._proxies.reset()
        return Response(status_code=204)

    async def populate(self, request: Request) -> Response:
        made: list[dict[str, Any]] = []
        failure: dict[str, Any] = {}
        try:
            for spec in bodies.population(await read_json(request), anywhere=self._anywhere):
                made.append(self._proxies.put(spec).to_json())  # noqa: PERF401 - they stay
        except (InvalidInput, Refused) as error:
            failure = _described(error)
        return JSONResponse({**failure, "proxies": made or None}, failure.get("status", 201))

    async def list_proxies(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse({proxy.spec.name: proxy.to_json() for proxy in self._proxies})

    async def create_proxy(self, request: Request) -> Response:
        spec = bodies.new_proxy(await read_json(request), anywhere=self._anywhere)
        return JSONResponse(self._proxies.add(spec).to_json(), 201)

    async def show_proxy(self, request: Request) -> Response:
        return JSONResponse(self._proxy(request).to_json())

    async def update_proxy(self, request: Request) -> Response:
        self._proxy(request)
        data = await read_json(request)
        proxy = self._proxy(request)  # others may have been served meanwhile
        proxy.change(bodies.changed_proxy(data, proxy.spec, anywhere=self._anywhere))
        return JSONResponse(proxy.to_json())

    async def delete_proxy(self, request: Request) -> Response:
        self._proxies.remove(request.path_params["proxy"])
        return Response(status_code=204)

    async def gauges(self, request: Request) -> Response:
        return JSONResponse(self._proxy(request).relay.counters.to_json())

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002
        return PlainTextResponse(exposition(self._proxies), media_type=CONTENT_TYPE)

    async def list_toxics(self, request: Request) -> Response:
        return JSONResponse([toxic.to_server() for toxic in self._proxy(request).toxics])

    async def create_toxic(self, request: Request) -> Response:
        self._proxy(request)
        toxic = bodies.new_toxic(await read_json(request))
        self._proxy(request).add_toxic(toxic)
        return JSONResponse(toxic.to_server())

    async def show_toxic(self, request: Request) -> Response:
        return JSONResponse(self._toxic(request).to_server())

    async def update_toxic(self, request: Request) -> Response:
        self._toxic(request)
        data = await read_json(request)
        toxic = bodies.changed_toxic(data, self._toxic(request))
        self._proxy(request).change_toxic(toxic)
        return JSONResponse(toxic.to_server())

    async def delete_toxic(self, request: Request) -> Response:
        self._proxy(request).remove_toxic(request.path_params["toxic"])
        return Response(status_code=204)

    def _proxy(self, request: Request) -> EmbeddedProxy:
        return self._proxies.get(request.path_params["proxy"])

    def _toxic(self, request: Request) -> Toxic:
        return self._proxy(request).toxic(request.path_params["toxic"])


class NoBrowsers:
    """Refuses what a web page could send, and gives every answer an id, as the real server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Toxiproxy-Request-Id"] = secrets.token_hex(10)
            await send(message)

        if scope["type"] == "http" and Headers(scope=scope).get("user-agent", "").startswith(
            "Mozilla/"
        ):
            await _text("User agent not allowed\n", 403)(scope, receive, send_with_id)
        else:
            await self._app(scope, receive, send_with_id)


Handler = Callable[[Request], Awaitable[Response]]


def _route(path: str, **handlers: Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        return await handlers[request.method](request)

    route = Route(path, endpoint, methods=list(handlers))
    route.methods = set(handlers)  # without the HEAD that comes with GET
    return route


def _text(text: str, status: int) -> Response:
    return PlainTextResponse(text, status, {"X-Content-Type-Options": "nosniff"})


def _described(error: Exception) -> dict[str, Any]:
    refused = error if isinstance(error, Refused) else Refused(400, f"bad request body: {error}")
    return {"error": str(refused), "status": refused.status}


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Errors are JSON, served as text: clients rely on the one, and some on the other."""
    data = _described(error)
    return _text(json.dumps(data, separators=(",", ":")) + "\n", data["status"])


async def _no_such_page(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _text("404 page not found\n", 404)


async def _wrong_method(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Response(status_code=405, headers=getattr(error, "headers", None))
