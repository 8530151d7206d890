"""The conductor's terminal: questions to be typed, and single keys while a run goes on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

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
from chaosnetra.gameday.people.keys import Keyboard
from chaosnetra.gameday.people.lineedit import LineEditor
from chaosnetra.gameday.people.panel import HELP, KEYS, one_panel_line, panel_lines
from chaosnetra.gameday.people.view import DumbView

TICK_SECONDS = 0.1
TYPED = "at any question: /observe /decision /follow-up /surprise /pause /skip /abort …"
CONFIRM = "really abort the day? (yes; anything else: no)"
NOT_ABORTED = "The day is not aborted."

_KEYS: Mapping[str, tuple[Does, str]] = {
    "o": (Does.OBSERVE, "observation"),
    "d": (Does.DECIDE, "decision"),
    "f": (Does.FOLLOW_UP, "follow-up (what; owner; due date)"),
    "u": (Does.SURPRISE, "surprise"),
    "s": (Does.SKIP, "skip this step; why? (Esc: no)"),
    "a": (Does.ABORT, "abort the day; why? (Esc: no)"),
}


@dataclass
class _Typing:
    """A line that is being typed while a run goes on; `abort` waits for its confirmation."""

    does: Does
    label: str
    editor: LineEditor
    began: float
    abort: Command | None = None


class Terminal:
    """An interface on a terminal.

    Args:
        keyboard: what is typed.
        view: what is shown.
    """

    def __init__(self, keyboard: Keyboard, view: DumbView) -> None:
        self._keyboard = keyboard
        self._view = view
        self._typing: _Typing | None = None
        self._rest: Sequence[KeyPress] = ()  # typed ahead
        self._earlier: list[str] = []

    def say(self, text: str, style: Style = Style.PLAIN) -> None:
        self._view.say(text, style)

    def ask(self, question: Question, listener: Listener) -> str:
        self._finish_typing(listener)
        self._view.say(question.text, Style.TITLE)
        while True:
            editor = LineEditor(self._earlier)
            began = time.monotonic()
            line = self._typed("> ", editor, listener)
            try:
                if line.startswith("/"):
                    typed = parsed_command(self._taken(editor))
                    seconds = time.monotonic() - began
                    if typed.does is not Does.ABORT or self._confirmed(listener):
                        listener.command(Command(typed.does, typed.text, seconds))
                    continue
                if not line.strip() and question.default is not None and not editor.dropped:
                    answer = question.default
                else:
                    answer = self._taken(editor)
                question.check(answer)
            except InvalidInput as error:
                self._refuse(error)
                continue
            if not question.ends_the_day(answer) or self._confirmed(listener):
                return answer

    def _typed(self, label: str, editor: LineEditor, listener: Listener) -> str:
        """One line, while the listener is told that time goes by."""
        while True:
            self._view.show((), editor.entry(label))
            listener.tick()
            try:
                line, self._rest = editor.feed(self._rest or self._keyboard.read(TICK_SECONDS))
            except EOFError:
                raise Left("the terminal was closed (end of file)") from None
            if line is not None:
                self._view.clear()
                return line

    def _confirmed(self, listener: Listener) -> bool:
        """Whether the day is to be aborted; nothing that was typed before says so."""
        self._forget()
        self._view.say(CONFIRM, Style.WARNING)
        return self._means_yes(self._typed("> ", LineEditor(), listener))

    def _means_yes(self, line: str) -> bool:
        if line.strip().lower() in ("yes", "y"):
            return True
        self._view.say(NOT_ABORTED, Style.WARNING)
        return False

    def during(self, panel: Panel, seconds: float, listener: Listener) -> None:
        until = time.monotonic() + seconds
        while True:
            self._show(panel)
            listener.tick()
            wait = min(TICK_SECONDS, until - time.monotonic())
            rest, self._rest = self._rest or self._keyboard.read(wait), ()
            while rest:
                rest = self._take(rest, listener)
                self._show(panel)
            if time.monotonic() >= until:
                return

    def _finish_typing(self, listener: Listener) -> None:
        """What is being typed when a run ends is not lost, and its Enter answers nothing else."""
        while (typing := self._typing) is not None:
            self._view.show((), typing.editor.entry(f"{typing.label}: "))
            listener.tick()
            pressed, self._rest = self._rest or self._keyboard.read(TICK_SECONDS), ()
            if pressed:
                self._rest = self._take(pressed, listener)
            self._view.clear()

    def _show(self, panel: Panel) -> None:
        lines = panel_lines(panel)
        lines += [f"look at: {what}" for what in panel.observe]
        if self._typing is None:
            self._view.show([*lines, KEYS], None, brief=one_panel_line(panel))
        else:
            self._view.show(lines, self._typing.editor.entry(f"{self._typing.label}: "))

    def _take(self, pressed: Sequence[KeyPress], listener: Listener) -> Sequence[KeyPress]:
        """Take keys; returns those that come after a finished line."""
        typing = self._typing
        if typing is None:
            self._press(pressed[0].key, listener)
            return pressed[1:]
        if pressed[0].key == Keys.Escape:
            self._typing = None
            return pressed[1:]
        try:
            line, rest = typing.editor.feed(pressed)
        except EOFError:
            self._typing = None
            return ()
        if line is None:
            return rest
        self._typing = None
        try:
            return rest if self._carry_out(typing, line, listener) else ()
        except InvalidInput as error:
            self._refuse(error)
            return ()

    def _carry_out(self, typing: _Typing, line: str, listener: Listener) -> bool:
        """Do what was typed; whether what was typed after it may count."""
        if typing.abort is not None:
            if self._means_yes(line):
                listener.command(typing.abort)
            return True
        text = self._taken(typing.editor)
        command = Command(typing.does, text, time.monotonic() - typing.began)
        if typing.does is not Does.ABORT:
            listener.command(command)
            return True
        self._forget()
        self._typing = _Typing(Does.ABORT, CONFIRM, LineEditor(), time.monotonic(), command)
        return False

    def _press(self, key: str, listener: Listener) -> None:
        if key == "p":
            listener.command(Command(Does.PAUSE))
        elif key == "?":
            for line in (*HELP, TYPED):
                self._view.say(line, Style.QUIET)
        elif key in _KEYS:
            does, label = _KEYS[key]
            self._typing = _Typing(does, label, LineEditor(self._earlier), time.monotonic())

    def _taken(self, editor: LineEditor) -> str:
        """A line as an answer, which can be brought back from now on."""
        text = editor.checked()
        if text not in self._earlier[-1:]:
            self._earlier.append(text)
        return text

    def _refuse(self, error: InvalidInput) -> None:
        """Say why; the rest of what was pasted answers nothing."""
        self._forget()
        self._view.say(str(error), Style.WARNING)

    def _forget(self) -> None:
        self._rest = ()
        self._keyboard.forget()

    def close(self) -> None:
        try:
            self._view.clear()
        finally:
            self._keyboard.restore()
