"""What the parts of a stand have in common: each is a process that is waited for, and stopped."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from chaosnetra.durations import Deadline
from chaosnetra.processes.supervised import SupervisedProcess

Answer = TypeVar("Answer")
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Part:
    """A running part; it ends when this process does, and its temporary files with it."""

    process: SupervisedProcess

    def stop(self) -> None:
        self.process.stop()


def wait_for_answer(
    ask: Callable[[], Answer | None],
    has_ended: Callable[[], bool],
    seconds: float,
    pause_seconds: float = POLL_SECONDS,
) -> Answer | None:
    """The first answer of `ask`; None when the process has ended before it, or the time is over."""
    deadline = Deadline.after(seconds)
    while not deadline.passed and not has_ended():
        answer = ask()
        if answer is not None:
            return answer
        time.sleep(pause_seconds)
    return None


@contextmanager
def stopped_on_error(process: SupervisedProcess) -> Iterator[None]:
    """Stop a process when what is done with it fails."""
    try:
        yield
    except BaseException:
        process.stop()
        raise


def last_line(text: str) -> str:
    """The last line that a program printed, for messages."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def write_private(path: Path, data: Any) -> None:
    """Write JSON that only this user can read; the file is whole at any time."""
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2)
    unfinished.replace(path)
