"""`python -m chaosnetra.wire --upstream HOST:PORT`: the observer as a program.

It prints the URL of its control API, which gives each startup an address, and ends with SIGTERM.
"""

import sys
from typing import TYPE_CHECKING

import click

from chaosnetra.addresses import parse_network_address
from chaosnetra.errors import InvalidInput
from chaosnetra.relay.service import LOOPBACK, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette


@click.command()
@click.option("--upstream", required=True, help="HOST:PORT, or PATH of a Unix socket, led to")
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="of the control API; 0 is a free one"
)
@click.option("--listen-host", default=LOOPBACK, help="address at which startups are listened for")
def main(upstream: str, port: int, listen_host: str) -> None:
    """Pass startups on to one address, and keep what was seen of each."""
    try:
        place = upstream if upstream.startswith("/") else _upstream(upstream)
    except InvalidInput as error:
        raise click.ClickException(str(error)) from None

    def application() -> "Starlette":
        from chaosnetra.wire.application import control_api
        from chaosnetra.wire.observer import Observer

        return control_api(Observer(place, listen_host))

    try:
        serve(application, LOOPBACK, port)
    except OSError as error:
        raise click.ClickException(f"--port: {LOOPBACK}:{port} cannot be used: {error}") from None


def _upstream(text: str) -> tuple[str, int]:
    host, port = parse_network_address("--upstream", text)
    if port == 0:
        raise InvalidInput(f"--upstream must name a port of 1 to 65535, got {text!r}")
    return host, port


if __name__ == "__main__":
    sys.exit(main())
