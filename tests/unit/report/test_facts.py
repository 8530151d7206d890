"""What a report says of a run, from its journal alone."""

from pathlib import Path

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.report.facts import describe
from chaosnetra.report.sections.happened import moments
from tests.support.journals import journal


def test_a_run_took_as_long_as_the_last_of_what_is_told_of_it() -> None:
    """Its session takes away the proxy after the core has ended and the recovery was checked."""
    effect = {"quantity": "q", "expected": 1, "observed": 1, "in_effect": True}
    fault = {"name": "toxic slow", "parameters": {"kind": "toxic"}, "effect": effect}
    times = {"undo": "done", "injected_seconds": 3.0, "undone_seconds": 34.01}
    data = journal(faults=[{**fault, **times}]) | {"duration": 27.6}
    facts = describe(Journal(Path("journal.json"), normalized(data), 1))
    assert facts.seconds == 34.01
    assert facts.seconds == max(moment.at for moment in moments(facts))
