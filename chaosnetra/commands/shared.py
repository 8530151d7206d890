"""What commands share: arguments and options, and how they end on an error."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

# Of commands that read journals and game days: one of them cannot be read.
UNREADABLE = 7
PATH = click.Path(path_type=Path)
JOURNALS = click.argument("journals", metavar="JOURNAL…", nargs=-1, required=True, type=PATH)


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


def finite(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """Refuse infinity and what is no number at all: the `callback` of an option."""
    import math

    values = value if isinstance(value, tuple) else () if value is None else (value,)
    if not all(map(math.isfinite, values)):
        raise click.BadParameter("it must be a finite number")
    return value


def pairs(option: str, words: Iterable[str], form: str = "KEY=VALUE") -> dict[str, str]:
    """What the words of an option set, each `KEY=VALUE`; `form` is what users know that as."""
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{word!r} is not {form}", param_hint=option)
        found[name] = value
    return found


def set_option(help_: str) -> Callable[[Any], Any]:
    """`--set KEY=VALUE`, given to the command as `given`; also `--var`, as `chaos run` has it."""
    return click.option("--set", "--var", "given", multiple=True, metavar="KEY=VALUE", help=help_)


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
