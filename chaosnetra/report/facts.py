"""What a report tells of one run: read from its journal once, then the journal can go."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from chaosnetra.evidence.journal.order import began, ended, since_start
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import (
    ATTEMPT_LISTS,
    Check,
    Startup,
    attempts_of,
    checks,
)
from chaosnetra.evidence.journal.shape import Stage, states
from chaosnetra.evidence.journal.timeline import ConnectorTimeline, FaultSpan, connector, faults
from chaosnetra.evidence.journal.values import (
    count_or_none,
    duration_or_none,
    object_or_empty,
    objects,
    text_or_none,
)
from chaosnetra.evidence.statistics.machine_share import is_noticeable
from chaosnetra.evidence.verdict.headline import headline
from chaosnetra.evidence.verdict.verdict import Verdict, judge
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.report.budgets import Budget, budgets_of, time_scale_of
from chaosnetra.report.claims import Claim, claims
from chaosnetra.report.happened import (
    MOST_LAUNCHES,
    Launch,
    Moment,
    failed_activities,
    launch_of,
)
from chaosnetra.report.observed import FaultOver, ProbeSeen
from chaosnetra.report.reproduction import Reproduction, reproduction
from chaosnetra.report.safe_text import one_visible_line
from chaosnetra.report.series import (
    Asked,
    AttemptCollector,
    AttemptTimes,
    Failure,
    Failures,
    StartupCollector,
    StartupTimes,
    merged,
)

# What a run puts in front of the names of all that it makes.
_RUN_PREFIX = re.compile(r"chaosnetra_\d{8}t\d{6}_[0-9a-f]{6}_?/?")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
UNTITLED = "(no title)"
MOST_FAULTS = 100
MOST_RULES = 100
LONGEST_TITLE = 200
LONGEST_REASON = 1_500
_STAGES = {stage: number for number, stage in enumerate(Stage)}


def without_run(text: str) -> str:
    """A text in which what the run made is called as its experiment calls it."""
    return _RUN_PREFIX.sub("", text)


@dataclass(frozen=True)
class Span:
    """When a stage was checked: seconds since the run's beginning; and whether it held."""

    stage: Stage
    start: float
    end: float
    held: bool | None = None


@dataclass(frozen=True)
class MachineTook:
    """What the machine took of the startups of one launch: medians, seconds.

    Attributes:
        stage: of the check.
        probe: its name.
        cores: that the startups could use.
        own_seconds: of each, without waits for the database.
        share_seconds: of these, waiting for a core, at least.
    """

    stage: Stage
    probe: str
    cores: int
    own_seconds: float
    share_seconds: float


