"""The conductor's terminal: questions to be typed, and single keys while a run goes on."""

import time
from collections.abc import Mapping

from chaosnetra.errors import InvalidInput
from chaosnetra.gameday.people.interface import (
    Command,
    Does,
    Left,
    Listener,
    Panel,
    Question,
    Style,
    parsed_command,
)
from chaosnetra.gameday.people.keys import Keys
from chaosnetra.gameday.people.lineedit import ESCAPE, LineEditor
from chaosnetra.gameday.people.panel import HELP, KEYS, one_panel_line, panel_lines
from chaosnetra.gameday.people.predictions import LONGEST_ANSWER, checked_answer
from chaosnetra.gameday.people.view import View

TICK_SECONDS = 0.1
TYPED = "at any question: /observe /decision /follow-up /surprise /pause /skip /abort …"

_KEYS: Mapping[str, tuple[Does, str]] = {
    "o": (Does.OBSERVE, "observation"),
    "d": (Does.DECIDE, "decision"),
    "f": (Does.FOLLOW_UP, "follow-up (what; owner; due date)"),
    "u": (Does.SURPRISE, "surprise"),
    "s": (Does.SKIP, "skip this step; why? (Esc: no)"),
    "a": (Does.ABORT, "abort the day; why? (Esc: no)"),
}


class Terminal:
    """An interface on a terminal.

    Args:
        keys: what is typed.
        view: what is shown.
    """

    def __init__(self, keys: Keys, view: View) -> None:
        self._keys = keys
        self._view = view
        self._typing: tuple[Does, str, LineEditor, float] | None = None
        self._rest = ""  # typed ahead

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        self._view.say(text, style)

    def ask(self, question: Question, listener: Listener) -> str:
        self._finish_typing(listener)
        self._view.say(question.text, Style.TITLE)
        while True:
            editor = LineEditor()
            began = time.monotonic()
            line = self._typed(editor, listener)
            try:
                if line.startswith("/"):
                    typed = parsed_command(_checked(line, editor))
                    seconds = time.monotonic() - began
                    listener.command(Command(typed.does, typed.text, seconds))
                    continue
                if not line.strip() and question.default is not None and not editor.dropped:
                    answer = question.default
                else:
                    answer = _checked(line, editor)
                question.check(answer)
            except InvalidInput as error:
                self._forget()
                self._view.say(str(error), Style.WARNING)
                continue
            return answer

    def _typed(self, editor: LineEditor, listener: Listener) -> str:
        """One line, while the listener is told that time goes by."""
        while True:
            self._view.show((), f"> {editor.text}")
            listener.tick()
            characters = self._rest or self._keys.read(TICK_SECONDS)
            try:
                line, self._rest = editor.feed(characters)
            except EOFError:
                raise Left("the terminal was closed (end of file)") from None
            if line is not None:
                self._view.clear()
                return line

    def during(self, panel: Panel, seconds: float, listener: Listener) -> None:
        until = time.monotonic() + seconds
        while True:
            self._show(panel)
            listener.tick()
            rest = self._rest or self._keys.read(min(TICK_SECONDS, until - time.monotonic()))
            self._rest = ""
            while rest:
                rest = self._take(rest, listener)
                self._show(panel)
            if time.monotonic() >= until:
                return

    def _finish_typing(self, listener: Listener) -> None:
        """What is being typed when a run ends is not lost, and its Enter answers nothing else."""
        while (typing := self._typing) is not None:
            _, label, editor, _ = typing
            self._view.show((), f"{label}: {editor.text}")
            listener.tick()
            characters, self._rest = self._rest or self._keys.read(TICK_SECONDS), ""
            if characters:
                self._rest = self._take(characters, listener)
            self._view.clear()

    def _show(self, panel: Panel) -> None:
        lines = panel_lines(panel)
        lines += [f"look at: {what}" for what in panel.observe]
        if self._typing is None:
            self._view.show([*lines, KEYS], None, brief=one_panel_line(panel))
        else:
            _, label, editor, _ = self._typing
            self._view.show(lines, f"{label}: {editor.text}")

    def _take(self, characters: str, listener: Listener) -> str:
        """Take keys; returns those that come after a finished line."""
        if self._typing is None:
            self._press(characters[0], listener)
            return characters[1:]
        does, _, editor, began = self._typing
        if characters[0] == ESCAPE:
            self._typing = None
            return characters[1:]
        try:
            line, rest = editor.feed(characters)
        except EOFError:
            self._typing = None
            return ""
        if line is not None:
            self._typing = None
            try:
                text = _checked(line, editor)
                listener.command(Command(does, text, time.monotonic() - began))
            except InvalidInput as error:
                self._forget()
                self._view.say(str(error), Style.WARNING)
                return ""
        return rest

    def _press(self, key: str, listener: Listener) -> None:
        if key == "p":
            listener.command(Command(Does.PAUSE))
        elif key == "?":
            for line in (*HELP, TYPED):
                self._view.say(line, Style.QUIET)
        elif key in _KEYS:
            does, label = _KEYS[key]
            self._typing = (does, label, LineEditor(), time.monotonic())

    def _forget(self) -> None:
        """The rest of what was pasted answers nothing."""
        self._rest = ""
        self._keys.forget()

    def close(self) -> None:
        try:
            self._view.clear()
        finally:
            self._keys.restore()


def _checked(line: str, editor: LineEditor) -> str:
    if editor.dropped:
        raise InvalidInput(
            f"the answer has {len(editor.text) + editor.dropped:,} characters; "
            f"at most {LONGEST_ANSWER:,} fit"
        )
    if editor.controls:
        raise InvalidInput("the answer holds control characters; type it again")
    if "\ufffd" in line:
        raise InvalidInput("the answer is no text (not UTF-8); type it again")
    return checked_answer(line)
