"""Days without a terminal: answers from a file, or nobody at all.

A file of answers holds one a line, `KEY = ANSWER`; `#` begins a comment. A key may be there
several times, for a step that is repeated. Keys are those that questions show in brackets, for
example `present`, `latency go`, `latency predict Ada held`, `latency next`, `surprise`. Lines
`latency during = /observe …` are commands, carried out one after the other once a fault of that
step is in place (or its run has begun its method, where there is none); those that are left when
the run has ended, then.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.gameday.conduct.progress import ENDED
from chaosnetra.gameday.people.interface import (
    Left,
    Listener,
    Panel,
    Question,
    Style,
    parsed_command,
)
from chaosnetra.gameday.people.panel import one_panel_line
from chaosnetra.gameday.people.predictions import checked_answer

MOST_BYTES = 4_000_000
Say = Callable[[str, Style], None]


class Unattended:
    """Nobody is there: each question has an answer of its own for that.

    Args:
        say: shows a line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._shown = ""

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        self._say(text, style)

    def ask(self, question: Question, listener: Listener) -> str:
        listener.tick()
        return question.unattended

    def during(self, panel: Panel, seconds: float, listener: Listener) -> None:
        line = one_panel_line(panel)
        if line != self._shown:
            self._shown = line
            self._say(line, Style.QUIET)
        time.sleep(seconds)
        listener.tick()

    def close(self) -> None:
        pass


class Scripted(Unattended):
    """Answers from a file.

    Args:
        answers: by key; see `read_answers`.
        say: shows a line.
    """

    def __init__(self, answers: dict[str, deque[str]], say: Say) -> None:
        super().__init__(say)
        self._answers = answers

    @property
    def unused(self) -> list[str]:
        """Keys of answers that nobody asked for."""
        return [key for key, answers in self._answers.items() if answers]

    def ask(self, question: Question, listener: Listener) -> str:
        listener.tick()
        waiting = self._answers.get(question.key)
        if not waiting:
            if question.default is None:
                raise Left(f"the file of answers has none for {question.key!r}: {question.text}")
            return question.default
        answer = waiting.popleft()
        try:
            question.check(answer)
        except InvalidInput as error:
            raise Left(f"the answer to {question.key!r} cannot be used: {error}") from None
        # The check has learned what in it is secret.
        self.say(f"{question.text} [{question.key}] {answer}")
        return answer

    def during(self, panel: Panel, seconds: float, listener: Listener) -> None:
        waiting = self._answers.get(f"{panel.step} during")
        begun = panel.progress.faults or panel.progress.phase not in ("starting", "baseline")
        while waiting and begun:
            try:
                listener.command(parsed_command(waiting.popleft()))
            except InvalidInput as error:
                raise Left(f"an answer to '{panel.step} during' cannot be used: {error}") from None
            if panel.progress.phase != ENDED:
                break  # the next in the next call; after the last there is none
        super().during(panel, seconds, listener)


def read_answers(path: Path) -> dict[str, deque[str]]:
    """Answers by their key, in the order of the file.

    Raises:
        Unreadable: there is no such file, or a line of it is no answer.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    return parse_answers(raw, str(path))


def parse_answers(raw: bytes, name: str) -> dict[str, deque[str]]:
    """As `read_answers`, for what was read already."""
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"{name}: it has more than {MOST_BYTES:,} bytes")
    found: dict[str, deque[str]] = {}
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            key, equals, answer = line.partition(b"=")
            if not equals:
                raise InvalidInput("it is no KEY = ANSWER")
            text = checked_answer(answer)
            found.setdefault(checked_answer(key), deque()).append(text)
        except InvalidInput as error:
            raise Unreadable(f"{name}:{number}: {error}") from None
    return found
