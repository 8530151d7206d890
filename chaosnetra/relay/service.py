"""A relay as a program: an HTTP control API on 127.0.0.1, and one line that says where it is.

The program prints `{"url": "http://127.0.0.1:PORT"}` when it answers, and nothing else. It ends
with SIGTERM.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from chaosnetra.addresses import shown_address

if TYPE_CHECKING:
    from starlette.applications import Starlette

LOOPBACK = "127.0.0.1"


def serve(make_application: Callable[[], "Starlette"], host: str = LOOPBACK, port: int = 0) -> None:
    """Serve until a signal ends it.

    Args:
        make_application: makes the control API; called on the running event loop.
        host: address of the control API.
        port: its port; 0 lets the system choose.

    Raises:
        OSError: the address cannot be used.
    """
    allow_many_descriptors()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
        with asyncio.Runner(loop_factory=new_event_loop()) as runner:
            runner.run(_serve(make_application, listening))


def new_event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it exists: it halves what the hop costs."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def allow_many_descriptors() -> None:
    """Each relayed connection takes two."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(make_application: Callable[[], "Starlette"], listening: socket.socket) -> None:
    import uvicorn

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            say({"url": f"http://{shown_address(*listening.getsockname()[:2])}"})

    config = uvicorn.Config(
        make_application(),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    await Announced(config).serve(sockets=[listening])


def say(line: dict[str, str]) -> None:
    """Tell whoever started us, in a line of JSON; from then on there is nobody who reads."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