@dataclass(frozen=True)
class PlacedFault:
    """A fault, and when it was in place, in seconds since the run's beginning, where known."""

    fault: FaultSpan
    start: float | None
    end: float | None

    @property
    def name(self) -> str:
        """Its name without the run's id."""
        again = " again" if self.lets_pass_again else ""
        name = one_visible_line(without_run(self.fault.name), 120)
        kind, _, own = name.partition(" ")  # one that has no name of its own has that of its kind
        return (kind if kind == own else name) + again

    @property
    def is_in_effect(self) -> bool:
        """Whether it is to have an effect; others only prepare the run, such as a schema."""
        return self.fault.effect is not None and not self.lets_pass_again

    @property
    def lets_pass_again(self) -> bool:
        """Whether it puts up a proxy that was down, which hinders nothing."""
        parameters = self.fault.parameters
        return parameters.get("kind") == "proxy state" and parameters.get("enabled") is True


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
        path: of its journal.
        title: of its experiment.
        verdict: as judged anew from the journal.
        violations: its evidence.
        claims: what was expected and observed, by probe and stage.
        startups: times of startups by when they were asked for; empty without any.
        phases: of startups, in order.
        rows: likewise a few whole startups, each with its rank.
        limits: how long startups were waited for, seconds.
        seen: of the startups of each probe, on the wire, and what failed ones printed.
        budgets: as they were enforced.
        attempts: times of attempts by probe and kind, and by stage.
        slow_after: what is slow, seconds, by probe and kind.
        failures: what went wrong, how often, with its causes; most frequent first.
        failures_left_out: how many more had other texts.
        faults: injected, in order.
        connector: its timeline; None without one.
        connector_start: of its seconds, since the run's beginning; None where unknown.
        spans: when the stages were checked.
        launches: what each check tried, in order.
        failed_activities: actions and rollbacks that failed.
        machine: what the machine took of the startups of each launch, where it is noticeable.
        commit: that was checked out where the run was started; None where the journal has none.
        events: the file of the run's events, beside the journal; None: there is none.
        rules: findings on budgets by arithmetic, where a probe made them.
        time_scale: of the run; None where unknown.
        environment: names and values for people.
        reproduction: how to run it again.
        start: of the run, as the journal says it.
        seconds: that it took, until the recovery was checked and the last fault undone.
        profile: its name.
    """

    path: str
    title: str
    verdict: Verdict
    violations: Sequence[Violation]
    claims: Sequence[Claim]
    startups: Mapping[Asked, StartupTimes]
    phases: Sequence[str]
    rows: Mapping[Asked, Sequence[tuple[int, Startup]]]
    limits: Sequence[float]
    seen: Sequence[ProbeSeen]
    budgets: Sequence[Budget]
    attempts: Mapping[tuple[str, str], Mapping[Stage, AttemptTimes]]
    slow_after: Mapping[tuple[str, str], float]
    failures: Sequence[tuple[Failure, int, tuple[str, ...]]]
    failures_left_out: int
    faults: Sequence[PlacedFault]
    connector: ConnectorTimeline | None
    connector_start: float | None
    spans: Sequence[Span]
    launches: Sequence[Launch]
    failed_activities: Sequence[Moment]
    machine: Sequence[MachineTook]
    commit: str | None
    events: Path | None
    rules: Sequence[Mapping[str, Any]]
    time_scale: float | None
    environment: Sequence[tuple[str, str]]
    reproduction: Reproduction
    start: str | None
    seconds: float | None
    profile: str | None

    @property
    def headline(self) -> str:
        """The verdict in one short sentence."""
        return self._shown(headline(self.verdict, self.violations))

    @property
    def reason(self) -> str:
        """All of what the verdict rests on, but for the headline; empty: that is all of it."""
        reason, said = self._shown(self.verdict.reason), self.headline
        rest = reason.removeprefix(said)
        return rest.lstrip("; ") if not rest or rest.startswith("; ") else reason

    @staticmethod
    def _shown(text: str) -> str:
        return one_visible_line(without_run(text), LONGEST_REASON)


def describe(journal: Journal) -> RunFacts:
    """Read what a report needs; nothing of the result holds the journal.

    Args:
        journal: as `chaosnetra.evidence.journal.reading` reads it.
    """
    data = journal.data
    verdict, violations = judge(data)
    startups, tried = StartupCollector(), AttemptCollector()
    rules: list[Mapping[str, Any]] = []
    launches: list[Launch] = []
    machine: list[MachineTook] = []
    # In the order of the stages; the journal's walk begins with the method.
    for check in sorted(checks(data), key=lambda check: _STAGES[check.stage]):
        launch = launch_of(data, check, "startups")
        startups.add(check, launch)
        launches.append(launch)
        for kind in ATTEMPT_LISTS:
            tried.add_check(check, kind)
            launch = launch_of(data, check, kind)
            for attempt in attempts_of(check, kind):
                tried.add(attempt, launch)
            launches.append(launch)
        rules += _rules(check.output)
        machine += _machine(check)
    claimed = list(claims(data))
    timeline, spans = connector(data), list(_spans(data))
    placed = [_placed(data, fault) for fault in list(faults(data))[:MOST_FAULTS]]
    failed = list(failed_activities(data))
    ends = [span.end for span in spans] + [at.end for at in placed if at.end is not None]
    ends += [one.at for one in failed] + [one.at for one in claimed if one.at is not None]

    def faults_over(check: Check) -> list[FaultOver]:
        return list(_over(placed, launch_of(data, check, "startups").start, check))

    return RunFacts(
        path=str(journal.path),
        title=one_visible_line(journal.title, LONGEST_TITLE) or UNTITLED,
        verdict=verdict,
        violations=violations,
        claims=claimed,
        startups=startups.stages,
        phases=startups.phases,
        rows=startups.rows,
        limits=sorted(startups.limits),
        seen=[collector.found(faults_over) for collector in startups.seen.values()],
        budgets=budgets_of(journal.section, startups.phases, _expired(startups.failures)),
        attempts={probe: stages for probe, stages in tried.probes.items() if stages},
        slow_after=tried.slow_after,
        failures=list(merged(startups.failures, tried.failures)),
        failures_left_out=startups.failures.others + tried.failures.others,
        faults=placed,
        connector=timeline,
        connector_start=since_start(data, timeline.started) if timeline else None,
        spans=spans,
        launches=[launch for launch in launches if launch.count][:MOST_LAUNCHES],
        failed_activities=failed,
        machine=machine[:MOST_LAUNCHES],
        commit=_commit(journal),
        events=_events_file(journal),
        rules=rules[:MOST_RULES],
        time_scale=time_scale_of(journal.section),
        environment=list(_environment(journal)),
        reproduction=reproduction(journal),
        start=data["start"],
        seconds=_seconds(data, ends),
        profile=one_visible_line(journal.profile, 100) if journal.profile else None,
    )


def _expired(failures: Failures) -> dict[tuple[str, str, float], int]:
    found: dict[tuple[str, str, float], int] = {}
    for failure, count in failures.counts.items():
        if failure.budget and failure.phase and failure.budget_seconds is not None:
            key = (failure.budget, failure.phase, failure.budget_seconds)
            found[key] = found.get(key, 0) + count
    return found


def _rules(output: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Findings of `chaosnetra.startup.budgets`, as its probe tells them."""
    for finding in objects(output.get("findings")):
        if isinstance(finding.get("rule"), str) and isinstance(finding.get("holds"), bool):
            yield finding


