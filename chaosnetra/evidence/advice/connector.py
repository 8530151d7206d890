"""The connector: instances for the peak below its pressure threshold, throughput, scale-up.

Its emulator's figures and history say how many clients there were at once, how many one instance
carries, and how long one more instance took to come.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.evidence.advice.needs import most_queued
from chaosnetra.evidence.advice.recommendation import HEADROOM, MARGIN, Recommendation
from chaosnetra.evidence.advice.runs import RanWith, Run, shown
from chaosnetra.evidence.journal.samples import checks
from chaosnetra.evidence.journal.timeline import connector, faults
from chaosnetra.evidence.journal.values import count_or_none, seconds_or_none
from chaosnetra.quantities import finite_or_none

AREA = "connector"
KIND = "connector"
SECTION = ("infrastructure", "vpc_connector")
# More is no connector: Google's have 10, the emulator 1,000.
MOST_INSTANCES = 1000


@dataclass(frozen=True)
class Limits:
    """A connector's limits while a run looked at it."""

    instances: int
    per_instance: int
    threshold: float
    mbps_per_instance: float | None
    background_mbps: float


@dataclass(frozen=True)
class _Demand:
    """Instances that a run shows to be needed, and why."""

    instances: int
    limits: Limits
    line: str
    check: str


@dataclass
class ConnectorAdvisor:
    """Advice on the connector of one profile.

    Args:
        ran: the profile of the runs that are added.
    """

    ran: RanWith
    _demands: list[_Demand] = field(default_factory=list)
    _delays: list[tuple[float, bool, str, str]] = field(default_factory=list)

    def add(self, run: Run) -> bool:
        """Take in a run, whose journal is not kept; tell whether it measured the connector."""
        limits = limits_of(run)
        if limits is None:
            return False
        demands = list(filter(None, (_slots(run, limits), _throughput(run, limits))))
        self._demands += demands
        self._delays += [
            (run.full(seconds), told, run.where, run.check) for seconds, told in _scale_ups(run)
        ]
        return bool(demands)

    def advice(self) -> Iterator[Recommendation]:
        """The smallest number of instances, and the buffer for a scale-up."""
        short = [one for one in self._demands if one.instances > one.limits.instances]
        if short:
            yield self._instances(short)
        if self._delays:
            yield from self._buffer()

    def _instances(self, short: list[_Demand]) -> Recommendation:
        most = max(short, key=lambda demand: demand.instances)
        count, limits = min(most.instances, MOST_INSTANCES), most.limits
        changes: dict[tuple[str, ...], Any] = {
            (*SECTION, "minimum_instances"): count,
            (*SECTION, "concurrent_connections"): count * limits.per_instance,
        }
        if limits.mbps_per_instance is not None:
            gbps = round(count * limits.mbps_per_instance / 1000, 6)
            changes[*SECTION, "baseline_throughput_gbps"] = gbps
        maximum = self.ran.figure("vpc_connector", "maximum_instances")
        if maximum is not None and maximum < count:
            changes[*SECTION, "maximum_instances"] = count
        return Recommendation(
            AREA,
            "vpc_connector.minimum_instances",
            str(limits.instances),
            str(count),
            "a connector adds instances only once it is under pressure, and takes "
            "longer for it than a startup waits; so the peak has to stay below its "
            f"threshold, with {HEADROOM:.0%} to spare",
            tuple(demand.line for demand in short),
            most.check,
            changes,
        )

    def _buffer(self) -> Iterator[Recommendation]:
        """Whether what the platform allows for a scale-up is what it takes."""
        longest, told, where, check = max(self._delays)
        current = self.ran.figure("vpc_connector", "scaling_buffer_seconds")
        if current is not None and longest <= current:
            return
        proposed = math.ceil(round(longest * (1 + MARGIN), 6))
        how = "told when it began" if told else "from pressure to one more instance"
        bounds = [
            f"{name} {length:g} s"
            for name in ("table_setup", "connection")
            if (length := self.ran.budgets.get(name)) is not None and length < longest
        ]
        reason = (
            f"one more instance takes {shown(longest)}; with a margin of {MARGIN:.0%} that is "
            f"{proposed} s"
        )
        if bounds:
            reason += f". Nobody can wait for it within {' and '.join(bounds)}"
        count = len(self._delays)
        evidence = f"{where}: the longest of {count} scale-ups, {shown(longest)} ({how})"
        yield Recommendation(
            AREA,
            "vpc_connector.scaling_buffer_seconds",
            None if current is None else f"{current:g} s",
            f"{proposed} s",
            reason,
            (evidence,),
            check,
            {(*SECTION, "scaling_buffer_seconds"): proposed},
        )


