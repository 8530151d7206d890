"""What startups did with their database before a change and after it, as seen on the wire."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from chaosnetra.evidence.advice.runs import shown
from chaosnetra.text import are, cut, how_many, were
from chaosnetra.wire.observation import Observation

MOST_STATEMENTS = 5
MOST_KEPT = 2_000
LONGEST_STATEMENT = 80
MOST_STARTUPS = 1_000
# Of an observation: how many round trips were one after the other, and how many of these set
# sessions up; in which time no answer was waited for, and in which one was.
# Of a count that hardly varies a tenth is no chance where no startup of one side reaches the other;
# of times a quarter, where there are enough startups for that to be certain.
LEAST_SHARE, LEAST_SHARE_OF_TIME = 0.1, 0.25
FEWEST_FOR_TIMES = 4
FIGURES = ("serial_round_trips", "serial_setup_round_trips", "own_seconds", "waited_seconds")


@dataclass
class Seen:
    """Startups that became ready.

    Attributes:
        figures: of each, what `FIGURES` names.
        statements: in how many startups each was executed, by its text.
        all_told: whether the observations list every statement that was executed.
    """

    figures: dict[str, list[float]] = field(default_factory=lambda: {key: [] for key in FIGURES})
    statements: Counter[str] = field(default_factory=Counter)
    all_told: bool = True

    def add(self, seen: Observation) -> None:
        """Take in one startup; of very many the first ones tell."""
        for key, values in self.figures.items():
            values.append(getattr(seen, key))
        texts = {one.text for one in seen.statements}
        if len(self.statements) + len(texts) <= MOST_KEPT:
            self.statements.update(texts)
        else:
            self.all_told = False
        if not seen.complete or seen.statement_count > len(seen.statements):
            self.all_told = False

    @property
    def startups(self) -> int:
        return len(self.figures["own_seconds"])

    @property
    def is_enough(self) -> bool:
        """Whether there are so many that one more would tell nothing new."""
        return self.startups >= MOST_STARTUPS

    def medians(self) -> dict[str, float]:
        return {key: median(values) for key, values in self.figures.items()}


@dataclass(frozen=True)
class WireChange:
    """What became of the startups that were ready.

    Attributes:
        when: without the fault, or under it.
        before: medians; see `FIGURES`.
        after: likewise.
        startups: how many before, and after.
        fell: figures of which no startup after has as much as any before, by more than noise.
        rose: likewise, as little.
        came: statements that no startup executed before.
        went: statements that no startup executes any more.
    """

    when: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    startups: tuple[int, int]
    fell: Sequence[str] = ()
    rose: Sequence[str] = ()
    came: Sequence[str] = ()
    went: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "when": self.when,
            "before": dict(self.before),
            "after": dict(self.after),
            "fell": list(self.fell),
            "rose": list(self.rose),
            "startups": dict(zip(("before", "after"), self.startups, strict=True)),
            "statements_came": list(self.came),
            "statements_went": list(self.went),
        }

    def told(self, keys: Sequence[str], verb: str) -> str:
        """That figures fell or rose, for people; empty without any."""
        names = {"serial_round_trips": "round trips one after the other", "waited_seconds": "waits"}
        found = []
        for key in keys:
            before, after = (
                f"{side[key]:g}" if key == "serial_round_trips" else shown(side[key])
                for side in (self.before, self.after)
            )
            found.append(f"{names[key]} {verb} from {before} to {after}")
        return f"{' and '.join(found)} {self.when}" if found else ""

    @property
    def lines(self) -> Iterator[str]:
        """It for people."""
        one, other = self.before, self.after
        trips = f"{one['serial_round_trips']:g} before, {other['serial_round_trips']:g} after"
        times = "; ".join(
            f"{name} {shown(one[key])} before, {shown(other[key])} after"
            for name, key in (
                ("time of its own", "own_seconds"),
                ("waited for answers", "waited_seconds"),
            )
        )
        yield (
            f"on the wire {self.when}: round trips one after the other {trips}; {times} "
            f"(medians of {self.startups[0]} and {how_many(self.startups[1], 'startup')} that "
            f"{were(self.startups[1])} ready)"
        )
        for texts, how in ((self.went, "not executed any more"), (self.came, "executed only now")):
            if texts:
                more = len(texts) - MOST_STATEMENTS
                listed = "; ".join(cut(text, LONGEST_STATEMENT) for text in texts[:MOST_STATEMENTS])
                left_out = f"; and {more} more" if more > 0 else ""
                count = f"{how_many(len(texts), 'statement')} {are(len(texts))}"
                yield f"on the wire {self.when}: {count} {how}: {listed}{left_out}"


def wire_change(
    when: str, before: Seen | None, after: Seen | None, *, listed: bool
) -> WireChange | None:
    """Compare what was seen; None where it was not seen on both sides.

    Args:
        when: without the fault, or under it.
        before: what was seen of the startups before the change.
        after: likewise.
        listed: whether statements that came or went are to be told.
    """
    if before is None or after is None or not before.startups or not after.startups:
        return None
    # Under a fault they are the same, or fewer.
    told = listed and before.all_told and after.all_told
    return WireChange(
        when,
        before.medians(),
        after.medians(),
        (before.startups, after.startups),
        _certainly_less(after, before),
        _certainly_less(before, after),
        sorted(after.statements.keys() - before.statements.keys()) if told else (),
        sorted(before.statements.keys() - after.statements.keys()) if told else (),
    )


def _certainly_less(less: Seen, more: Seen) -> list[str]:
    """The figures of which every startup of one side has less than any of the other.

    Waits also count with few startups where round trips explain them.
    """

    def apart(key: str, share: float) -> bool:
        return max(less.figures[key]) <= (1 - share) * min(more.figures[key])

    trips = apart("serial_round_trips", LEAST_SHARE)
    enough = trips or min(less.startups, more.startups) >= FEWEST_FOR_TIMES
    waits = enough and apart("waited_seconds", LEAST_SHARE_OF_TIME)
    found = {"serial_round_trips": trips, "waited_seconds": waits}
    return [key for key, is_less in found.items() if is_less and min(more.figures[key]) > 0]
