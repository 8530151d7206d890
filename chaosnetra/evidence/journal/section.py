"""The `chaosnetra` section of a journal."""

from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.journal.shape import Stage, checked_probes, normalized
from chaosnetra.evidence.verdict.verdict import Cause, Outcome, Verdict, judge
from chaosnetra.evidence.verdict.violations import Violation, is_probe

VERSION = 1
# Lists of single trials and samples: they stay in the output of their probe.
SINGLES = frozenset({"startups", "connections", "checkouts", "samples"})


def complete(journal: dict[str, Any], facts: Mapping[str, Any]) -> tuple[Verdict, list[Violation]]:
    """Put the section into a journal, and correct the status where the core reports success.

    Args:
        journal: Chaos Toolkit's journal; changed in place.
        facts: what only the run knew; see `chaosnetra.evidence.verdict.verdict.judge`.

    Returns:
        The verdict, and the violations. What was corrected stands in the section.
    """
    found = normalized({**journal, "chaosnetra": facts})
    verdict, violations = judge(found)
    said = verdict.to_json()
    section = {
        "version": VERSION,
        "verdict": said.pop("outcome"),
        **said,
        "violations": [violation.to_json() for violation in violations],
        "measurements": list(_measurements(found)),
        **facts,
    }
    journal["chaosnetra"] = section
    corrections = [] if verdict.cause is Cause.DRY else _correct(journal, verdict)
    section["corrections"] = corrections
    return verdict, violations


def _correct(journal: dict[str, Any], verdict: Verdict) -> list[str]:
    """Make status and deviation say what the verdict says; the exit code follows from them."""
    corrections = []
    if verdict.outcome is Outcome.VIOLATED and not journal.get("deviated"):
        journal["deviated"] = True
        corrections.append("deviated: false to true")
    if verdict.outcome is Outcome.INCONCLUSIVE and journal.get("status") == "completed":
        journal["status"] = "interrupted" if verdict.cause is Cause.INTERRUPTED else "failed"
        corrections.append(f"status: completed to {journal['status']}")
    return corrections


def _measurements(journal: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures of each probe and stage, without its single trials or samples."""
    method = ((Stage.METHOD, run) for run in journal["run"] if is_probe(run))
    for stage, run in (*checked_probes(journal), *method):
        output = run["output"]
        if isinstance(output, dict) and "held" in output:
            figures = {key: value for key, value in output.items() if key not in SINGLES}
            yield {"stage": stage.value, "probe": run["activity"].get("name"), **figures}
