"""`python -m chaosnetra.connector --upstream HOST:PORT`: the emulator as a program.

It listens for clients on a free port of 127.0.0.1, prints the URL of its control API (whose
`/state` says where it listens), and ends with SIGTERM.
"""

import json
import sys
from typing import TYPE_CHECKING

import click

from chaosnetra.addresses import parse_network_address
from chaosnetra.connector.emulator import Emulator
from chaosnetra.connector.model import parse_model
from chaosnetra.errors import ChaosnetraError
from chaosnetra.relay.service import LOOPBACK, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette


@click.command()
@click.option("--upstream", required=True, help="HOST:PORT that it leads to")
@click.option("--port", default=0, help="port of the control API; 0 is a free one")
@click.option("--listen", default=0, help="port for clients; 0 is a free one")
@click.option("--model", default="{}", help="JSON object: values of the model; durations are real")
@click.option("--seed", default=0, help="of everything that is drawn")
def main(upstream: str, port: int, listen: int, model: str, seed: int) -> None:
    """Emulate a Serverless VPC Access connector in front of one address."""
    try:
        address = parse_network_address("upstream", upstream)
        parsed = parse_model(json.loads(model))
    except (ChaosnetraError, ValueError, AttributeError) as error:
        raise click.ClickException(str(error)) from None

    def application() -> "Starlette":
        from chaosnetra.connector.application import control_api

        emulator = Emulator(parsed, address, seed)
        emulator.start(LOOPBACK, listen)
        return control_api(emulator)

    try:
        serve(application, LOOPBACK, port)
    except OSError as error:
        raise click.ClickException(f"an address cannot be used: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
