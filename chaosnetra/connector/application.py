"""The emulator's control API.

    GET   /state     model, gauges, counters
    PATCH /model     change some of the model's values; answers with the whole model
    GET   /history   samples and events since the start

Errors are `{"error": "one line"}`.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chaosnetra.connector.emulator import Emulator
from chaosnetra.errors import InvalidInput
from chaosnetra.relay.bodies import read_object, refused


def control_api(emulator: Emulator) -> Starlette:
    """The API as an ASGI application, on the emulator's event loop."""

    async def state(request: Request) -> JSONResponse:  # noqa: ARG001 - Starlette gives it
        return JSONResponse(emulator.state())

    async def history(request: Request) -> JSONResponse:  # noqa: ARG001 - Starlette gives it
        return JSONResponse(emulator.history())

    async def change(request: Request) -> JSONResponse:
        data = await read_object(request, "the model's changes")
        emulator.change(emulator.model.changed(data))
        return JSONResponse(emulator.model.to_json())

    def not_found(request: Request, error: Exception) -> JSONResponse:
        code = int(getattr(error, "status_code", 404))
        text = f"{request.method} {request.url.path} is not known here"
        return JSONResponse({"error": text}, status_code=code)

    return Starlette(
        routes=[
            Route("/state", state),
            Route("/history", history),
            Route("/model", change, methods=["PATCH"]),
        ],
        exception_handlers={InvalidInput: refused, 404: not_found, 405: not_found},
    )
