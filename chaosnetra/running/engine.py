"""What runs the containers of startups to their end: all that a job launcher has to know of it.

Cloud Run is one, in `chaosnetra.running.cloud_run_job`. What another one has to provide, and what
it gets for nothing, is in docs/launchers.md.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from chaosnetra.durations import Deadline
from chaosnetra.faults import Fault
from chaosnetra.startup.tasks import Task


class Begun(Fault, Protocol):
    """Containers that are begun together: a fault, so that their undo is on disk before they are.

    `prepare` gives the undo, whose player ends them and waits until none runs; `inject` begins
    them.
    """

    @property
    def execution(self) -> str:
        """What they are called once they have begun; after its last "/" as the tasks know it."""


class Engine(Protocol):
    """Runs so many containers at once, each once, with variables that are added to its own."""

    @property
    def shown(self) -> str:
        """What it runs, for people."""

    def begun(
        self, count: int, seconds: float, environment: Mapping[str, str], patience_seconds: float
    ) -> Begun:
        """Containers that are not begun yet.

        Args:
            count: how many.
            seconds: limit of each, by which the engine ends it by itself.
            environment: variables for all of them; nothing in them is secret.
            patience_seconds: how long it may be tried while the engine takes no more.
        """

    def wait(self, execution: str, deadline: Deadline) -> str:
        """Wait until all have ended, however they did.

        Returns:
            Why it was not waited longer, in one line; empty: all have ended.

        Raises:
            Interrupted: the run was interrupted.
        """

    def logs(self, execution: str) -> str:
        """Where people read what they print: a folder, or a URL; empty: that is not known."""

    def tasks(self, execution: str) -> Iterable[Task]:
        """How each of them stands; one that never began may be missing."""
