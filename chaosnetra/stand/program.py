"""Programs of this package that serve HTTP and say where, in one line."""

from collections.abc import Sequence

from chaosnetra.errors import PartUnavailable
from chaosnetra.processes import program
from chaosnetra.processes.supervised import SupervisedProcess

START_SECONDS = 20.0


def start_program(what: str, command: Sequence[str]) -> tuple[str, SupervisedProcess]:
    """Start a program that prints `{"url": …}` when it answers.

    Args:
        what: what it is, for messages.
        command: program and arguments.

    Returns:
        The URL of its control API, and the process, which ends when we do.

    Raises:
        PartUnavailable: it ended, or said nothing within 20 s.
    """
    said, process = program.start_program(what, command, START_SECONDS)
    url = said.get("url")
    if not isinstance(url, str):
        process.stop()
        raise PartUnavailable(f"{what} did not start: it said {said}")
    return url, process
