"""The command line: `chaosnetra …`, and the same as `chaos netra …`.

Every `chaos` command imports this module; the commands themselves are imported when called.
"""

import logging

import click

from chaosnetra.commands.lazy import LazyGroup

COMMANDS = {
    "ci": "chaosnetra.commands.ci:ci",
    "compare": "chaosnetra.commands.compare:compare",
    "gameday": "chaosnetra.commands.gameday:gameday",
    "lint": "chaosnetra.commands.lint:lint",
    "plan": "chaosnetra.commands.plan:plan",
    "recommend": "chaosnetra.commands.recommend:recommend",
    "recover": "chaosnetra.commands.recover:recover",
    "report": "chaosnetra.commands.report:report",
    "roundtrips": "chaosnetra.commands.roundtrips:roundtrips",
    "search": "chaosnetra.commands.search:search",
    "stand": "chaosnetra.commands.stand:stand",
    "try": "chaosnetra.commands.try_:try_",
    "verdict": "chaosnetra.commands.verdict:verdict",
    "whatif": "chaosnetra.commands.whatif:whatif",
}

# Where a log cannot be written, as on a full disk, each line of it would cost a traceback, and hide
# what a run says. The journal control tells of it in one line.
logging.raiseExceptions = False


@click.group(cls=LazyGroup, places=COMMANDS)
def netra() -> None:
    """Chaos experiments on service startups."""
    from chaosnetra.standard_streams import drop_what_nobody_reads

    drop_what_nobody_reads("stdout", "stderr")


def main() -> None:
    """Entry point of the `chaosnetra` command."""
    netra(prog_name="chaosnetra")
