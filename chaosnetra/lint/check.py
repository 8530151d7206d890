"""All rules on one experiment."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from chaosnetra.documents.document import Document, read_document
from chaosnetra.documents.findings import Finding
from chaosnetra.lint.modules import Modules
from chaosnetra.lint.outline import Outline
from chaosnetra.lint.rules import (
    activities,
    controls,
    keys,
    meaning,
    refused,
    short_form,
    tolerance,
    undo,
    variables,
)

MOST_FINDINGS = 1000

Rule = Callable[[Outline], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    keys.check,
    activities.check_references,
    undo.check_strategies,
    variables.check,
    activities.check,
    tolerance.check,
    meaning.check,
    controls.check,
    undo.check,
    refused.check_settings,
    refused.check,
    short_form.check,
)


def lint_file(path: Path, modules: Modules | None = None) -> list[Finding]:
    """Everything that an experiment's file hides, in the order of its lines.

    Args:
        path: the experiment, JSON or YAML.
        modules: imports what it names, in this process; give the same to several calls.

    Raises:
        Unreadable: the file is no JSON or YAML.
    """
    return lint_document(read_document(path), modules)


def lint_document(document: Document, modules: Modules | None = None) -> list[Finding]:
    """As `lint_file`, for what was read already."""
    outline = Outline(document, modules or Modules())
    found = list(islice(chain.from_iterable(rule(outline) for rule in RULES), MOST_FINDINGS + 1))
    found += refused.check_refusal(outline, found)
    if len(found) > MOST_FINDINGS:
        too_many = outline.finding(
            (),
            "too-many",
            f"there are more than {MOST_FINDINGS:,} findings, and the rest was not checked",
            "begin with these",
        )
        found[MOST_FINDINGS:] = [too_many]
    return sorted(found, key=lambda finding: (finding.line, finding.rule))
