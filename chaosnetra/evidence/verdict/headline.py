"""What a verdict says in one short sentence; its reason says all of it."""

from collections.abc import Sequence

from chaosnetra.evidence.verdict.verdict import Cause, Verdict
from chaosnetra.evidence.verdict.violations import Violation
from chaosnetra.text import one_line

MOST_WORDS = 30
# Causes of which the first violation is the finding, and what is said before it.
_BEFORE_THE_VIOLATION = {
    Cause.VIOLATED: "",
    Cause.NOT_RECOVERED: "no recovery after the rollback: ",
    Cause.BASELINE: "baseline not met: ",
}
# Where a sentence that is too long may end; the best place first.
_CLAUSES = ("; ", ": ", ", ")


def headline(verdict: Verdict, violations: Sequence[Violation]) -> str:
    """The sentence that opens what is told of a run: at most 30 words.

    Args:
        verdict: of the run.
        violations: that it rests on, in order.

    Returns:
        Of a violation when, what was observed, and the phase and the budget; else the first
        reason. It is the whole reason where that is as short.
    """
    reason = one_line(verdict.reason)
    if verdict.cause in _BEFORE_THE_VIOLATION and violations:
        if len(reason.split()) <= MOST_WORDS:
            return reason
        text = f"{_BEFORE_THE_VIOLATION[verdict.cause]}{one_line(violations[0].observation)}"
        return _shortened(text)
    return _shortened(reason.partition("; ")[0])


def in_one_sentence(verdict: Verdict, violations: Sequence[Violation]) -> str:
    """The verdict for people, of which the reason is one sentence; empty: its line is that.

    Of what proves nothing the whole reason counts: it ends with what to change.
    """
    if verdict.cause not in (Cause.VIOLATED, Cause.NOT_RECOVERED):
        return ""
    line = verdict._replace(reason=headline(verdict, violations)).line
    return "" if line == verdict.line else line


def _shortened(text: str) -> str:
    """The beginning of a text, up to the end of its last clause that fits."""
    words = text.split()
    if len(words) <= MOST_WORDS:
        return text
    beginning = " ".join(words[:MOST_WORDS])
    for end in _CLAUSES:
        place = beginning.rfind(end)
        # A clause that says next to nothing is worse than a sentence that breaks off.
        if place > 0 and len(beginning[:place].split()) >= MOST_WORDS // 3:
            return f"{beginning[:place]} …"
    return f"{beginning} …"
