"""`python -m chaosnetra.toxiproxy.embedded`: the embedded Toxiproxy server as a program.

It prints the URL of its control API and ends with SIGTERM.
"""

import sys
from typing import TYPE_CHECKING

import click

from chaosnetra.relay.service import LOOPBACK, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette


@click.command()
@click.option("--host", default=LOOPBACK, help="IP address of the control API")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="port of the control API; 0 is a free one",
)
@click.option("--seed", default=0, help="of everything that is drawn: toxicity, jitter, slices")
@click.option("--listen-anywhere", is_flag=True, help="let proxies listen outside of loopback")
@click.option("--proxy-metrics", is_flag=True, help="serve what proxies moved at /metrics")
def main(host: str, port: int, seed: int, listen_anywhere: bool, proxy_metrics: bool) -> None:
    """Serve Toxiproxy's control API, and its proxies."""
    if not host:  # to the system it is every interface
        raise click.ClickException(f"--host must name an address, as {LOOPBACK} does")

    def application() -> "Starlette":
        from chaosnetra.toxiproxy.embedded.application import ControlApi
        from chaosnetra.toxiproxy.embedded.collection import Collection

        api = ControlApi(Collection(seed), anywhere=listen_anywhere, metrics=proxy_metrics)
        return api.application()

    try:
        serve(application, host, port)
    except OSError as error:
        raise click.ClickException(f"{host}:{port} cannot be used: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
