"""Recommendations for people: plain text that is Markdown too."""

from collections.abc import Iterator, Sequence

from chaosnetra.evidence.advice.recommendation import Recommendation
from chaosnetra.text import cut, markdown, one_line

LONGEST_TEXT = 600


def recommendation_text(found: Sequence[Recommendation]) -> str:
    """The recommendations, in order, each with its figures and its check."""
    return "\n".join(_lines(found))


def _lines(found: Sequence[Recommendation]) -> Iterator[str]:
    plural = "recommendation" if len(found) == 1 else "recommendations"
    yield f"**{len(found)} {plural}**"
    for number, one in enumerate(found, start=1):
        what = f"{_shown(one.subject)} ({_shown(one.area)})"
        current = f"{_shown(one.current)} → " if one.current is not None else ""
        yield ""
        yield f"{number}. {what}: {current}{_shown(one.proposed)}"
        yield f"   - why: {_shown(one.reason)}"
        yield from (f"   - figure: {_shown(line)}" for line in one.evidence)
        yield f"   - check: `{one_line(one.check).replace('`', ' ')}`"


def _shown(text: str) -> str:
    return markdown(cut(text, LONGEST_TEXT))
