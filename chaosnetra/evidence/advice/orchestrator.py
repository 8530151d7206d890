"""The orchestrator: round trips it could save, errors it swallows, budgets its messages hide."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from chaosnetra.evidence.advice.needs import added_to_round_trip
from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.evidence.advice.runs import RanWith, Run, shown
from chaosnetra.evidence.advice.steps import MOST_LOOKED_AT, steps_of
from chaosnetra.evidence.journal.samples import DEGRADED, Startup, startups
from chaosnetra.evidence.journal.values import seconds_or_none, text_or_none
from chaosnetra.text import cut, how_many, one_line

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
            yield self._setting(
                "graceful_startup",
                False,
                "false: a startup whose database phase failed ends with its error",
                "a service that starts without its database takes traffic that it cannot serve, "
                "and the platform sees no failure",
                self._swallowed,
            )
        if self._hidden:
            yield self._setting(
                "timeout_message_names",
                "expired",
                "expired: the message of a timeout names the budget that ran out",
                "whoever reads the message raises a budget that was not too small, and the next "
                "startup fails again",
                self._hidden,
            )
        for step, saving in sorted(self._savings.items(), key=lambda one: -one[1][0]):
            yield _fewer_round_trips(step, *saving)

    def _setting(
        self, name: str, value: Any, proposed: str, reason: str, found: Sequence[tuple[str, str]]
    ) -> Recommendation:
        """One of the profile's settings of the orchestrator, by what was found with its check."""
        known = self.ran.orchestrator.get(name)
        shown = str(known).lower() if isinstance(known, bool) else str(known)
        return Recommendation(
            AREA,
            f"orchestrator.{name}",
            None if known is None else shown,
            proposed,
            reason,
            tuple(line for line, _ in found[:4]),
            found[0][1],
            {("orchestrator", name): value},
        )


def _swallowed(run: Run) -> Iterator[tuple[str, str]]:
    """Startups that served although a phase had failed, by probe and phase."""

    # One without a phase was seen on the wire to lack its session, which no setting of ours allows.
    def swallowed(data: Mapping[str, Any]) -> bool:
        return data.get("status") == DEGRADED and bool(data.get("phase"))

    for who, phase, count, said in _alike(run, swallowed, lambda one: one.phase or "unknown"):
        serve = f"{how_many(count, 'startup')} {'serves' if count == 1 else 'serve'}"
        yield f"{who}: {serve} although phase {phase} failed: {said}", run.check


def _hidden(run: Run) -> Iterator[tuple[str, str]]:
    """Messages that do not name the budget that ran out, by probe and budget."""

    def unnamed(startup: Startup) -> str | None:
        budget, text = text_or_none(startup.error.get("budget")), startup.error.get("text")
        # The limit of the launcher is none that a service could name.
        is_hidden = budget and budget != "startup" and isinstance(text, str) and budget not in text
        return budget if is_hidden else None

    for who, budget, count, said in _alike(run, lambda data: data.get("error"), unnamed):
        which = f"{how_many(count, 'startup')}, which {'says' if count == 1 else 'say'}"
        yield f"{who}: {budget} ran out in {which}: {said}", run.check


def _alike(
    run: Run,
    among: Callable[[Mapping[str, Any]], Any],
    what_of: Callable[[Startup], str | None],
) -> Iterator[tuple[str, str, int, str]]:
    """Startups of one probe with the same fault of their own.

    Args:
        run: their run.
        among: see `chaosnetra.evidence.journal.samples.startups`.
        what_of: what is wrong with one; None: nothing.

    Returns:
        The run and the probe, what is wrong, in how many startups, and what the first one says.
    """
    counts: Counter[tuple[str, str]] = Counter()
    texts: dict[tuple[str, str], str] = {}
    for startup in startups(run.data, among):
        what = what_of(startup)
        if what is not None:
            counts[startup.probe, what] += 1
            texts.setdefault((startup.probe, what), _quoted(startup.error))
    for (probe, what), count in counts.items():
        yield f"{run.where}, {probe}", what, count, texts[probe, what]


def _savings(run: Run) -> dict[str, tuple[float, str, str, int, int]]:
    """What each step would save, if it asked once what it asks one by one.

    Returns:
        By step: seconds at time scale 1, the evidence, the check, its round trips, its statements.
    """
    trip = run.full(added_to_round_trip(run))
    if not trip:
        return {}
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
