"""Strategies that leave a fault in place."""

from collections.abc import Iterator

from chaosnetra.documents.findings import Finding, Severity
from chaosnetra.documents.guess import instead
from chaosnetra.lint.outline import Outline, mapping, text

ROLLBACKS = ("always", "default", "never", "deviated")
HYPOTHESIS = (
    "default",
    "before-method-only",
    "after-method-only",
    "during-method-only",
    "continuously",
    "continously",  # the core's own misspelling, which it accepts with a warning
    "skip",
)
_ALWAYS = '"runtime": {"rollbacks": {"strategy": "always"}}'


def check(outline: Outline) -> Iterator[Finding]:
    """`rollbacks-not-always`, `unknown-strategy`.

    An experiment of other packages that says nothing of its strategy is warned: this is how they
    are written everywhere, and only its author knows whether something is left in place.
    """
    runtime = mapping(outline.data.get("runtime"))
    strategy = text(mapping(runtime.get("rollbacks")).get("strategy")) or "default"
    place = ("runtime", "rollbacks", "strategy")
    if strategy not in ROLLBACKS:
        yield outline.finding(
            place,
            "unknown-strategy",
            f"{strategy!r} is no strategy: no rollback is played, without a word",
            instead(strategy, ROLLBACKS, "write 'always'"),
        )
    elif strategy != "always" and outline.data.get("rollbacks"):
        happens = {
            "default": "not played when a probe raises or the run is interrupted",
            "never": "never played",
            "deviated": "played only when the steady state has deviated after the method",
        }[strategy]
        yield outline.finding(
            place if strategy != "default" else ("rollbacks",),
            "rollbacks-not-always",
            f"with the strategy {strategy!r} rollbacks are {happens}: the fault stays in place",
            f"write {_ALWAYS}",
            Severity.WARNING
            if strategy == "default" and not outline.uses_our_activities
            else Severity.ERROR,
        )
    strategy = text(mapping(runtime.get("hypothesis")).get("strategy")) or "default"
    if strategy not in HYPOTHESIS:
        yield outline.finding(
            ("runtime", "hypothesis", "strategy"),
            "unknown-strategy",
            f"{strategy!r} is no strategy, and the run ends with a traceback",
            instead(strategy, HYPOTHESIS, f"write one of {', '.join(HYPOTHESIS)}"),
        )
