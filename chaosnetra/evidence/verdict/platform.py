"""What Cloud Run said of itself during a run, held against the run's own probes; from the journal.

The evidence is what the control put under `chaosnetra.cloud_run`: `revisions`, `conditions`,
`executions`. A journal without them is judged as if Cloud Run had said nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.journal.shape import checked_probes
from chaosnetra.evidence.journal.values import count_or_none, object_or_empty
from chaosnetra.text import how_many


def deployments(facts: Mapping[str, Any]) -> Iterator[str]:
    """Services and jobs that somebody else deployed meanwhile: trials may be of two versions."""
    versions: dict[str, list[tuple[str, str]]] = {}
    for entry in facts["cloud_run"]["revisions"]:
        version, at = _version(entry), str(entry.get("at"))
        found = versions.setdefault(str(entry.get("resource")), [])
        if version and version not in [known for known, _ in found]:
            found.append((version, at))
    for resource, ((before, _), *later) in (
        (name, seen) for name, seen in versions.items() if seen
    ):
        if later:
            since = ", ".join(f"{version} (seen at {at})" for version, at in later)
            yield (
                f"{_shown(resource)} was deployed by somebody during the run: {before} before, "
                f"then {since}; trials before and after may be of two versions"
            )


def contradictions(journal: Mapping[str, Any]) -> Iterator[str]:
    """What Cloud Run said of its service or its tasks that the probes do not tell."""
    yield from _failed_parts(journal["chaosnetra"])
    yield from _miscounted(journal)


def _failed_parts(facts: Mapping[str, Any]) -> Iterator[str]:
    before: dict[str, str] = {}
    told: set[tuple[str, str]] = set()
    for entry in facts["cloud_run"]["conditions"]:
        resource, failing = str(entry.get("resource")), str(entry.get("failing") or "")
        if failing != before.setdefault(resource, failing) and failing:
            told.add((resource, failing))
    for resource, failing in sorted(told):
        yield (
            f"{_shown(resource)} said that parts of it failed, which they had not before: {failing}"
        )


def _miscounted(journal: Mapping[str, Any]) -> Iterator[str]:
    counts = object_or_empty(journal["chaosnetra"]["cloud_run"].get("executions"))
    for run in (*journal["run"], *(run for _, run in checked_probes(journal))):
        output = object_or_empty(run["output"])
        name = object_or_empty(output.get("launch")).get("execution")
        count = object_or_empty(counts.get(str(name)))
        failed, reported = count.get("failed"), _not_ready(output)
        if isinstance(failed, int) and reported is not None and failed > reported:
            yield (
                f"Cloud Run counts {how_many(failed, 'failed task')} of execution "
                f"{str(name).rpartition('/')[2]}, and its startups report "
                f"{how_many(reported, 'failure')}"
            )


def _not_ready(output: Mapping[str, Any]) -> int | None:
    """Startups that were not ready, or of which nothing is said; None: not known.

    What a probe counts as a failure may be something else: that one left its cause unsaid.
    """
    attempts, ready = (count_or_none(output.get(key)) for key in ("attempts", "ready"))
    if attempts is None or ready is None:
        return count_or_none(output.get("failures"))
    left = count_or_none(object_or_empty(output.get("uncounted")).get("startups"))
    return attempts - ready + (left or 0)


def _version(entry: Mapping[str, Any]) -> str:
    """What a trial was of, for people; empty where it is not known yet."""
    if "image" in entry:
        return f"generation {entry.get('job_generation')} with image {entry.get('image')}"
    created, serving = entry.get("created_revision"), entry.get("serving_revisions")
    if not created or not isinstance(serving, list) or not serving:
        return ""
    others = [str(one) for one in serving if one != created]
    if not others:
        return f"revision {created}"
    return f"revision {created} created, {' and '.join(others)} serving"


def _shown(resource: str) -> str:
    """A full name, such as `projects/p/locations/r/services/orchestrator`, for people."""
    place, _, name = resource.rpartition("/")
    kind = place.rpartition("/")[2].removesuffix("s")
    return f"{kind} {name}".strip()
