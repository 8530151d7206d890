"""Two searches of the same key: did the margin grow, and is that more than noise?"""

from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.search.conclusion import End, conclude, response_of
from chaosnetra.search.record import Search
from chaosnetra.search.response import chance_higher
from chaosnetra.search.telling import answer

CERTAIN = 0.95
SAYS_NOTHING = (End.INCONCLUSIVE, End.NOT_MONOTONIC)


@dataclass(frozen=True)
class SearchComparison:
    """What became of a breaking point.

    Attributes:
        before: the answer of the search before, as a sentence.
        after: likewise.
        chance_higher: how likely it is that the breaking point is higher after; None: one of the
            searches says nothing.
        differences: in how they were made, as sentences.
    """

    before: str
    after: str
    chance_higher: float | None
    differences: tuple[str, ...]

    @property
    def grew(self) -> bool:
        return self.chance_higher is not None and self.chance_higher >= CERTAIN

    @property
    def regressed(self) -> bool:
        return self.chance_higher is not None and self.chance_higher <= 1 - CERTAIN

    @property
    def text(self) -> str:
        """For people; Markdown too."""
        lines = [f"before: {self.before}", f"after: {self.after}", *self.differences]
        chance = self.chance_higher
        if chance is None:
            said = "nothing can be compared: a search proves nothing"
        elif self.grew:
            said = f"it bears more than before, with a probability of {_percent(chance)}"
        elif self.regressed:
            said = f"it bears less than before, with a probability of {_percent(1 - chance)}"
        else:
            said = (
                "no difference beyond noise: it bears more than before with a probability of "
                f"{_percent(chance)}"
            )
        return "\n".join([said, *(f"- {line}" for line in lines)])

    def to_json(self) -> dict[str, Any]:
        return {
            "before": self.before,
            "after": self.after,
            "chance_higher": self.chance_higher,
            "grew": self.grew,
            "regressed": self.regressed,
            "differences": list(self.differences),
        }


def compare_searches(before: Search, after: Search) -> SearchComparison:
    """Compare what two searches have found.

    Raises:
        InvalidInput: they varied different keys.
    """
    if (before.key, before.feeds) != (after.key, after.feeds):
        raise InvalidInput(
            f"the searches varied {before.key} ({before.feeds}) and {after.key} ({after.feeds}): "
            "give two of the same"
        )
    ends = [(one, conclude(one)) for one in (before, after)]
    says_nothing = any(found.end in SAYS_NOTHING or not search.counted for search, found in ends)
    chance = None if says_nothing else chance_higher(response_of(before), response_of(after))
    told = [
        ("experiment", before.title or before.experiment, after.title or after.experiment),
        ("profile", before.profile, after.profile),
        ("target", before.target, after.target),
        ("time scale", before.time_scale, after.time_scale),
    ]
    differences = [f"another {name}: {then}, then {now}" for name, then, now in told if then != now]
    sentences = [answer(search, found) for search, found in ends]
    return SearchComparison(sentences[0], sentences[1], chance, tuple(differences))


def _percent(chance: float) -> str:
    return "over 99.9%" if chance > 0.999 else f"{100 * chance:.1f}%"
