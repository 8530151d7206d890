"""The command line: `chaosnetra …`, and the same as `chaos netra …`.

Every `chaos` command imports this module; the commands themselves are imported when called.
"""

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "ci": "chaosnetra.commands.ci:ci",
    "clean": "chaosnetra.commands.clean:clean",
    "compare": "chaosnetra.commands.compare:compare",
    "doctor": "chaosnetra.commands.doctor:doctor",
    "experiments": "chaosnetra.commands.experiments:experiments",
    "gameday": "chaosnetra.commands.gameday:gameday",
    "init": "chaosnetra.commands.init:init",
    "lint": "chaosnetra.commands.lint:lint",
    "plan": "chaosnetra.commands.plan:plan",
    "recommend": "chaosnetra.commands.recommend:recommend",
    "recover": "chaosnetra.commands.recover:recover",
    "report": "chaosnetra.commands.report:report",
    "roundtrips": "chaosnetra.commands.roundtrips:roundtrips",
    "search": "chaosnetra.commands.search:search",
    "settings": "chaosnetra.commands.settings:settings",
    "stand": "chaosnetra.commands.stand:stand",
    "try": "chaosnetra.commands.try_:try_",
    "verdict": "chaosnetra.commands.verdict:verdict",
    "whatif": "chaosnetra.commands.whatif:whatif",
}

# Least likeness of a command that may be meant: one letter of three may be wrong.
LIKENESS = 0.6

# Where a log cannot be written, as on a full disk, each line of it would cost a traceback, and hide
# what a run says. The journal control tells of it in one line.
logging.raiseExceptions = False

if "chaoslib.log" in sys.modules:  # in `chaos`
    from chaosnetra.controls.log_colours import leave_out_colours

    leave_out_colours()


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
            from chaosnetra.documents.findings import nearest

            guess = nearest(cmd_name, self._places, LIKENESS)
            meant = f" Did you mean {guess!r}?" if guess else ""
            ctx.fail(f"No such command {cmd_name!r}.{meant}")
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


def _say_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from chaosnetra import DISTRIBUTION, __version__

        click.echo(f"{DISTRIBUTION} {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
def netra() -> None:
    """Chaos experiments on service startups."""
    from chaosnetra.standard_streams import drop_what_nobody_reads

    drop_what_nobody_reads("stdout", "stderr")


def main() -> None:
    """Entry point of the `chaosnetra` command."""
    netra(prog_name="chaosnetra")
