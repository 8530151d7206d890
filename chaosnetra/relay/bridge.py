"""`python -m chaosnetra.relay.bridge LISTEN UPSTREAM`: a relay that changes nothing.

LISTEN is `HOST:PORT`, UPSTREAM that too or the absolute path of a Unix socket, so that what dials
TCP only reaches a socket. Port 0 of LISTEN is a free one. It prints `{"listen": LISTEN}` once it
listens, and ends with SIGTERM.
"""

import asyncio
import sys
from collections.abc import Sequence

from chaosnetra.addresses import Place, parse_network_address, shown_address
from chaosnetra.errors import InvalidInput
from chaosnetra.relay.connection import Route
from chaosnetra.relay.relay import Relay
from chaosnetra.relay.service import allow_many_descriptors, new_event_loop, say

# Longer than the system tries: it is the client's own limit that a silent upstream must meet.
DIAL_TIMEOUT_SECONDS = 600.0


def main(arguments: Sequence[str]) -> int | str:
    """Serve until a signal ends it; returns what the program ends with."""
    try:
        listen, upstream = arguments
        places = parse_network_address("LISTEN", listen), _upstream(upstream)
    except ValueError:
        return "usage: python -m chaosnetra.relay.bridge LISTEN UPSTREAM"
    except InvalidInput as error:
        return str(error)
    allow_many_descriptors()
    try:
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            runner.run(_serve(*places))
    except OSError as error:
        return f"{listen} cannot be listened on: {error}"
    return 0


def _upstream(text: str) -> Place:
    return text if text.startswith("/") else parse_network_address("UPSTREAM", text)


async def _serve(listen: tuple[str, int], upstream: Place) -> None:
    relay = Relay(Route(upstream, dial_timeout_seconds=DIAL_TIMEOUT_SECONDS))
    say({"listen": shown_address(*relay.listen(*listen))})
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
