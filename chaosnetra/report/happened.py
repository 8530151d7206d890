"""What happened in a run, and when: checks, faults, startups and errors on the run's own time."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.evidence.journal.dry import carried_out
from chaosnetra.evidence.journal.order import ended, seconds_of_run, since_start
from chaosnetra.evidence.journal.samples import Check
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.verdict.violations import failure_text, is_probe
from chaosnetra.report.safe_text import one_visible_line

MOST_LAUNCHES = 400


@dataclass
class Launch:
    """What one check tried: startups, connections or checkouts.

    Attributes:
        stage: of the check.
        probe: its name.
        kind: what was tried.
        start: when, in seconds since the run's beginning; None where that is not known.
        held: whether the check did; None where none was judged.
        good: seconds from then until each was ready, or answered.
        bad: until each of the others had failed, or was given up.
        late: of the latter, those that were given up.
        first_bad: when the first of those failed, and what it said.
    """

    stage: Stage
    probe: str
    kind: str
    start: float | None
    held: bool | None = None
    good: "array[float]" = field(default_factory=lambda: array("d"))
    bad: "array[float]" = field(default_factory=lambda: array("d"))
    late: "array[float]" = field(default_factory=lambda: array("d"))
    first_bad: tuple[float, str] | None = None

    @property
    def count(self) -> int:
        return len(self.good) + len(self.bad) + len(self.late)

    @property
    def seconds(self) -> float:
        """Until the last of them was decided."""
        return max((max(times) for times in (self.good, self.bad, self.late) if times), default=0.0)

    def failed(self, seconds: float, text: str) -> None:
        """Note what one that failed, or was given up, said."""
        if self.first_bad is None or seconds < self.first_bad[0]:
            self.first_bad = (seconds, text)


@dataclass(frozen=True)
class Moment:
    """Something that happened.

    Attributes:
        at: seconds since the run's beginning.
        what: in a word or two.
        text: all of it.
        good: whether it is good or bad; None: neither.
    """

    at: float
    what: str
    text: str
    good: bool | None = None


def launch_of(data: Mapping[str, Any], check: Check, kind: str) -> Launch:
    """An empty launch of a check, with when it began.

    Where the journal does not say when startups were launched, that is when they were asked for.
    """
    if check.stage is Stage.BEFORE and data["chaosnetra"].get("baseline_of"):
        return Launch(check.stage, check.probe, kind, None, check.held)  # another run made it
    start = seconds_of_run(check.output.get("launched_seconds"))
    start = since_start(data, check.period.start) if start is None else start
    said = check.output.get("held")
    held = said if check.held is None and isinstance(said, bool) else check.held
    return Launch(check.stage, check.probe, kind, start, held)


def failed_activities(data: Mapping[str, Any]) -> Iterator[Moment]:
    """Actions of the method and of the rollbacks that failed; of probes, `claims` tells."""
    for key, what in (("run", "action failed"), ("rollbacks", "rollback failed")):
        for run in carried_out(data, key):
            if run["status"] == "failed" and not is_probe(run):
                at = since_start(data, ended(run))
                name = one_visible_line(run["activity"].get("name"), 100)
                if at is not None:
                    yield Moment(at, what, f"{name}: {failure_text(run)}", good=False)
