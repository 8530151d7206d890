"""`python -m chaosnetra.connector --upstream HOST:PORT`: the emulator as a program.

It listens for clients on a free port of 127.0.0.1, prints the URL of its control API (whose
`/state` says where it listens), and ends with SIGTERM.
"""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from chaosnetra.addresses import parse_network_address
from chaosnetra.connector.emulator import Emulator
from chaosnetra.connector.model import parse_model
from chaosnetra.errors import InvalidInput
from chaosnetra.relay.service import LOOPBACK, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette


PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--upstream", required=True, help="HOST:PORT that it leads to")
@click.option("--port", default=0, type=PORT, help="port of the control API; 0 is a free one")
@click.option("--listen", default=0, type=PORT, help="port for clients; 0 is a free one")
@click.option("--model", default="{}", help="JSON object: values of the model; durations are real")
@click.option("--seed", default=0, help="of everything that is drawn")
def main(upstream: str, port: int, listen: int, model: str, seed: int) -> None:
    """Emulate a Serverless VPC Access connector in front of one address."""
    try:
        address = _upstream(upstream)
        parsed = parse_model(_object(model))
    except InvalidInput as error:
        raise click.ClickException(str(error)) from None

    def application() -> "Starlette":
        from chaosnetra.connector.application import control_api

        emulator = Emulator(parsed, address, seed)
        try:
            emulator.start(LOOPBACK, listen)
        except OSError as error:
            raise _taken("--listen", listen, error) from None
        return control_api(emulator)

    try:
        serve(application, LOOPBACK, port)
    except OSError as error:
        raise _taken("--port", port, error) from None


def _upstream(text: str) -> tuple[str, int]:
    host, port = parse_network_address("--upstream", text)
    if port == 0:
        raise InvalidInput(f"--upstream must name a port of 1 to 65535, got {text!r}")
    return host, port


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"--model is not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"--model must be a JSON object, got {text!r:.100}")
    return data


def _taken(option: str, port: int, error: OSError) -> click.ClickException:
    return click.ClickException(f"{option}: {LOOPBACK}:{port} cannot be used: {error}")


if __name__ == "__main__":
    sys.exit(main())
