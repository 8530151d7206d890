"""Shows the end of a run on standard error, where the log goes too."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

import click

from chaosnetra.controls.command_line import journal_path
from chaosnetra.evidence.verdict.closing import closing_lines
from chaosnetra.progress.shown import can_draw

_COLOURS = {True: "green", False: "red", None: None}
WIDEST = 100


def show_closing(title: str, section: Mapping[str, Any]) -> bool:
    """Show what a run found.

    Args:
        title: of the experiment.
        section: ours of its journal, complete and masked.

    Returns:
        Whether a person sees it at a terminal; elsewhere one line has to say all of it as well.
    """
    at_terminal = can_draw(os.environ)
    has_colours = at_terminal and not os.environ.get("NO_COLOR")
    width = min(shutil.get_terminal_size().columns, WIDEST) if at_terminal else 80
    lines = closing_lines(title, section, str(journal_path()), width)
    for line in lines:
        colour = _COLOURS[line.good] if has_colours else None
        click.secho(line.text, fg=colour, err=True, color=has_colours)
    return at_terminal
