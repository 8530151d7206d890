"""References to activities that are not there."""

from collections.abc import Iterator

from chaosnetra.documents.findings import Finding
from chaosnetra.documents.guess import instead
from chaosnetra.lint.outline import Outline, Role

_HAPPENS = {
    Role.METHOD: "`chaos validate` refuses the experiment",
    Role.HYPOTHESIS: "validation passes, and the run ends with a traceback and without a journal",
    Role.ROLLBACK: (
        "validation passes, and the run ends with a traceback in the rollbacks: those after it "
        "are not played, and there is no journal"
    ),
}


def check(outline: Outline) -> Iterator[Finding]:
    """`unknown-ref`: a reference finds activities of the hypothesis and the method only."""
    for activity in outline.activities:
        if activity.ref is None or outline.resolved(activity) is not None:
            continue
        known = ", ".join(outline.names) or "none has a name"
        yield outline.finding(
            (*activity.place, "ref"),
            "unknown-ref",
            f"no activity of the hypothesis or the method is called {activity.ref!r}: "
            f"{_HAPPENS.get(activity.role, 'the activity fails')}",
            instead(activity.ref, outline.names, f"name one of these ({known}), or write it out"),
        )
