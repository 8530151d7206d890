"""The launches of journals: startups at once, what was in place meanwhile, and how they ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chaosnetra.connector.model import ConnectorModel, parse_model
from chaosnetra.errors import ChaosnetraError, InvalidInput
from chaosnetra.evidence.advice.runs import Run, run_of
from chaosnetra.evidence.journal.order import Period
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.samples import UNDER_FAULT, Check, checks, startup_of
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.timeline import FaultSpan, connector, faults
from chaosnetra.evidence.journal.values import (
    count_or_none,
    object_or_empty,
    objects,
    seconds_or_none,
    text_or_none,
)
from chaosnetra.evidence.statistics.machine_share import StartupShare, share_of
from chaosnetra.text import cut, one_line
from chaosnetra.whatif.course import Course, course_of
from chaosnetra.wire.observation import Observation

CONNECTOR, TOXIC, LATENCY = "connector", "toxic", "latency"
# Their figures are looked at one by one.
MOST_STARTUPS = 1_000
LONGEST_TARGET = 100
BITS, MEGA = 8, 1_000_000
# Traffic that takes less of a launch than this waits for nobody.
MOST_OF_LINE = 0.1


@dataclass(frozen=True)
class Launched:
    """One startup of a launch.

    Attributes:
        ready: whether it was, with all that it was to bring.
        seconds: that it took.
        share: the machine's share of these; None: not known.
        seen: of it on the wire; None: it was not looked at.
        ended_itself: whether it ended by itself, not ready.
        delayed_seconds: in which it waited for a core; 0 where the system does not tell.
    """

    ready: bool
    seconds: float
    share: StartupShare | None
    seen: Observation | None
    ended_itself: bool
    delayed_seconds: float = 0.0

    @cached_property
    def course(self) -> Course | None:
        """Its course, of one that was ready and seen whole."""
        if self.seen is None or not self.ready:
            return None
        return course_of(self.seen, self.share.alone_seconds if self.share else None)

    @property
    def alone_seconds(self) -> float:
        """That it would have taken on a machine of its own, at most."""
        return self.seconds - (self.share.share_seconds if self.share else 0.0)


@dataclass(frozen=True)
class Launch:
    """Startups at once.

    Attributes:
        where: it for people: the journal's name, and when in the run.
        count: how many.
        startups: at most the first 1,000 of them.
        latency_seconds: that faults added to each round trip, as measured.
        connector: its model, where a fault changed it.
        is_plain: whether no fault was in place.
        is_known: whether every fault in place is one that the model has: a latency, a connector
            whose throughput is enough.
        limit_seconds: after which a startup was given up; None: the journal does not say.
    """

    where: str
    count: int
    startups: tuple[Launched, ...]
    latency_seconds: float
    connector: ConnectorModel | None
    is_plain: bool
    is_known: bool
    limit_seconds: float | None


@dataclass(frozen=True)
class Measured:
    """What journals of one target and one profile hold.

    Attributes:
        run: the first of them.
        target: as it was started.
        launches: of all.
        connector_was_full: whether clients waited for a slot of the connector in one of them.
        had_connector: whether there was a connector in one of them.
        passed_over: why journals, or launches of them, say nothing; one line each.
    """

    run: Run
    target: str
    launches: tuple[Launch, ...]
    connector_was_full: bool
    had_connector: bool
    passed_over: tuple[str, ...]

    @property
    def profile_is_its_own(self) -> bool:
        """Whether the infrastructure of the profile is meant: it was named, or nothing else ran.

        The default profile describes the reference orchestrator's platform, of which a service
        of somebody's own knows nothing. A journal that does not hold its settings may mean it.
        """
        settings = object_or_empty(self.run.data["chaosnetra"].get("settings"))
        return "target" not in settings or "profile" in settings

    @property
    def limited_connector(self) -> ConnectorModel | None:
        """The connector as a fault last made it in the journals, at time scale 1."""
        models = [one.connector for one in self.launches if one.connector is not None]
        return models[-1].scaled(1 / self.run.time_scale) if models else None


class OtherJournals(InvalidInput):
    """Journals that are not about the same.

    Attributes:
        lines: of each which, and why.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


