"""What the conductor needs of the people around it: a terminal, a file of answers, or nobody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from chaosnetra.errors import ChaosnetraError, InvalidInput
from chaosnetra.gameday.conduct.progress import Progress


class Left(ChaosnetraError):
    """Nobody is there any more who could answer; the day can be resumed."""


class Style(StrEnum):
    """How a line looks where colours can be shown."""

    PLAIN = "plain"
    TITLE = "title"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    QUIET = "quiet"


class Does(StrEnum):
    """What somebody can do at any time."""

    OBSERVE = "observation"
    DECIDE = "decision"
    FOLLOW_UP = "follow-up"
    SURPRISE = "surprise"
    PAUSE = "pause"
    SKIP = "skip"
    ABORT = "abort"


# As they are typed in front of a question.
COMMANDS = {"observe" if does is Does.OBSERVE else does.value: does for does in Does}
NOTES = (Does.OBSERVE, Does.DECIDE, Does.FOLLOW_UP, Does.SURPRISE)


@dataclass(frozen=True)
class Command:
    """Something that somebody did.

    Attributes:
        does: what.
        text: what they said with it, maybe empty.
        typing_seconds: how long they typed: they saw what they tell so long ago.
    """

    does: Does
    text: str = ""
    typing_seconds: float = 0.0


@dataclass(frozen=True)
class Question:
    """Something to be answered.

    Attributes:
        key: names it in a file of answers.
        text: as it is asked.
        check: raises InvalidInput for an answer that cannot be used.
        default: what an empty answer means; None when one is needed.
        unattended: the answer when nobody is there.
        ends_the_day: whether an answer does; a terminal asks once more then.
    """

    key: str
    text: str
    check: Callable[[str], object] = lambda answer: answer
    default: str | None = None
    unattended: str = ""
    ends_the_day: Callable[[str], bool] = lambda answer: False


@dataclass(frozen=True)
class Panel:
    """What is shown while a run is in progress; see `chaosnetra.gameday.people.panel`."""

    step: str
    number: int
    steps: int
    attempt: int
    progress: Progress
    running_seconds: float
    abort_in_seconds: float
    paused: bool = False
    stopping: str = ""
    observe: Sequence[str] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


class Listener(Protocol):
    """Told of what happens while an interface waits."""

    def tick(self) -> None:
        """Called at least every 0.2 s; may raise to end the wait."""

    def command(self, command: Command) -> None:
        """Somebody did something; may raise to end the wait.

        Raises:
            InvalidInput: it cannot be done; people are told, and the wait goes on.
        """


class Interface(Protocol):
    """How the conductor talks with people."""

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        """Show a line, or several."""

    def ask(self, question: Question, listener: Listener) -> str:
        """Ask until an answer can be used.

        Raises:
            Left: nobody answers any more.
        """

    def during(self, panel: Panel, seconds: float, listener: Listener) -> None:
        """Show how a run goes, and take commands, for so long.

        Raises:
            Left: nobody is there any more.
        """

    def close(self) -> None:
        """Put everything back in order. Doing it again is no error."""


def parsed_command(text: str) -> Command:
    """A command as it is typed in front of a question: `/observe it is slow`, `/abort`.

    Raises:
        InvalidInput: there is no such command.
    """
    word, _, rest = text.removeprefix("/").partition(" ")
    found = [does for name, does in COMMANDS.items() if word and name.startswith(word.lower())]
    if len(found) != 1:
        names = ", ".join(f"/{name}" for name in COMMANDS)
        raise InvalidInput(f"there is no command /{word[:20]}; there are {names}")
    return Command(found[0], rest.strip())
