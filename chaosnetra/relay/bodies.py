"""Reads the body of a control call, bounded and strictly."""

import json
from typing import TYPE_CHECKING, Any, NoReturn

from chaosnetra.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.requests import Request

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


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
