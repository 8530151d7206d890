"""A group of commands that imports a command only when it is needed."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class OutputUnwritable(click.ClickException):
    """What a command found cannot be said. Its code tells neither that it is well nor that not."""

    exit_code = 2


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own.

    Args:
        places: `module:attribute` of each command, by its name.
    """

    def __init__(self, *arguments: Any, places: Mapping[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._places = places

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OSError as error:
            from chaosnetra.standard_streams import OutputLost

            if not isinstance(error, OutputLost):
                raise
            reason = f"the output cannot be written: {error.strerror}"
            raise OutputUnwritable(reason) from None

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self._places.get(cmd_name)
        if place is None:
            from chaosnetra.documents.guess import nearest

            guess = nearest(cmd_name, self._places)
            meant = f" Did you mean {guess!r}?" if guess else ""
            ctx.fail(f"No such command {cmd_name!r}.{meant}")
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
