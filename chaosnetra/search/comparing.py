"""Two searches of the same key: did the margin grow, and is that more than noise?"""

from dataclasses import dataclass
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.search.conclusion import conclude, response_of
from chaosnetra.search.endings import End
from chaosnetra.search.record import Search
from chaosnetra.search.response import chance_bears_more
from chaosnetra.search.telling import answer

CERTAIN = 0.95
SAYS_NOTHING = (End.INCONCLUSIVE, End.NOT_MONOTONIC, End.INDEPENDENT)


@dataclass(frozen=True)
class SearchComparison:
    """What became of a breaking point.

    Attributes:
        before: the answer of the search before, as a sentence.
        after: likewise.
        chance_bears_more: how likely it is that the breaking point is harder after; None:
            one of the searches says nothing.
        differences: in how they were made, as sentences.
    """

    before: str
    after: str
    chance_bears_more: float | None
    differences: tuple[str, ...]

    @property
    def grew(self) -> bool:
        return self.chance_bears_more is not None and self.chance_bears_more >= CERTAIN

    @property
    def regressed(self) -> bool:
        return self.chance_bears_more is not None and self.chance_bears_more <= 1 - CERTAIN

    @property
    def text(self) -> str:
        """For people; Markdown too."""
        lines = [f"before: {self.before}", f"after: {self.after}", *self.differences]
        chance = self.chance_bears_more
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
            "chance_bears_more": self.chance_bears_more,
            "grew": self.grew,
            "regressed": self.regressed,
            "differences": list(self.differences),
        }


def compare_searches(before: Search, after: Search) -> SearchComparison:
    """Compare what two searches have found.

    Raises:
        InvalidInput: they varied two keys, or different ones, or in one it gets harder as the
            value grows, in the other as it falls.
    """
    if before.second is not None or after.second is not None:
        raise InvalidInput(
            "a search over two keys has no one breaking point to compare: look at both reports, or "
            "compare searches over one of the keys"
        )
    if (before.key, before.feeds) != (after.key, after.feeds):
        raise InvalidInput(
            f"the searches varied {before.key} ({before.feeds}) and {after.key} ({after.feeds}): "
            "give two of the same"
        )
    if before.oriented.falling != after.oriented.falling:
        raise InvalidInput(
            f"the searches cannot be compared: {before.key} makes it harder going "
            f"{before.oriented.grows} before, and {after.oriented.grows} after"
        )
    ends = [(one, conclude(one)) for one in (before, after)]
    says_nothing = any(found.end in SAYS_NOTHING or not search.counted for search, found in ends)
    chance = None if says_nothing else chance_bears_more(response_of(before), response_of(after))
    told = [
        ("experiment", before.title or before.experiment, after.title or after.experiment),
        ("profile", before.profile, after.profile),
        ("target", before.target, after.target),
        ("time scale", before.time_scale, after.time_scale),
        ("environment", before.environment, after.environment),
    ]
    differences = [f"another {name}: {then}, then {now}" for name, then, now in told if then != now]
    sentences = [answer(search, found) for search, found in ends]
    return SearchComparison(sentences[0], sentences[1], chance, tuple(differences))


def _percent(chance: float) -> str:
    return "over 99.9%" if chance > 0.999 else f"{100 * chance:.1f}%"
