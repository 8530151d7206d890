"""How much of the time of startups went by because the machine has too few cores for them.

A startup's own time is its time without its waits for the database, where those were observed;
else all of it. The machine's share is the part of it in which one of its threads was ready to run
and waited for a core. What is left is what it would have taken alone, at most: not every wait is
seen.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.values import object_or_empty, seconds_or_none
from chaosnetra.evidence.statistics.quantiles import median_of

# Less than this, of the time alone, is not worth a word, and is no cause.
LEAST_STRETCH = 0.1
# Nor is what nobody could see: readiness itself is looked for as rarely.
LEAST_SECONDS = 0.1
DIGITS = 4


class StartupShare(NamedTuple):
    """One startup.

    Attributes:
        seconds: see `chaosnetra.startup.outcome.StartupOutcome`.
        own_seconds: of these, without its waits for the database.
        cpu_seconds: that its threads had a core, together.
        share_seconds: the machine's share of its own time, at least.
        waits_known: whether its waits for the database were observed.
        ready: whether it was ready in time.
    """

    seconds: float
    own_seconds: float
    cpu_seconds: float
    share_seconds: float
    waits_known: bool
    ready: bool

    @property
    def alone_seconds(self) -> float:
        """What its own time would have been alone, at most."""
        return self.own_seconds - self.share_seconds

    @property
    def is_noticeable(self) -> bool:
        """Whether the share is worth a word."""
        return is_noticeable(self.alone_seconds, self.share_seconds)


class MachineShare(NamedTuple):
    """The startups of one launch.

    Attributes:
        startups: whose figures are known.
        cores: that they could use.
        ready: whether the medians are of those that were ready; else of all, as none was.
        own_seconds: median of their own time.
        alone_seconds: median of what it would have been alone, at most.
        share_seconds: median of the machine's share.
        waits_known: whether the waits for the database were observed, of all of them.
        by_startups: whether the startups themselves kept the cores busy, for half of the time
            at least; else other work on the machine did.
    """

    startups: int
    cores: int
    ready: bool
    own_seconds: float
    alone_seconds: float
    share_seconds: float
    waits_known: bool
    by_startups: bool

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    @property
    def is_noticeable(self) -> bool:
        """Whether it is worth a word: more than 10 % of the time alone."""
        return is_noticeable(self.alone_seconds, self.share_seconds)

    @property
    def text(self) -> str:
        """It for people, as a sentence."""
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        whose = "own time" if self.waits_known else "time"
        many = f"{self.startups} startups at once" if self.startups > 1 else "1 startup"
        if not self.ready:
            waited = f"{self.share_seconds:.3g} s of its {self.own_seconds:.3g} s"
            waited += " of own time" if self.waits_known else ""
            each = f"each of {many}" if self.startups > 1 else many
            beside = "" if self.by_startups else ", beside other work on this machine,"
            return f"{each}{beside} waited {waited} for a core ({cores})"
        grown = f"from at most {self.alone_seconds:.3g} s to {self.own_seconds:.3g} s on {cores}"
        if self.by_startups and self.startups > 1:
            return f"{many} stretched each other's {whose} {grown}"
        return f"other work on this machine stretched the {whose} of {many} {grown}"

    @property
    def advice(self) -> str:
        """What to change."""
        if self.by_startups and self.startups > 1:
            return "start fewer at once (count), or on more cores"
        return "run it on a machine with less other work, or with more cores"


def share_of(startup: Mapping[str, Any], cores: int) -> StartupShare | None:
    """The machine's share of one startup; see `share_from`.

    Args:
        startup: as `StartupOutcome.to_json` gives it.
        cores: that it could use, at least one.

    Returns:
        None where the system, or the journal, does not tell.
    """
    processors = object_or_empty(startup.get("processors"))
    seconds = seconds_or_none(startup.get("seconds"))
    cpu = seconds_or_none(processors.get("cpu_seconds"))
    delayed = seconds_or_none(processors.get("delayed_seconds"))
    if seconds is None or cpu is None or delayed is None:
        return None
    observed = seconds_or_none(object_or_empty(startup.get("wire")).get("own_seconds"))
    is_ready = startup.get("status") == "ready"
    return share_from(seconds, observed, cpu, delayed, cores, is_ready=is_ready)


def share_from(
    seconds: float,
    observed_own_seconds: float | None,
    cpu_seconds: float,
    delayed_seconds: float,
    cores: int,
    *,
    is_ready: bool,
) -> StartupShare:
    """The machine's share of a startup, from what was seen of it.

    It is no more than what is left of its own time when its processor time is spread over all
    cores: threads of its own that wait for each other do so alone, too.

    Args:
        seconds: that it took.
        observed_own_seconds: without its waits for the database; None: they were not observed.
        cpu_seconds: that its threads had a core, together.
        delayed_seconds: in which one of them waited for a core.
        cores: that it could use, at least one.
        is_ready: whether it was ready in time.
    """
    known = observed_own_seconds is not None
    own = seconds if observed_own_seconds is None else min(observed_own_seconds, seconds)
    share = max(0.0, min(delayed_seconds, own - cpu_seconds / cores))
    return StartupShare(seconds, own, cpu_seconds, share, known, is_ready)


def machine_share(shares: Iterable[StartupShare | None], cores: int) -> MachineShare | None:
    """The machine's share of the startups of one launch; None where it is not known.

    Args:
        shares: of each startup; None where it is not known.
        cores: see `share_of`.
    """
    known = [share for share in shares if share is not None]
    ready = [share for share in known if share.ready]
    told = ready or known
    own = median_of((share.own_seconds for share in told), DIGITS)
    alone = median_of((share.alone_seconds for share in told), DIGITS)
    part = median_of((share.share_seconds for share in told), DIGITS)
    if own is None or alone is None or part is None:
        return None
    longest = max(share.seconds for share in known)
    busy = sum(share.cpu_seconds for share in known)
    return MachineShare(
        startups=len(known),
        cores=cores,
        ready=bool(ready),
        own_seconds=own,
        alone_seconds=alone,
        share_seconds=part,
        waits_known=all(share.waits_known for share in told),
        by_startups=busy >= cores * longest / 2,
    )


def is_noticeable(alone_seconds: float, share_seconds: float) -> bool:
    """Whether a share is worth a word: more than 10 % of the time alone, and than 0.1 s."""
    return share_seconds > max(LEAST_SECONDS, LEAST_STRETCH * alone_seconds)
