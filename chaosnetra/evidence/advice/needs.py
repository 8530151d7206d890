"""How long the work inside each budget takes under pressure, as far as a run tells.

A budget that is too small cuts off the very time that would show how large it has to be. What is
left to go by, in this order: times that ended; for a startup that was cut short, what it had still
to do (round trips or statements) times what each takes longer under the fault, as the injector
measured it; what it had done in its time; and else only that the time was not enough.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from chaosnetra.evidence.advice.runs import Run
from chaosnetra.evidence.advice.steps import MOST_STEPS, known_steps, steps_of
from chaosnetra.evidence.journal.samples import Startup, attempts, checks, startups, trials
from chaosnetra.evidence.journal.steps import StartupStep
from chaosnetra.evidence.journal.timeline import connector, faults
from chaosnetra.evidence.journal.values import objects, seconds_or_none, text_or_none
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import how_many, were

# What an effect of this kind adds, it adds to every round trip; of any other kind, to statements.
PER_ROUND_TRIP = "added_latency_ms"
# Budgets around taking the first connection from the pool.
AROUND_A_CONNECTION = ("pool", "connection")
# Of a startup that was not ready in time, whatever it did.
LAUNCHERS_LIMIT = "startup"
LEAST_SHARE, MOST_SHARE = 0.5, 0.95
# Ways of estimating one step that are told.
MOST_WAYS = 3
# Of very many startups.
Times: TypeAlias = "array[float]"


def _times() -> Times:
    return array("d")


@dataclass(frozen=True)
class Sample:
    """Times that the work inside some budgets took under pressure, at time scale 1.

    Attributes:
        budgets: around that work.
        seconds: measured, or estimated where a startup was cut short.
        censored: of those of which only this much is known: it was not enough.
        share: of the attempts that the experiment wants to succeed.
        how: how they came about.
        where: from which run.
        check: the command that runs it again.
        required: they are what the experiment demands, and no times that were taken.
    """

    budgets: tuple[str, ...]
    seconds: Sequence[float]
    censored: Sequence[float]
    share: float
    how: str
    where: str
    check: str
    required: bool = False


def samples_of(run: Run) -> Iterator[Sample]:
    """The needs that a run shows."""
    yield from _of_rules(run)
    yield from _of_startups(run)
    yield from _of_connections(run)


def _of_rules(run: Run) -> Iterator[Sample]:
    """What the rules of `chaosnetra.startup.budgets` demand; at time scale 1 already."""
    for check in checks(run.data):
        for finding in objects(check.output.get("findings")):
            needs = seconds_or_none(finding.get("needs_seconds"))
            around = finding.get("around")
            names = around if isinstance(around, list) else [finding.get("budget")]
            budgets = tuple(name for name in names if isinstance(name, str))
            rule, why = finding.get("rule"), text_or_none(finding.get("why"))
            if needs is not None and budgets:
                how = f"rule {rule}: {why}" if why else f"rule {rule}"
                yield Sample(budgets, (needs,), (), MOST_SHARE, how, run.where, run.check, True)


def _of_connections(run: Run) -> Iterator[Sample]:
    """Times until new connections were answered under the fault."""
    demanded = _demanded_shares(run)
    found: dict[str, list[Any]] = defaultdict(list)
    for attempt in attempts(run.data):
        if attempt.kind == "connections" and attempt.under_fault:
            found[attempt.probe].append(attempt)
    queued = most_queued(run)
    for probe, tried in found.items():
        if probe not in demanded:
            continue
        seconds = [run.full(one.seconds) for one in tried if one.answered]
        waited = sorted(run.full(one.seconds) for one in tried if one.censored)
        # Whoever found every slot of the connector taken waited for one: no budget mends that.
        counted = waited[queued:] if queued else waited
        left_out = len(waited) - len(counted)
        how = f"{probe}: until {how_many(len(seconds), 'connection')} {were(len(seconds))} answered"
        if left_out:
            how += f" ({left_out} more found the connector full, and count there)"
        yield from _sample(run, AROUND_A_CONNECTION, seconds, counted, demanded[probe], how)


def _of_startups(run: Run) -> Iterator[Sample]:
    demanded = _demanded_shares(run)
    known = known_steps(run)
    found: dict[str, _Needs] = {}
    for startup in startups(run.data):
        if startup.under_fault and startup.probe in demanded:
            if startup.probe not in found:
                forms = known.forms.get(startup.probe, {})
                added = _added_seconds(run, startup.probe)
                found[startup.probe] = _Needs(run, forms, known.seconds, added)
            found[startup.probe].add(startup)
    for probe, needs in found.items():
        yield from needs.samples(probe, demanded[probe])


@dataclass
class _Needs:
    """The needs of the startups of one probe under the fault; times at time scale 1."""

    run: Run
    forms: Mapping[str, StartupStep]
    normal: Mapping[str, float]
    added: "_Added"
    startups: int = 0
    connected: Times = field(default_factory=_times)
    unconnected: Times = field(default_factory=_times)
    silent: dict[str, Times] = field(default_factory=lambda: defaultdict(_times))
    seconds: dict[str, Times] = field(default_factory=lambda: defaultdict(_times))
    cut: dict[str, Times] = field(default_factory=lambda: defaultdict(_times))
    how: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, startup: Startup) -> None:
        """Take in one startup."""
        self.startups += 1
        told = steps_of(startup)
        if told and told[0].connected is not None:
            self.connected.append(self.run.full(told[0].connected))
        elif told and told[0].seconds is not None:
            self.unconnected.append(self.run.full(told[0].seconds))
        elif not told and not startup.ready:
            self._add_silent(startup)
        steps = {step.name: step for step in told}
        for name, form in self.forms.items():
            need = _need(form, steps.get(name), self.normal.get(name), self.added, self.run)
            if need is not None:
                found = self.cut if need.is_bound else self.seconds
                found[name].append(self.run.full(need.seconds))
                self.how[name].add(need.how)

    def _add_silent(self, startup: Startup) -> None:
        """One that names the budget that ran out, and tells no steps: it was not enough."""
        budget = text_or_none(startup.error.get("budget"))
        if budget == LAUNCHERS_LIMIT and startup.wire is not None:
            return  # the wire tells what it did in its time
        seconds = seconds_or_none(startup.error.get("budget_seconds"))
        if budget and seconds and (budget in self.silent or len(self.silent) < MOST_STEPS):
            self.silent[budget].append(self.run.full(seconds))

    def samples(self, probe: str, share: float) -> Iterator[Sample]:
        """What all of them need."""
        # A full connector is no matter of a budget.
        waited = () if most_queued(self.run) else self.unconnected
        how = (
            f"{probe}: until {how_many(len(self.connected), 'startup')} had their first connection"
        )
        yield from _sample(self.run, AROUND_A_CONNECTION, self.connected, waited, share, how)
        for budget, cut in self.silent.items():
            how = f"{probe}: it ran out in {len(cut)} of {how_many(self.startups, 'startup')}"
            # The others took less, nobody knows how much.
            less = [0.0] * (self.startups - len(cut))
            yield from _sample(self.run, (budget,), less, cut, share, how)
        for name, form in self.forms.items():
            ways = ", ".join(sorted(self.how[name])[:MOST_WAYS])
            how = f"{probe}: step {name}, {ways}"
            seconds, cut = self.seconds[name], self.cut[name]
            yield from _sample(self.run, form.budgets, seconds, cut, share, how)


@dataclass(frozen=True)
class _Added:
    """What the faults in place add, real seconds."""

    to_round_trip: float
    to_statement: float


class _Need(NamedTuple):
    seconds: float
    is_bound: bool
    how: str


def _need(
    form: StartupStep, step: StartupStep | None, normal: float | None, added: _Added, run: Run
) -> _Need | None:
    """What a startup needs for a step; None when nothing tells.

    What it tells of added times is told at time scale 1, as all figures of advice are.
    """
    if step is not None and step.seconds is None:
        return None
    if step is not None and step.is_complete and step.seconds is not None:
        return _Need(step.seconds, False, "measured")
    spent = step.seconds if step is not None and step.seconds is not None else 0.0
    if added.to_round_trip and normal is not None:
        estimate = normal + form.round_trips * added.to_round_trip
        more = f"{1000 * run.full(added.to_round_trip):.3g} ms more each"
        how = f"{form.round_trips} round trips of {more}"
        return _Need(max(spent, estimate), False, f"estimated from {how}")
    if step is None:
        return None  # it never came so far, and its statements may not feel this fault
    left = form.statements - step.answered
    if added.to_statement and step.connected is not None:
        # The one that it waited for counts as a whole: nobody knows how far it was.
        estimate = spent + left * added.to_statement + (normal or 0.0)
        more = f"{1000 * run.full(added.to_statement):.3g} ms more each"
        how = f"{how_many(left, 'statement')} still to be answered, {more}"
        return _Need(estimate, False, f"estimated from {how}")
    if step.answered and step.connected is not None:
        estimate = spent + left * (spent - step.connected) / step.answered
        how = f"{step.answered} of {form.statements} statements answered in its time"
        return _Need(max(spent, estimate), False, f"estimated from {how}")
    return _Need(spent, True, "cut short")


def _added_seconds(run: Run, probe: str) -> _Added:
    """What the faults in place while a probe looked added, as measured."""
    added = 0.0
    for check in checks(run.data):
        if check.probe == probe and check.under_fault:
            added = max(added, (finite_or_none(check.output.get("added_round_trip_ms")) or 0.0))
    added /= 1000
    in_effect = [
        fault.effect
        for fault in faults(run.data)
        if fault.effect and (finite_or_none(fault.effect.get("added_round_trip_seconds")) or 0) > 0
    ]
    if seconds_or_none(added) is None or not in_effect:
        return _Added(0.0, 0.0)
    if all(effect.get("quantity") == PER_ROUND_TRIP for effect in in_effect):
        return _Added(added, 0.0)
    # A lock delays more or less, as it happens; sooner or later by what it was made for.
    meant = sum(map(_meant_seconds, in_effect))
    return _Added(0.0, max(added, meant) if seconds_or_none(meant) is not None else added)


def added_to_round_trip(run: Run) -> float:
    """Real seconds that faults added to each round trip, as measured; 0.0 where none did."""
    added = (
        seconds_or_none(fault.effect.get("added_round_trip_seconds"))
        for fault in faults(run.data)
        if fault.effect and fault.effect.get("quantity") == PER_ROUND_TRIP
    )
    return max((seconds for seconds in added if seconds is not None), default=0.0)


def _meant_seconds(effect: Mapping[str, Any]) -> float:
    """What a fault was to add, as far as it says so in milliseconds."""
    quantity, expected = effect.get("quantity"), finite_or_none(effect.get("expected"))
    in_milliseconds = isinstance(quantity, str) and quantity.endswith("_ms")
    return expected / 1000 if in_milliseconds and expected is not None else 0.0


def _demanded_shares(run: Run) -> dict[str, float]:
    """The share of its attempts that each probe wants to succeed, of those that state one."""
    return {
        counted.probe: min(MOST_SHARE, max(LEAST_SHARE, 1 - counted.max_failure_rate))
        for counted in trials(run.data)
        if counted.max_failure_rate is not None
    }


def most_queued(run: Run) -> int:
    """How many clients waited at the connector at once; 0 without one."""
    timeline = connector(run.data)
    samples = timeline.samples if timeline else ()
    return int(max((sample.get("most_queued", 0.0) for sample in samples), default=0.0))


def _sample(
    run: Run,
    budgets: tuple[str, ...],
    seconds: Sequence[float],
    censored: Sequence[float],
    share: float,
    how: str,
) -> Iterator[Sample]:
    kept = [
        array("d", (one for one in times if seconds_or_none(one) is not None))
        for times in (seconds, censored)
    ]
    if budgets and (kept[0] or kept[1]):
        yield Sample(budgets, kept[0], kept[1], share, how, run.where, run.check)