def _placed(data: Mapping[str, Any], fault: FaultSpan) -> PlacedFault:
    start = since_start(data, fault.injected)
    end = since_start(data, fault.undone) if fault.undone is not None else None
    if start is not None and end is not None and end < start:
        end = None  # the clock was set meanwhile
    return PlacedFault(fault, start, end)


def _over(found: Sequence[PlacedFault], began: float | None, check: Check) -> Iterator[FaultOver]:
    """The faults that were in place during a check, in seconds since it began.

    Where the journal does not say when, they were so throughout: checks under a fault are known.
    """
    if check.under_fault:
        for placed in found:
            if placed.is_in_effect:
                start, end = (
                    None if at is None or began is None else at - began
                    for at in (placed.start, placed.end)
                )
                if end is None or end > 0:
                    yield FaultOver(placed.name, max(0.0, start or 0.0), end)


def _machine(check: Check) -> Iterator[MachineTook]:
    told = object_or_empty(check.output.get("machine_share"))
    own, share = (duration_or_none(told.get(name)) for name in ("own_seconds", "share_seconds"))
    cores = count_or_none(told.get("cores"))
    if own is not None and share is not None and cores and is_noticeable(own - share, share):
        yield MachineTook(check.stage, check.probe, cores, own, share)


def _commit(journal: Journal) -> str | None:
    told = object_or_empty(journal.section.get("checked_out")).get("commit")
    return told if isinstance(told, str) and _COMMIT.fullmatch(told) else None


def _events_file(journal: Journal) -> Path | None:
    """It lies beside the journal, also where both were moved since."""
    name = text_or_none(journal.section.get("events_file"))
    if name is None:
        return None
    path = journal.path.parent / PurePath(name).name
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):
        return None


def _spans(data: Mapping[str, Any]) -> Iterator[Span]:
    for stage, state in states(data):
        if stage is Stage.BEFORE and data["chaosnetra"].get("baseline_of"):
            continue  # another run checked it
        runs = state["probes"]
        starts = [at for run in runs if (at := since_start(data, began(run))) is not None]
        ends = [at for run in runs if (at := since_start(data, ended(run))) is not None]
        if starts and ends and max(ends) >= min(starts):
            yield Span(stage, min(starts), max(ends), state["steady_state_met"])


def _seconds(data: Mapping[str, Any], ends: Iterable[float]) -> float | None:
    """What a run took, until the last of what is told of it.

    By the core's own word it ends before its recovery is checked, and before the session ends,
    which undoes what is left and takes away the proxy.
    """
    seconds = duration_or_none(data.get("duration"))
    return None if seconds is None else max(seconds, *ends, 0.0)


def _environment(journal: Journal) -> Iterator[tuple[str, str]]:
    data, section = journal.data, journal.section
    profile = object_or_empty(section.get("profile"))
    dated = f" of {profile['date']}" if isinstance(profile.get("date"), str) else ""
    if journal.profile:
        yield "profile", one_visible_line(f"{journal.profile}{dated}", 200)
    if (commit := _commit(journal)) is not None:
        branch = object_or_empty(section.get("checked_out")).get("branch")
        yield "commit", one_visible_line(f"{commit}{f' ({branch})' if branch else ''}", 300)
    for name, value in (
        ("target", section.get("target")),
        ("environment", section.get("environment")),
        ("time scale", section.get("time_scale")),
        ("seed", section.get("seed")),
        ("run", section.get("run")),
        ("baseline measured by run", section.get("baseline_of")),
        ("started", data["start"]),
        ("ended", data["end"]),
        ("status for the Chaos Toolkit", data["status"]),
        ("node", data.get("node")),
        ("platform", data.get("platform")),
        ("chaoslib", data.get("chaoslib-version")),
    ):
        if isinstance(value, (str, int, float)) and value != "":
            yield name, one_visible_line(value, 300)
    pool = profile.get("pool")
    if isinstance(pool, dict):
        listed = ", ".join(f"{key} {value}" for key, value in list(pool.items())[:20])
        yield "pool", one_visible_line(listed, 400)
    for part in section["stand"][:20]:
        what = [part.get(key) for key in ("version", "address", "source", "note")]
        text = ", ".join(str(one) for one in what if isinstance(one, str))
        yield one_visible_line(part.get("kind"), 60), one_visible_line(text, 300)
    for name, key in (
        ("corrected", "corrections"),
        ("undo failures", "undo_failures"),
        ("control failures", "control_failures"),
        ("parts lost", "parts_lost"),
    ):
        if section[key]:
            yield name, one_visible_line("; ".join(section[key][:20]), 600)
