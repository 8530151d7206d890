"""The machine's own share of the startups: what is not the fault's; from the journal alone.

A startup that was not ready in time is not blamed on the fault where, without the time in which
it waited for a core, it would have been:

    it ended as                        without the machine's share
    ---------------------------------  -----------------------------------------------------------
    ready too late                     the time that it took without the share is within the limit
    out of time, never ready           so is the time that it had still needed; see `needed_seconds`
    failed or degraded, a budget of    likewise, within that budget, and the share is half of its
      its own having run out             time at least
    the same by a time limit whose     the share is half of its time at least, and the fault made
      length is not known                it wait for the database no longer than before
    failed by anything else            it is the fault's
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import (
    count_or_none,
    object_or_empty,
    objects,
    seconds_or_none,
)
from chaosnetra.evidence.statistics.machine_share import (
    MachineShare,
    StartupShare,
    machine_share,
    share_of,
)
from chaosnetra.evidence.statistics.quantiles import median_of
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.quantities import finite_or_none

_OUT_OF_TIME = "timed_out"
_BY_A_BUDGET = ("failed", "degraded")
_TIME_OVER = "timeout"
# How far waits for the database may differ and be the same: a part of them, and seconds.
_SAME_WAITS, _SAME_SECONDS = 1.1, 0.1
DIGITS = 4
# Of the time that startups have to be ready: what the machine took and is less bears on no verdict.
LEAST_PART_OF_LIMIT = 0.1


class Before(NamedTuple):
    """What startups took that were ready without a fault: medians; None where it is not known.

    Attributes:
        cpu_seconds: on a core.
        alone_seconds: of their own, without the machine's share.
        round_trips: one after the other.
        waited_seconds: for the database.
    """

    cpu_seconds: float | None = None
    alone_seconds: float | None = None
    round_trips: float | None = None
    waited_seconds: float | None = None


def machine_said(journal: Mapping[str, Any]) -> MachineShare | None:
    """The machine's largest share in any launch that a verdict has to tell of; None: in none.

    One of less than a tenth of the startups' limit changes no verdict: reports have it among their
    numbers.
    """
    found = (
        share
        for _, run in _launches(journal)
        if (share := _share(run["output"])) is not None and _matters(share, run["output"])
    )
    return max(found, key=lambda share: share.share_seconds, default=None)


def _matters(share: MachineShare, output: Mapping[str, Any]) -> bool:
    limit = seconds_or_none(output.get("startup_timeout_seconds"))
    return share.is_noticeable and (
        limit is None or share.share_seconds >= LEAST_PART_OF_LIMIT * limit
    )


def marked(journal: Mapping[str, Any], violations: Sequence[Violation]) -> list[Violation]:
    """The violations; those that the machine's share alone explains say so, and come later.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
        violations: all of them, in order of their stages.
    """
    before = _before(journal)
    explained = {
        (stage, _name(run), run["end"]): text
        for stage, run in _launches(journal)
        if (text := _explanation(run["output"], before.get(_name(run)) or Before()))
    }
    found = [
        violation._replace(machine=explained.get((violation.stage, violation.probe, violation.at)))
        for violation in violations
    ]
    stages = list(Stage)
    return sorted(found, key=lambda one: (stages.index(one.stage), one.machine is not None))


def needed_seconds(startup: Mapping[str, Any], share: StartupShare, before: Before) -> float:
    """How long a startup would have taken without the machine's share, to all knowledge.

    One that was never ready is taken to go on as it did: with the work that those before it needed
    to be ready, by processor time, and with their round trips, each as long as its own were. The
    longer of both counts.
    """
    rest = share.seconds - share.share_seconds
    if startup.get("late") is True:
        return rest
    needed = rest
    if before.cpu_seconds and share.cpu_seconds:
        needed = rest * max(1.0, before.cpu_seconds / share.cpu_seconds)
    wire = object_or_empty(startup.get("wire"))
    waited = seconds_or_none(wire.get("waited_seconds"))
    trips = count_or_none(wire.get("serial_round_trips"))
    if waited is not None and trips is not None:
        left = max(1.0, (before.round_trips or 0) / max(trips, 1))
        needed = max(needed, max(share.alone_seconds, before.alone_seconds or 0) + waited * left)
    return needed


def is_explained(startup: Mapping[str, Any], cores: int, before: Before, limit: float) -> bool:
    """Whether the machine's share alone explains that a startup was not ready.

    Args:
        startup: that was not; as `StartupOutcome.to_json` gives it.
        cores: that it could use.
        before: what others took without a fault.
        limit: in which it had to be ready, in seconds.
    """
    share = share_of(startup, cores)
    if share is None or not share.is_noticeable:
        return False
    status = startup.get("status")
    if status == _OUT_OF_TIME:
        # Who has done all its work and is not ready may never be: then the share has to be most.
        has_work = bool(before.cpu_seconds) and share.cpu_seconds < (before.cpu_seconds or 0)
        is_open = startup.get("late") is not True and not has_work
    elif status in _BY_A_BUDGET and _is_out_of_budget(startup):
        budget = seconds_or_none(object_or_empty(startup.get("error")).get("budget_seconds"))
        if budget is None:
            waited = seconds_or_none(object_or_empty(startup.get("wire")).get("waited_seconds"))
            if waited is None or before.waited_seconds is None:
                return False
            if waited > _SAME_WAITS * before.waited_seconds + _SAME_SECONDS:
                return False
        limit, is_open = limit if budget is None else budget, True
    else:
        return False
    if is_open and share.share_seconds < share.seconds / 2:
        return False
    return needed_seconds(startup, share, before) <= limit


def _is_out_of_budget(startup: Mapping[str, Any]) -> bool:
    error = object_or_empty(startup.get("error"))
    return bool(error.get("budget")) or _TIME_OVER in str(error.get("error_class")).lower()


def _explanation(output: Mapping[str, Any], before: Before) -> str | None:
    """That the machine explains why a launch did not hold, as a clause; None: it does not."""
    cores, share = _cores(output), _share(output)
    limit = seconds_or_none(output.get("startup_timeout_seconds"))
    most = finite_or_none(output.get("max_failure_rate"))
    if cores is None or share is None or limit is None or most is None:
        return None
    if output.get("held") is not False or output.get("uncontained"):
        return None
    startups = list(objects(output.get("startups")))
    bad = [one for one in startups if one.get("status") != "ready"]
    count = sum(is_explained(one, cores, before, limit) for one in bad)
    if not count or len(bad) - count > most * len(startups):
        return None
    return (
        f"{share.text}: the machine and not the fault took that time, without which {count} more "
        f"would have been ready within the limit of {limit:g} s; {share.advice}"
    )


def _before(journal: Mapping[str, Any]) -> dict[str, Before]:
    """By probe, what its startups before the method took that were ready."""
    found: dict[str, Before] = {}
    for stage, run in _launches(journal):
        output = run["output"]
        cores = _cores(output) or 1
        if stage is Stage.BEFORE:
            ready = [one for one in objects(output.get("startups")) if one.get("status") == "ready"]
            shares = [share for one in ready if (share := share_of(one, cores)) is not None]
            wires = [object_or_empty(one.get("wire")) for one in ready]
            trips = (count_or_none(wire.get("serial_round_trips")) for wire in wires)
            waited = (seconds_or_none(wire.get("waited_seconds")) for wire in wires)
            found[_name(run)] = Before(
                median_of((share.cpu_seconds for share in shares), DIGITS),
                median_of((share.alone_seconds for share in shares), DIGITS),
                median_of(trips, DIGITS),
                median_of(waited, DIGITS),
            )
    return found


def _launches(journal: Mapping[str, Any]) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
    """Each probe that launched startups and knows of the machine, with its violations' stage."""
    asked: Iterable[tuple[Stage, Mapping[str, Any]]] = (
        *checked_probes(journal),
        *((Stage.DURING, run) for run in journal["run"]),
        *((Stage.RECOVERY, run) for run in journal["rollbacks"]),
    )
    for stage, run in asked:
        if isinstance(run["output"], dict) and _cores(run["output"]) is not None:
            yield stage, run


def _share(output: Mapping[str, Any]) -> MachineShare | None:
    cores = _cores(output) or 1
    return machine_share((share_of(one, cores) for one in objects(output.get("startups"))), cores)


def _cores(output: Mapping[str, Any]) -> int | None:
    cores = object_or_empty(output.get("machine_share")).get("cores")
    return cores if type(cores) is int and 1 <= cores <= 1_000_000 else None


def _name(run: Mapping[str, Any]) -> str:
    return str(run["activity"].get("name"))
