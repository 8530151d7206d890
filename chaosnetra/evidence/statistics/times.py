"""How long startups and attempts took, as quantiles with intervals; timeouts count as censored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.evidence.journal.samples import attempts, startups, trials
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.statistics.quantiles import Quantile, quantile

SHARES = (0.5, 0.95)
_Key = tuple[Stage, str, str]


@dataclass(frozen=True)
class Times:
    """The times of one probe in one stage.

    Attributes:
        stage: before, during, after, recovery or method.
        probe: its name.
        what: startups, connections or checkouts.
        attempts: how many there were.
        listed: how many of them the journal lists; fewer in a large storm, failed ones first,
            and then there are no quantiles, because they would be of a selection.
        quantiles: the median and the 95th percentile, in real seconds.
    """

    stage: Stage
    probe: str
    what: str
    attempts: int
    listed: int
    quantiles: Sequence[Quantile]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "quantiles": [one.to_json() for one in self.quantiles]}


def times_of(journal: Mapping[str, Any]) -> list[Times]:
    """The times of every probe that a journal lists single ones of, stage by stage.

    A startup that was not ready, and an attempt that was given up, is censored: it would have
    taken longer. An attempt that failed by itself waited for no answer, and does not count.

    Args:
        journal: `data` of a `chaosnetra.evidence.journal.reading.Journal`.
    """
    seen: dict[_Key, list[float]] = {}
    waited: dict[_Key, list[float]] = {}
    listed: Counter[_Key] = Counter()
    made: Counter[tuple[Stage, str]] = Counter()

    def add(key: _Key, seconds: float, *, ended: bool, censored: bool) -> None:
        listed[key] += 1
        if ended or censored:
            (seen if ended else waited).setdefault(key, []).append(seconds)

    for startup in startups(journal):
        key = startup.stage, startup.probe, "startups"
        add(key, startup.seconds, ended=startup.ready, censored=True)
    for attempt in attempts(journal):
        key = attempt.stage, attempt.probe, attempt.kind
        add(key, attempt.seconds, ended=attempt.answered, censored=attempt.censored)
    for counted in trials(journal):
        made[counted.stage, counted.probe] += counted.attempts
    found = []
    for key, count in listed.items():
        total = max(count, made[key[:2]])
        shares = SHARES if total == count else ()
        times, censored = seen.get(key, []), waited.get(key, [])
        quantiles = [quantile(times, share, censored) for share in shares]
        found.append(Times(*key, total, count, quantiles))
    return found
