"""The orchestrator: round trips it could save, errors it swallows, budgets its messages hide."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from chaosnetra.evidence.advice.needs import PER_ROUND_TRIP
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.runs import RanWith, Run, shown
from chaosnetra.evidence.advice.steps import MOST_LOOKED_AT, steps_of
from chaosnetra.evidence.journal.samples import DEGRADED, startups
from chaosnetra.evidence.journal.timeline import faults
from chaosnetra.evidence.journal.values import seconds_or_none, text_or_none
from chaosnetra.text import cut, one_line

AREA = "orchestrator"
# Steps that could save less than this under the fault are not worth a change.
LEAST_SAVED_SECONDS = 1.0
LONGEST_QUOTE = 160


@dataclass
class OrchestratorAdvisor:
    """Advice on how one profile's orchestrator starts and fails.

    Args:
        ran: the profile of the runs that are added.
    """

    ran: RanWith
    _swallowed: list[tuple[str, str]] = field(default_factory=list)
    _hidden: list[tuple[str, str]] = field(default_factory=list)
    _savings: dict[str, tuple[float, str, str, int, int]] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        """Take in a run; its journal is not kept."""
        self._swallowed += _swallowed(run)
        self._hidden += _hidden(run)
        for step, saving in _savings(run).items():
            if step not in self._savings or saving[0] > self._savings[step][0]:
                self._savings[step] = saving

    def advice(self) -> Iterator[Recommendation]:
        """What to change in the service itself."""
        if self._swallowed:
            yield self._graceful()
        if self._hidden:
            yield self._message()
        for step, saving in sorted(self._savings.items(), key=lambda one: -one[1][0]):
            yield _fewer_round_trips(step, *saving)

    def _graceful(self) -> Recommendation:
        known = self.ran.orchestrator.get("graceful_startup")
        return Recommendation(
            AREA,
            "orchestrator.graceful_startup",
            None if known is None else str(known).lower(),
            "false: a startup whose database phase failed ends with its error",
            "a service that starts without its database takes traffic that it cannot serve, "
            "and the platform sees no failure",
            tuple(line for line, _ in self._swallowed[:4]),
            self._swallowed[0][1],
            {("orchestrator", "graceful_startup"): False},
        )

    def _message(self) -> Recommendation:
        known = self.ran.orchestrator.get("timeout_message_names")
        return Recommendation(
            AREA,
            "orchestrator.timeout_message_names",
            None if known is None else str(known),
            "expired: the message of a timeout names the budget that ran out",
            "whoever reads the message raises a budget that was not too small, and the next "
            "startup fails again",
            tuple(line for line, _ in self._hidden[:4]),
            self._hidden[0][1],
            {("orchestrator", "timeout_message_names"): "expired"},
        )


def _swallowed(run: Run) -> Iterator[tuple[str, str]]:
    """Startups that served although a phase had failed, by probe and phase."""
    found: Counter[tuple[str, str]] = Counter()
    texts: dict[tuple[str, str], str] = {}

    # One without a phase was seen on the wire to lack its session, which no setting of ours allows.
    def swallowed(data: Mapping[str, Any]) -> bool:
        return data.get("status") == DEGRADED and bool(data.get("phase"))

    for startup in startups(run.data, swallowed):
        key = startup.probe, startup.phase or "unknown"
        found[key] += 1
        texts.setdefault(key, _quoted(startup.error))
    for (probe, phase), count in found.items():
        line = (
            f"{run.where}, {probe}: {count} startups serve although phase {phase} failed: "
            f"{texts[probe, phase]}"
        )
        yield line, run.check


def _hidden(run: Run) -> Iterator[tuple[str, str]]:
    """Messages that do not name the budget that ran out, by probe and budget."""
    found: Counter[tuple[str, str]] = Counter()
    texts: dict[tuple[str, str], str] = {}
    for startup in startups(run.data, lambda data: data.get("error")):
        budget, text = text_or_none(startup.error.get("budget")), startup.error.get("text")
        # The limit of the launcher is none that a service could name.
        if budget and budget != "startup" and isinstance(text, str) and budget not in text:
            found[startup.probe, budget] += 1
            texts.setdefault((startup.probe, budget), _quoted(startup.error))
    for (probe, budget), count in found.items():
        line = (
            f"{run.where}, {probe}: {budget} ran out in {count} startups, which say: "
            f"{texts[probe, budget]}"
        )
        yield line, run.check


def _savings(run: Run) -> dict[str, tuple[float, str, str, int, int]]:
    """What each step would save, if it asked once what it asks one by one.

    Returns:
        By step: seconds at time scale 1, the evidence, the check, its round trips, its statements.
    """
    added = [
        seconds
        for fault in faults(run.data)
        if fault.effect and fault.effect.get("quantity") == PER_ROUND_TRIP
        if (seconds := seconds_or_none(fault.effect.get("added_round_trip_seconds")))
    ]
    if not added:
        return {}
    trip = run.full(max(added))
    found = {}
    for startup in islice(startups(run.data), MOST_LOOKED_AT):
        for told in steps_of(startup):
            step, trips, statements = told.name, told.round_trips, told.statements
            if not trips or not statements or step in found:
                continue
            saved = (statements - 1) * trip
            if saved >= LEAST_SAVED_SECONDS and seconds_or_none(saved) is not None:
                line = (
                    f"{run.where}: step {step} makes {trips} round trips for {statements} "
                    f"statements; each takes {1000 * trip:.3g} ms more under the fault"
                )
                found[step] = (saved, line, run.check, trips, statements)
    return found


def _fewer_round_trips(
    step: str, saved: float, line: str, check: str, trips: int, statements: int
) -> Recommendation:
    return Recommendation(
        AREA,
        f"round trips of step {step}",
        f"{trips}, for {statements} statements",
        f"{trips - statements + 1}: one statement that asks for everything at once",
        f"it would save {shown(saved)} of each startup under that latency, and no budget "
        "would have to hold it",
        (line,),
        check,
    )


def _quoted(error: Mapping[str, Any]) -> str:
    text = error.get("text")
    return cut(one_line(text) if isinstance(text, str) else "nothing", LONGEST_QUOTE)