def limits_of(run: Run) -> Limits | None:
    """The smallest limits that the run gave its connector; None when it limited none."""
    found = [
        limits
        for fault in faults(run.data)
        if fault.parameters.get("kind") == KIND
        if (limits := _limits(fault.parameters)) is not None
    ]
    if not found:
        return None
    background = max(limits.background_mbps for limits in found)
    first = min(found, key=lambda limits: limits.instances * limits.per_instance)
    return Limits(
        first.instances, first.per_instance, first.threshold, first.mbps_per_instance, background
    )


def _limits(parameters: Mapping[str, Any]) -> Limits | None:
    instances = count_or_none(parameters.get("instances"))
    per_instance = count_or_none(parameters.get("connections_per_instance"))
    threshold = finite_or_none(parameters.get("pressure_threshold"))
    mbps = finite_or_none(parameters.get("throughput_mbps_per_instance"))
    background = finite_or_none(parameters.get("background_mbps")) or 0.0
    if not instances or not per_instance or threshold is None or not 0.01 <= threshold <= 1:
        return None
    usable = mbps if mbps is not None and 1e-6 < mbps < 1e9 else None
    return Limits(instances, per_instance, threshold, usable, min(max(0.0, background), 1e9))


def _slots(run: Run, limits: Limits) -> _Demand | None:
    """Instances that keep the peak of connections below the pressure threshold."""
    timeline = connector(run.data)
    if timeline is None or not timeline.samples:
        return None
    refused = [sample.get("refused", 0.0) for sample in timeline.samples]
    wanted = [
        sample.get("most_in_use", 0.0) + sample.get("most_queued", 0.0)
        for sample in timeline.samples
    ]
    peak = max(wanted) + max(refused) - min(refused)
    if not 1 <= peak <= 1e6:
        return None
    slots = limits.instances * limits.per_instance
    needed = math.ceil(round(peak * (1 + HEADROOM) / (limits.threshold * limits.per_instance), 6))
    queued = most_queued(run)
    waited = f", {queued} of them waited for a slot" if queued else ""
    line = (
        f"{run.where}: {peak:.0f} connections at once{waited}; {limits.instances} instances have "
        f"{slots} slots, and are under pressure from {limits.threshold:.0%} of them on; "
        f"{needed} have {needed * limits.per_instance}"
    )
    return _Demand(needed, limits, line, run.check)


def _throughput(run: Run, limits: Limits) -> _Demand | None:
    """Instances that carry what others take and what a transfer has to have."""
    if limits.mbps_per_instance is None:
        return None
    wanted = 0.0
    for check in checks(run.data):
        size = count_or_none(check.output.get("size_bytes"))
        limit = seconds_or_none(check.output.get("max_seconds"))
        if size and limit and limit > 1e-6 and check.under_fault:
            wanted = max(wanted, size * 8 / 1e6 / limit)
    if not wanted:
        return None
    total = (limits.background_mbps + wanted) * (1 + HEADROOM)
    needed = math.ceil(round(total / limits.mbps_per_instance, 6))
    line = (
        f"{run.where}: others take {limits.background_mbps:.4g} Mbit/s and a transfer has to have "
        f"{wanted:.3g}; {limits.instances} instances carry "
        f"{limits.instances * limits.mbps_per_instance:.4g}"
    )
    return _Demand(needed, limits, line, run.check)


def _scale_ups(run: Run) -> Iterator[tuple[float, bool]]:
    """How long each scale-up took, real seconds, and whether that was only told."""
    timeline = connector(run.data)
    begun: Mapping[str, Any] | None = None
    for event in timeline.events if timeline else ():
        if event.get("event") == "scale-up begun":
            begun = event
        elif event.get("event") == "scaled up" and begun is not None:
            seconds = seconds_or_none(event["at_seconds"] - begun["at_seconds"])
            begun = None
            if seconds is not None:
                yield seconds, False
        elif event.get("event") == "changed" and begun is not None:
            # It was stopped before it was over; the emulator told how long it would take.
            told = seconds_or_none(begun.get("delay_seconds"))
            begun = None
            if told is not None:
                yield told, True
