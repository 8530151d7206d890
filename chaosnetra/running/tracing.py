"""Who makes a trace of the run: a control may, and is told of each startup then."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.startup.outcome import StartupOutcome


class LaunchTrace(Protocol):
    """The trace of startups that are launched at once.

    Attributes:
        environments: variables for each of them, by which a traced service finds its trace; empty:
            there are none.
        shared_environment: likewise, where all of them get the same.
    """

    @property
    def environments(self) -> Sequence[Mapping[str, str]]: ...
    @property
    def shared_environment(self) -> Mapping[str, str]: ...

    def learn(self, outcome: StartupOutcome, began_at: float | None = None) -> None:
        """Learn how a startup ended. Of one that is told twice the last counts.

        Args:
            outcome: of it.
            began_at: when it began, by `time.monotonic()`; None: as its `span` says.
        """


class Tracer(Protocol):
    """Makes a trace of the run."""

    def launch(
        self, count: int, database: DatabaseAddress, faults: Sequence[str]
    ) -> AbstractContextManager[LaunchTrace]:
        """The trace of a launch; when it is left, no more comes.

        Args:
            count: of startups.
            database: that they use.
            faults: names of those in effect.
        """


class _Untraced:
    environments: Sequence[Mapping[str, str]] = ()
    shared_environment: Mapping[str, str] = {}

    def learn(self, outcome: StartupOutcome, began_at: float | None = None) -> None:
        """Nobody wants to know."""

    @contextmanager
    def launch(
        self,
        count: int,  # noqa: ARG002 - as every tracer
        database: DatabaseAddress,  # noqa: ARG002
        faults: Sequence[str],  # noqa: ARG002
    ) -> Iterator[LaunchTrace]:
        yield self


UNTRACED: Tracer = _Untraced()
_tracer = UNTRACED


def current_tracer() -> Tracer:
    """That of this process's run; one that does nothing where it has none."""
    return _tracer


def trace_by(tracer: Tracer) -> None:
    """Have a tracer make the trace from now on; `UNTRACED` ends it."""
    global _tracer
    _tracer = tracer
