"""What runs say of the budgets, pools and connectors they ran with, and what they leave unknown."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chaosnetra.evidence.verdict.verdict import Outcome

KEPT = "kept within every budget, pool and connector measured"
_UNKNOWN = {
    (Outcome.HELD, False, True): (
        "held, and which budgets {its} service has is not known, since nothing was measured of them"
    ),
    (Outcome.HELD, False, False): "held, and nothing was tried under a fault",
    (Outcome.VIOLATED, True, True): (
        "violated, and no budget, pool or connector that was measured explains it"
    ),
    (Outcome.VIOLATED, False, True): (
        "violated, and which budgets {its} service has is not known, since nothing was measured of "
        "them"
    ),
    (Outcome.VIOLATED, False, False): "violated, and nothing was tried under a fault",
}


@dataclass
class Learned:
    """Runs that prove something, by what is known of them.

    Attributes:
        counts: runs by outcome, whether a budget, pool or connector was measured, and whether
            anything was tried under a fault.
    """

    counts: Counter[tuple[Outcome, bool, bool]] = field(default_factory=Counter)

    def add(self, outcome: Outcome, *, measured: bool, tried: bool) -> None:
        """Take in one run."""
        self.counts[outcome, measured, tried or measured] += 1

    def of(self, outcome: Outcome) -> int:
        """Runs with that outcome."""
        return sum(count for (found, *_), count in self.counts.items() if found is outcome)

    @property
    def kept(self) -> int:
        """Runs that held, and whose budgets, pool or connector were measured."""
        return self.counts[Outcome.HELD, True, True]

    def unknown(self, *, explained: bool) -> Iterator[str]:
        """What is not known of the other runs, a line for each kind.

        Args:
            explained: whether something measured is recommended to be changed.
        """
        for kind, text in _UNKNOWN.items():
            count = self.counts[kind]
            if count and not (explained and kind == (Outcome.VIOLATED, True, True)):
                runs = "1 run was" if count == 1 else f"{count} runs were"
                if kind[0] is Outcome.HELD:
                    runs = "1 run" if count == 1 else f"{count} runs"
                yield f"{runs} {text.format(its='its' if count == 1 else 'their')}"
