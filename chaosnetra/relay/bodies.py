"""Control APIs: their calls' bodies, read bounded and strictly, and the answer to those refused."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from chaosnetra.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

MOST_BYTES = 1024 * 1024


async def read_json(request: "Request") -> Any:
    """The body as JSON data.

    Raises:
        InvalidInput: it is over 1 MiB, or no JSON in UTF-8; NaN and Infinity are none.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise InvalidInput(f"the body is over {MOST_BYTES} bytes")
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is not valid JSON: {error}") from None


async def read_object(request: "Request", what: str) -> dict[str, Any]:
    """The body as a JSON object; `what` it is, for the message. See `read_json`."""
    data = await read_json(request)
    if not isinstance(data, dict):
        raise InvalidInput(f"{what} must be a JSON object")
    return data


def control_application(routes: "Sequence[Route]") -> "Starlette":
    """The calls as an ASGI application; every error is `{"error": "one line"}`.

    `InvalidInput` that a call raises becomes HTTP 400.
    """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse

    def refused(request: "Request", error: Exception) -> JSONResponse:  # noqa: ARG001 - a handler
        return JSONResponse({"error": str(error)}, status_code=400)

    def not_found(request: "Request", error: Exception) -> JSONResponse:
        code = int(getattr(error, "status_code", 404))
        text = f"{request.method} {request.url.path} is not known here"
        return JSONResponse({"error": text}, status_code=code)

    handlers = {InvalidInput: refused, 404: not_found, 405: not_found}
    return Starlette(routes=routes, exception_handlers=handlers)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