def measured(journals: Iterable[Journal]) -> Measured:
    """What journals hold; startups that are in two of them, as those of a search may be, once.

    Raises:
        OtherJournals: of another target, profile or time scale than the first.
        InvalidInput: none of them says what it ran with.
    """
    first: tuple[Run, str, str] | None = None
    # Each with the run that it is of, where that is not the journal's.
    launches: list[tuple[Launch, str | None]] = []
    runs: set[str | None] = set()
    refused: list[str] = []
    passed_over: list[str] = []
    was_full = had_connector = False
    for journal in journals:
        run, why = run_of(journal)
        if run is None:
            passed_over.append(f"{journal.path}: {why}")
            continue
        target = text_or_none(journal.section.get("target")) or ""
        if first is None:
            first = (run, target, str(journal.path))
        other = _difference(run, target, first)
        if other is not None:
            refused.append(f"{journal.path}: {other}")
            continue
        runs.add(text_or_none(journal.section.get("run")))
        launches += _launches(journal)
        timeline = connector(journal.data)
        monitoring = object_or_empty(journal.section.get("monitoring"))
        had_connector = had_connector or timeline is not None
        had_connector = had_connector or monitoring.get("connector_instances_of_run") is not None
        was_full = was_full or any(
            sample.get("most_queued", 0) > 0 for sample in (timeline.samples if timeline else ())
        )
    if refused:
        raise OtherJournals(refused)
    if first is None:
        raise InvalidInput("; ".join(passed_over) or "there is no journal")
    run, target, _ = first
    once = tuple(launch for launch, of in launches if of is None or of not in runs)
    had_connector = had_connector or any(one.connector is not None for one in once)
    return Measured(run, target, once, was_full, had_connector, tuple(passed_over))


def _difference(run: Run, target: str, first: tuple[Run, str, str]) -> str | None:
    """Why a journal is not about the same as the first one; None: it is."""
    one, its_target, path = first
    if target != its_target:
        shown = [repr(cut(one_line(text), LONGEST_TARGET)) for text in (target, its_target)]
        return f"its target is {shown[0]}, and that of {path} is {shown[1]}"
    if run.ran.key != one.ran.key:
        if run.ran.name == one.ran.name:
            return f"its profile {run.ran.name} has other values than that of {path}"
        return f"its profile is {run.ran.name}, and that of {path} is {one.ran.name}"
    if run.time_scale != one.time_scale:
        return f"its time scale is {run.time_scale:g}, and that of {path} is {one.time_scale:g}"
    return None


def _launches(journal: Journal) -> Iterator[tuple[Launch, str | None]]:
    baseline_of = text_or_none(journal.section.get("baseline_of"))
    spans = list(faults(journal.data))
    for check in checks(journal.data):
        listed = check.output.get("startups")
        count = count_or_none(check.output.get("attempts"))
        if not isinstance(listed, list) or not count:
            continue
        startups = tuple(_startups(check, listed))
        if startups:
            launch = _launch(journal, check, count, startups, _in_place(check, spans))
            yield launch, baseline_of if check.stage is Stage.BEFORE else None


def _launch(
    journal: Journal,
    check: Check,
    count: int,
    startups: tuple[Launched, ...],
    spans: list[FaultSpan],
) -> Launch:
    latency = seconds_or_none(check.output.get("added_round_trip_ms"))
    models = [_model_of(span.parameters) for span in spans if _kind(span) == CONNECTOR]
    known = all(
        _kind(span) == CONNECTOR or (_kind(span) == TOXIC and _is_latency(span)) for span in spans
    )
    return Launch(
        f"{journal.path.name} ({check.stage})",
        count,
        startups,
        (latency or 0.0) / 1000,
        models[-1] if models else None,
        not spans,
        known and all(model is not None and _is_wide(model, startups) for model in models),
        seconds_or_none(check.output.get("startup_timeout_seconds")),
    )


def _startups(check: Check, listed: list[Any]) -> Iterator[Launched]:
    share = object_or_empty(check.output.get("machine_share"))
    cores = count_or_none(share.get("cores"))
    for data in list(objects(listed))[:MOST_STARTUPS]:
        one = startup_of(check, data)
        if one is not None:
            yield Launched(
                one.ready,
                one.seconds,
                share_of(data, cores) if cores else None,
                one.observation,
                one.ended_itself,
                one.delayed_seconds,
            )


def _in_place(check: Check, spans: list[FaultSpan]) -> list[FaultSpan]:
    """Faults with an effect that may have been in place during a check."""
    found = []
    for span in spans:
        if span.effect is None:
            continue
        if not span.injected.is_known:
            here = check.stage in UNDER_FAULT
        else:
            here = check.under_fault and check.period.may_overlap(
                Period(span.injected, span.undone)
            )
        if here:
            found.append(span)
    return found


def _is_wide(model: ConnectorModel, startups: Sequence[Launched]) -> bool:
    """Whether the connector's throughput, which the model leaves out, hardly delayed anybody."""
    mbps = model.throughput_mbps(model.instances)
    if mbps is None:
        return True
    passed = sum(
        connection.sent_bytes + connection.received_bytes
        for one in startups
        if one.seen is not None
        for connection in one.seen.connections
    )
    longest = max(one.seconds for one in startups)
    return BITS * passed / MEGA / mbps <= MOST_OF_LINE * longest


def _kind(span: FaultSpan) -> Any:
    return span.parameters.get("kind")


def _is_latency(span: FaultSpan) -> bool:
    return span.parameters.get("type") == LATENCY


def _model_of(parameters: Mapping[str, Any]) -> ConnectorModel | None:
    figures = {key: one for key, one in parameters.items() if key not in ("kind", "server")}
    try:
        return parse_model(figures)
    except (ChaosnetraError, TypeError, ValueError):
        return None
