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
from chaosnetra.relay.bodies import control_application, read_object


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

    return control_application(
        [
            Route("/state", state),
            Route("/history", history),
            Route("/model", change, methods=["PATCH"]),
        ]
    )
