"""Stands beside a game day: checks its abort criteria, and ends the run of a dead conductor.

A process of its own, `python -m chaosnetra.gameday.conduct.abort_monitor FOLDER`, so that a probe
that hangs holds up nobody. It prints one JSON object a line: `{"checked": true}` after each round
in which all criteria held, though not more often than every second, and `{"crossed": REASON}` when
one does not hold any more; then it asks the run in progress to end itself, should the conductor
hang.

Its standard input is a pipe from the conductor. The first line says what to check, with its
secrets, which the record does not have. A line `end` says that the day is over. An end of file
without that line says that the conductor is gone, however it went: the run in progress is asked to
end, what is left is undone, and the terminal is put in order again. Probes see neither pipe.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from chaosnetra.gameday.record.entries import read_entries, run_in_progress
from chaosnetra.runner.ending import end_and_undo

END = b"end"
SAY_SECONDS = 1.0


def main(arguments: list[str]) -> None:
    """Watch the day in the folder `arguments[0]`; `arguments[1]`, if there, is its terminal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(arguments[0])
    conductor = _taken(0, os.O_RDONLY, "rb")
    answers = _taken(1, os.O_WRONLY, "wb")
    first = conductor.readline()
    if first.endswith(b"\n"):
        what = {**json.loads(first), "folder": folder, "answers": answers}
        threading.Thread(target=_watch, kwargs=what, daemon=True).start()
    said = conductor.read()
    if END not in said.split(b"\n"):
        for kept in arguments[1:]:
            _restore(kept)
        run = run_in_progress(read_entries(folder), folder)
        if run is not None:
            end_and_undo(run)
    if "chaosnetra.running.session" in sys.modules:  # undo what probes brought
        from chaosnetra.running.session import end_session

        end_session()


def _taken(number: int, flags: int, mode: str) -> IO[bytes]:
    """A standard stream for the conductor alone; probes get nothing in its place."""
    stream = os.fdopen(os.dup(number), mode)
    nothing = os.open(os.devnull, flags)
    os.dup2(nothing, number)
    os.close(nothing)
    return stream


def _watch(
    conditions: list[Any],
    parameters: dict[str, str],
    frequency_seconds: float,
    folder: Path,
    answers: IO[bytes],
) -> None:
    """Check the criteria until one is crossed."""
    try:
        parsed = _parsed(conditions, parameters)
        said = -SAY_SECONDS
        while (reason := _crossed(parsed, parameters)) is None:
            if time.monotonic() - said >= SAY_SECONDS:
                said = time.monotonic()
                _say(answers, {"checked": True})
            time.sleep(frequency_seconds)
    except Exception as error:  # noqa: BLE001 - a day that is not watched must not go on
        reason = f"the criteria cannot be checked: {type(error).__name__}: {error}"
    # Said first: the conductor must know why before the run has ended.
    _say(answers, {"crossed": reason})
    with contextlib.suppress(Exception):
        run = run_in_progress(read_entries(folder), folder)
        if run is not None:
            run.ask_to_end()


def _parsed(conditions: list[Any], parameters: Mapping[str, str]) -> list[Any]:
    if not conditions:
        return []
    from chaosnetra.running.abort_conditions import Condition
    from chaosnetra.settings import SETTINGS

    # Probes of modules beside the experiments, as `chaos run` finds them.
    sys.path.insert(0, str(Path.cwd()))
    for key, value in parameters.items():
        if key in SETTINGS:  # for the probes that use those
            os.environ[SETTINGS[key].variable] = value
    return [Condition(condition) for condition in conditions]


def _crossed(conditions: list[Any], parameters: Mapping[str, str]) -> str | None:
    reasons = (condition.crossed(dict(parameters), {}) for condition in conditions)
    return next((reason for reason in reasons if reason is not None), None)


def _restore(kept: str) -> None:
    """Put a terminal back as it was; see `chaosnetra.gameday.people.keys.kept_terminal`."""
    import termios

    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, termios.error):
        name, settings = json.loads(kept)
        settings[6] = [
            bytes([sign]) if sign_is_byte else sign for sign, sign_is_byte in settings[6]
        ]
        file = os.open(name, os.O_RDWR | os.O_NOCTTY)
        termios.tcsetattr(file, termios.TCSANOW, settings)
        os.write(file, b"\x1b[?25h\r\n")  # the cursor, should it be hidden


def _say(answers: IO[bytes], data: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        answers.write(json.dumps(data, default=str).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
