"""How a day is to be led, and by whom."""

import sys
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.people.answers import Say, Scripted, Unattended, read_answers
from chaosnetra.gameday.people.interface import Interface


@dataclass(frozen=True)
class Options:
    """How a day is to be led.

    Attributes:
        plan: its file.
        parent: folder in which days are kept.
        yes: nobody is there; everything is answered as the plan expects.
        answers: a file of answers; see `chaosnetra.gameday.people.answers`.
        resume: go on with the last day of this file, which has not ended.
        new: begin another one all the same.
        rehearsal: on the local stand.
    """

    plan: Path
    parent: Path
    yes: bool = False
    answers: Path | None = None
    resume: bool = False
    new: bool = False
    rehearsal: bool = False

    def check_answers(self) -> None:
        """That somebody or something can answer.

        Raises:
            InvalidInput: nobody can.
            Unreadable: the file of answers cannot be read.
        """
        if self.yes and self.answers is not None:
            raise InvalidInput("--yes and --answers cannot both answer; leave one of them out")
        if self.answers is not None:
            read_answers(self.answers)
        elif not self.yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise InvalidInput(
                "there is no terminal to answer at; give --answers FILE, or --yes for a rehearsal"
            )

    def interface(self, say: Say) -> Interface:
        """The people of the day; `say` shows a line where there is no terminal."""
        if self.yes:
            return Unattended(say)
        if self.answers is not None:
            return Scripted(read_answers(self.answers), say)
        from chaosnetra.gameday.people.keys import Keyboard
        from chaosnetra.gameday.people.terminal import Terminal
        from chaosnetra.gameday.people.view import terminal_view

        view = terminal_view()
        return Terminal(Keyboard(sys.stdin), view)

    def terminal_to_restore(self) -> str | None:
        """The terminal of the day, for the monitor; see `kept_terminal`."""
        if self.yes or self.answers is not None:
            return None
        from chaosnetra.gameday.people.keys import kept_terminal

        return kept_terminal(sys.stdin)
