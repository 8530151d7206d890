"""The observer's control API.

    GET    /state          what is observed, and what went wrong
    POST   /startups       `{"name": …, "socket_path": …}`: listen for one; answers with its address
    POST   /observations   `{"name": …, "began_at": …, "until_at": …, "phases": …}`: what was seen
    DELETE /startups       `{"names": […]}`: forget them

`socket_path` and `phases` may be left out. Moments are readings of the monotonic clock; a phase is
`{"name": [beginning, end]}`, in seconds from `began_at`, and `null` is no end. Errors are
`{"error": "one line"}`.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chaosnetra.errors import InvalidInput, MachineryFailed
from chaosnetra.quantities import number
from chaosnetra.relay.bodies import control_application, read_object
from chaosnetra.wire.observation import MOST_PHASES
from chaosnetra.wire.observations import Observations
from chaosnetra.wire.observer import Observer

LONGEST_NAME = 200
Span = tuple[float, float | None]


def control_api(observer: Observer) -> Starlette:
    """The API as an ASGI application, on the observer's event loop."""
    observations = Observations()

    async def state(request: Request) -> JSONResponse:  # noqa: ARG001 - Starlette gives it
        return JSONResponse(observer.state())

    async def add(request: Request) -> JSONResponse:
        data = await _read(request, "a startup", "name", "socket_path")
        name, path = _name(data.get("name")), data.get("socket_path")
        if path is not None and not (isinstance(path, str) and path.startswith("/")):
            raise InvalidInput(f"socket_path must be an absolute path, got {path!r:.100}")
        if path is not None and "\0" in path:
            raise InvalidInput("socket_path must hold no NUL")
        try:
            return JSONResponse({"name": name, "address": observer.add(name, path)})
        except OSError as error:
            text = f"no port can be listened on: {error.strerror}"
            return JSONResponse({"error": text}, status_code=503)

    async def observation(request: Request) -> Response:
        data = await _read(request, "an observation", "name", "began_at", "until_at", "phases")
        name = _name(data.get("name"))
        began_at = number("began_at", data.get("began_at"), minimum=0)
        until_at = number("until_at", data.get("until_at"), minimum=began_at)
        phases = _phases(data.get("phases"))
        log = await observer.pickled_log(name)
        try:
            body = await observations.of(log, began_at, until_at, phases)
        except MachineryFailed as error:
            return JSONResponse({"error": str(error)}, status_code=500)
        return Response(body, media_type="application/json")

    async def forget(request: Request) -> JSONResponse:
        data = await _read(request, "what to forget", "names")
        names = data.get("names")
        if not isinstance(names, list):
            raise InvalidInput(f"names must be a list, got {names!r:.100}")
        return JSONResponse({"forgotten": observer.forget([_name(name) for name in names])})

    return control_application(
        [
            Route("/state", state),
            Route("/startups", add, methods=["POST"]),
            Route("/startups", forget, methods=["DELETE"]),
            Route("/observations", observation, methods=["POST"]),
        ]
    )


async def _read(request: Request, what: str, *keys: str) -> dict[str, Any]:
    data = await read_object(request, what)
    unknown = sorted(data.keys() - set(keys))
    if unknown:
        raise InvalidInput(f"{what} has no {unknown[0]!r:.100}: it has {', '.join(keys)}")
    return data


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise InvalidInput(
            f"a startup's name must be text of 1 to {LONGEST_NAME} characters, got {value!r:.100}"
        )
    return value


def _phases(value: Any) -> dict[str, Span]:
    if not isinstance(value, dict | None):
        raise InvalidInput(f"phases must be an object, got {value!r:.100}")
    phases = value or {}
    if len(phases) > MOST_PHASES:
        raise InvalidInput(f"phases must be at most {MOST_PHASES}, got {len(phases)}")
    return {phase: _span(phase, span) for phase, span in phases.items()}


def _span(phase: str, value: Any) -> Span:
    if not isinstance(value, list) or len(value) != 2:
        raise InvalidInput(
            f"phase {phase!r:.100} must be a beginning and an end, got {value!r:.100}"
        )
    start = number("the beginning of a phase", value[0], minimum=0)
    return start, None if value[1] is None else number("the end of a phase", value[1], minimum=0)
