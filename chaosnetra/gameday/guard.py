"""Stands beside a game day: checks its abort criteria, and ends the run of a dead conductor.

A process of its own, `python -m chaosnetra.gameday.guard FOLDER`, so that a probe that hangs holds
up nobody. It prints one JSON object a line: `{"checked": true}` once all criteria have been
checked for the first time, `{"crossed": REASON}` when one does not hold any more; then it has
asked the run in progress to end itself, should the conductor hang.

Its standard input is a pipe from the conductor. A line `end` on it says that the day is over. An
end of file without that line says that the conductor is gone, however it went: the run in
progress is asked to end, what is left is taken back, and the terminal is put in order again.
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
from typing import Any

from chaosnetra.gameday.day import GameDay
from chaosnetra.gameday.entries import plan_of, read_entries
from chaosnetra.gameday.stopping import end_and_undo, run_in_progress

END = b"end"


def main(arguments: list[str]) -> None:
    """Guard the day in the folder `arguments[0]`; `arguments[1]`, if there, is its terminal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(arguments[0])
    day = plan_of(read_entries(folder), folder)
    threading.Thread(target=_watch, args=(day, folder), daemon=True).start()
    said = sys.stdin.buffer.read()
    if END not in said.split(b"\n"):
        for kept in arguments[1:]:
            _restore(kept)
        run = run_in_progress(read_entries(folder), folder)
        if run is not None:
            end_and_undo(run)
    _end_session()


def _watch(day: GameDay, folder: Path) -> None:
    """Check the criteria until one is crossed."""
    try:
        reason = _first_crossed(day)
        if reason is None:
            _say({"checked": True})
        while reason is None:
            time.sleep(day.abort.frequency_seconds)
            reason = _crossed(day)
    except Exception as error:  # noqa: BLE001 - a day that is not watched must not go on
        reason = f"the criteria cannot be checked: {type(error).__name__}: {error}"
    with contextlib.suppress(Exception):
        run = run_in_progress(read_entries(folder), folder)
        if run is not None:
            run.signal(signal.SIGTERM)
    _say({"crossed": reason})


_conditions: list[Any] = []


def _first_crossed(day: GameDay) -> str | None:
    if not day.abort.conditions:
        return None
    from chaosnetra.controls.abort import Condition

    # Probes of modules beside the experiments, as `chaos run` finds them.
    sys.path.insert(0, str(Path.cwd()))
    os.environ.update(_variables(day))
    _conditions.extend(Condition(condition) for condition in day.abort.conditions)
    return _crossed(day)


def _crossed(day: GameDay) -> str | None:
    configuration: Mapping[str, Any] = dict(day.parameters)
    for condition in _conditions:
        reason: str | None = condition.crossed(configuration, {})
        if reason is not None:
            return reason
    return None


def _variables(day: GameDay) -> dict[str, str]:
    """The day's parameters that are settings, for the probes that look at those."""
    from chaosnetra.settings import SETTINGS

    return {
        SETTINGS[key].variable: value for key, value in day.parameters.items() if key in SETTINGS
    }


def _restore(kept: str) -> None:
    """Put a terminal back as it was; see `chaosnetra.gameday.keys.kept_terminal`."""
    import termios

    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, termios.error):
        name, settings = json.loads(kept)
        settings[6] = [
            bytes([sign]) if sign_is_byte else sign for sign, sign_is_byte in settings[6]
        ]
        file = os.open(name, os.O_RDWR | os.O_NOCTTY)
        termios.tcsetattr(file, termios.TCSANOW, settings)
        os.write(file, b"\x1b[?25h\r\n")  # the cursor, should it be hidden


def _say(data: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(data, default=str) + "\n")
        sys.stdout.flush()


def _end_session() -> None:
    """Undo what probes brought, if they did."""
    if "chaosnetra.session" in sys.modules:
        from chaosnetra.session import end_session

        end_session()


if __name__ == "__main__":
    main(sys.argv[1:])
