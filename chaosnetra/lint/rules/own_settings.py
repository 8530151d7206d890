"""Settings of ours that can be judged without the machine that they are for."""

from collections.abc import Iterator

from chaosnetra.documents.findings import Finding
from chaosnetra.errors import InvalidInput
from chaosnetra.lint.outline import Outline, mapping
from chaosnetra.phase_patterns import parse

PATTERNS = "phase_patterns"


def check(outline: Outline) -> Iterator[Finding]:
    """`setting`: a run would refuse it before its first activity."""
    value = outline.configuration.get(PATTERNS)
    variable = mapping(value)
    if variable.get("type") in ("env", "probe"):
        value = variable.get("default")  # what else it may be is known where it is run
    try:
        parse(PATTERNS, value)
    except InvalidInput as error:
        yield outline.finding(
            ("configuration", PATTERNS),
            "setting",
            f"a run with this is refused before it begins: {error}",
            "see “Phases in its own words” in docs/own-service.md",
        )
