"""What commands share: the option for the format of their output, and how they end on an error."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

# Of `verdict`, `report`, `compare` and `recommend`: a journal cannot be read.
UNREADABLE = 7


def format_option(help_: str) -> Callable[[Any], Any]:
    """`--format text|json`, given to the command as `output`."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help=help_,
    )


def say_json(data: Any) -> None:
    """Print one JSON document."""
    import json

    click.echo(json.dumps(data, indent=2))


@contextmanager
def exit_on(codes: Mapping[type[Exception], int]) -> Iterator[None]:
    """End the command with the code of an error, and its text on standard error."""
    try:
        yield
    except tuple(codes) as error:
        click.echo(f"Error: {error}", err=True)
        code = next(code for kind, code in codes.items() if isinstance(error, kind))
        raise SystemExit(code) from None
