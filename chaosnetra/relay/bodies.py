"""The bodies of control calls, read bounded and strictly, and the answer to those refused."""

import json
from typing import TYPE_CHECKING, Any, NoReturn

from chaosnetra.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

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


def refused(request: "Request", error: Exception) -> "Response":  # noqa: ARG001 - a handler
    """HTTP 400 with `{"error": "one line"}`: Starlette's handler of `InvalidInput`."""
    from starlette.responses import JSONResponse

    return JSONResponse({"error": str(error)}, status_code=400)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
