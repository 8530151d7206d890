"""The pool: what all instances may open against the slots there are, and how long it may wait."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.evidence.advice.recommendation import HEADROOM, MARGIN, Recommendation, with_margin
from chaosnetra.evidence.advice.runs import RanWith, Run, shown
from chaosnetra.evidence.journal.samples import checks
from chaosnetra.evidence.journal.timeline import faults
from chaosnetra.evidence.journal.values import count_or_none, objects, seconds_or_none
from chaosnetra.evidence.statistics.quantiles import quantile
from chaosnetra.evidence.statistics.rates import CONFIDENCE
from chaosnetra.text import how_many, were

AREA = "pool"
HELD = "connections held"
NO_SLOT = "53300"
# Nearly all of those who wait have to be served.
SHARE = 0.95


@dataclass(frozen=True)
class _Slots:
    """Slots that a run found, and who wanted them."""

    free: int
    instances: int
    held: int
    others: int
    refused: int
    run: str
    check: str


@dataclass(frozen=True)
class _Wait:
    """How long somebody had to wait for the pool, at time scale 1."""

    seconds: float
    is_bound: bool
    line: str
    check: str

    @property
    def proposed(self) -> int:
        """A timeout for that, seconds."""
        return with_margin(self.seconds, is_bound=self.is_bound)


@dataclass
class PoolAdvisor:
    """Advice on the pool of one profile.

    Args:
        ran: the profile of the runs that are added.
    """

    ran: RanWith
    _slots: list[_Slots] = field(default_factory=list)
    _waits: list[_Wait] = field(default_factory=list)

    def add(self, run: Run) -> bool:
        """Take in a run, whose journal is not kept; tell whether it measured pools."""
        slots, waits = _slots(run), list(_waits(run))
        self._slots += [slots] if slots is not None and slots.refused else []
        self._waits += waits
        return slots is not None or bool(waits)

    def advice(self) -> Iterator[Recommendation]:
        """Size and overflow that leave slots for others, and a timeout that outlasts the work."""
        if self._slots:
            yield from self._size()
        current = seconds_or_none(self.ran.pool.get("timeout_seconds"))
        short = [wait for wait in self._waits if current is not None and wait.seconds >= current]
        if short and current is not None:
            yield _timeout(max(short, key=lambda wait: wait.proposed), current)

    def _size(self) -> Iterator[Recommendation]:
        size = count_or_none(self.ran.pool.get("size"))
        overflow = count_or_none(self.ran.pool.get("max_overflow"))
        tight = min(self._slots, key=_per_instance)
        each = _per_instance(tight)
        if not size or overflow is None or each >= size + overflow:
            return
        found = (
            f"{tight.run}: {tight.instances} instances hold {tight.held} of {tight.free} slots "
            f"that the service may take; of {how_many(tight.others, 'connection')} more "
            f"{tight.refused} {were(tight.refused)} refused (SQLSTATE {NO_SLOT})"
        )
        evidence = [found]
        most = self.ran.figure("cloud_run", "maximum_instances")
        if most is not None and most > tight.instances:
            evidence.append(
                f"profile {self.ran.name}: up to {most:g} instances may run, and {size} + "
                f"{overflow} each would be {most * (size + overflow):g} connections"
            )
        current = f"size {size}, max_overflow {overflow}"
        if each < 1:
            yield Recommendation(
                "cloud_sql",
                "cloud_sql.max_connections",
                f"{tight.free} slots free for the service",
                f"more than {tight.others + tight.instances} free for the service, or fewer "
                "instances",
                "what others take leaves no connection for each instance",
                tuple(evidence),
                tight.check,
            )
            return
        new_size = max(1, each * size // (size + overflow))
        yield Recommendation(
            AREA,
            "pool.size and pool.max_overflow",
            current,
            f"size {new_size}, max_overflow {each - new_size}",
            f"{how_many(tight.instances, 'pool')} of {each} and "
            f"{how_many(tight.others, 'connection')} of others fit "
            f"into {tight.free} slots with {HEADROOM:.0%} to spare",
            tuple(evidence),
            tight.check,
            {("pool", "size"): new_size, ("pool", "max_overflow"): each - new_size},
        )


def _per_instance(slots: _Slots) -> int:
    """Connections that each instance may open, so that others find theirs."""
    return math.floor((slots.free * (1 - HEADROOM) - slots.others) / slots.instances)


def _slots(run: Run) -> _Slots | None:
    """Slots, holders and others of a run; None when it held no pools."""
    held = instances = free = 0
    for fault in faults(run.data):
        amount = count_or_none(fault.parameters.get("amount"))
        pools = count_or_none(fault.parameters.get("instances"))
        if fault.parameters.get("kind") != HELD or not amount or not pools or not fault.effect:
            continue
        left = count_or_none(fault.effect.get("expected"))
        if left is not None:
            held, instances, free = amount, pools, left + amount
    if not instances:
        return None
    others = refused = 0
    for check in checks(run.data):
        states = check.output.get("sqlstates")
        tried = count_or_none(check.output.get("attempts"))
        if check.under_fault and isinstance(states, dict) and tried:
            others = max(others, tried)
            refused = max(refused, count_or_none(states.get(NO_SLOT)) or 0)
    return _Slots(free, instances, held, others, refused, run.where, run.check)


def _waits(run: Run) -> Iterator[_Wait]:
    """How long checkouts beyond the pool have to wait: until the work of those before is done."""
    for check in checks(run.data):
        if not check.under_fault or "checkouts" not in check.output:
            continue
        pool = check.output.get("pool")
        done = _first_to_be_done(run, check.output, pool if isinstance(pool, dict) else {})
        timed_out = count_or_none(check.output.get("pool_timeout")) or 0
        where = f"{run.where}, {check.probe}"
        if done:
            found = quantile(done, SHARE, confidence=2 * CONFIDENCE - 1)
            longest = found.high if found.high is not None else max(done)
            line = (
                f"{where}: {how_many(len(done), 'checkout')} that did not wait kept the connection "
                f"until {shown(longest)} after the start; {timed_out} that waited timed out in "
                "the pool"
            )
            yield _Wait(longest, False, line, run.check)
        elif timed_out and isinstance(pool, dict):
            seconds = seconds_or_none(pool.get("timeout_seconds"))
            if seconds is not None and seconds_or_none(run.full(seconds)) is not None:
                full = run.full(seconds)
                line = f"{where}: {timed_out} checkouts timed out in the pool after {shown(full)}"
                yield _Wait(full, True, line, run.check)


def _first_to_be_done(run: Run, output: Mapping[str, Any], pool: Mapping[str, Any]) -> list[float]:
    """When those who had not to wait gave their connection back, at time scale 1."""
    ended: list[tuple[float, float]] = []
    for checkout in objects(output.get("checkouts")):
        answered = seconds_or_none(checkout.get("seconds"))
        worked = seconds_or_none(checkout.get("work_seconds"))
        if answered is not None and worked is not None:
            ended.append((answered, run.full(answered + worked)))
    size, overflow = count_or_none(pool.get("size")), count_or_none(pool.get("max_overflow"))
    at_once = len(ended) if size is None or overflow is None else size + overflow
    done = [seconds for _, seconds in sorted(ended)[:at_once]]
    return [seconds for seconds in done if seconds_or_none(seconds) is not None]


def _timeout(wait: _Wait, current: float) -> Recommendation:
    seconds = wait.proposed
    if wait.is_bound:
        reason = "all who waited were cut short; twice that, and a second run is to confirm it"
    else:
        reason = (
            f"a connection comes back after {shown(wait.seconds)} under pressure; with a margin "
            f"of {MARGIN:.0%} that is {seconds} s"
        )
    return Recommendation(
        AREA,
        "pool.timeout_seconds",
        f"{current:g} s",
        f"{seconds} s",
        reason,
        (wait.line,),
        wait.check,
        {("pool", "timeout_seconds"): seconds},
    )
