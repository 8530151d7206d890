"""What runs say of the budgets, pools and connectors they ran with, and what they leave unknown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.text import how_many, were

KEPT = "kept within every budget, pool and connector measured"
_NOT_SEEN = (
    "which budgets {its} service has is not known, since nothing was measured of them, and {its} "
    "{journal} no observation of the wire: run it again with this version, in environment local"
)
_UNKNOWN = {
    (Outcome.HELD, False, True, False): f"held, and {_NOT_SEEN}",
    (Outcome.HELD, False, True, True): (
        "held, and which limits {its} service has is not known: none of them showed on the wire"
    ),
    (Outcome.HELD, False, False, False): "held, and nothing was tried under a fault",
    (Outcome.VIOLATED, True, True, False): (
        "violated, and no budget, pool or connector that was measured explains it"
    ),
    (Outcome.VIOLATED, False, True, False): f"violated, and {_NOT_SEEN}",
    (Outcome.VIOLATED, False, True, True): (
        "violated, and nothing that was seen on the wire says what to change in {its} service"
    ),
    (Outcome.VIOLATED, False, False, False): "violated, and nothing was tried under a fault",
}
# Not said where something is recommended, which then explains it.
_EXPLAINED = {(Outcome.VIOLATED, True, True, False), (Outcome.VIOLATED, False, True, True)}


@dataclass
class Learned:
    """Runs that prove something, by what is known of them.

    Attributes:
        counts: runs by outcome, whether a budget, pool or connector was measured, whether
            anything was tried under a fault, and whether, where nothing was measured, its
            startups were seen on the wire.
    """

    counts: Counter[tuple[Outcome, bool, bool, bool]] = field(default_factory=Counter)

    def add(self, outcome: Outcome, *, measured: bool, tried: bool, seen: bool = False) -> None:
        """Take in one run."""
        tried = tried or measured
        self.counts[outcome, measured, tried, seen and tried and not measured] += 1

    def of(self, outcome: Outcome) -> int:
        """Runs with that outcome."""
        return sum(count for (found, *_), count in self.counts.items() if found is outcome)

    @property
    def kept(self) -> int:
        """Runs that held, and whose budgets, pool or connector were measured."""
        return self.counts[Outcome.HELD, True, True, False]

    def unknown(self, *, explained: bool) -> Iterator[str]:
        """What is not known of the other runs, a line for each kind.

        Args:
            explained: whether something measured is recommended to be changed.
        """
        for kind, text in _UNKNOWN.items():
            count = self.counts[kind]
            if count and not (explained and kind in _EXPLAINED):
                runs = f"{how_many(count, 'run')} {were(count)}"
                if kind[0] is Outcome.HELD:
                    runs = how_many(count, "run")
                its, journal = ("its", "journal has") if count == 1 else ("their", "journals have")
                yield f"{runs} {text.format(its=its, journal=journal)}"
