"""An outcome with what an observer saw of its startup on the wire."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from chaosnetra.startup.outcome import StartupOutcome, Status
from chaosnetra.wire.observation import Observation


class Observe(Protocol):
    """Tells what was seen of one startup."""

    def __call__(
        self,
        began_at: float,
        until_at: float,
        phases: Mapping[str, tuple[float, float | None]] | None = None,
    ) -> Observation:
        """From the start of its process until a moment, both by the monotonic clock.

        Args:
            began_at: the start.
            until_at: the moment.
            phases: of each its beginning and its end, in seconds from the start.
        """


def seen(outcome: StartupOutcome, observe: Observe) -> StartupOutcome:
    """The outcome with what was seen until it was ready or ended, and until its dwell was over.

    Args:
        outcome: of a process of this machine.
        observe: of its startup.
    """
    assert outcome.span is not None  # noqa: S101 - it was a process of ours
    began_at, until_at, decided_at = outcome.span
    settled = None
    wire = observe(began_at, until_at, outcome.phase_spans)
    if outcome.status is Status.READY and decided_at > until_at:
        settled = observe(began_at, decided_at)
    return replace(outcome, wire=wire, settled=settled)
