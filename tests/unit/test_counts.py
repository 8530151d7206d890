"""Numbers and what they count: no text of ours says "1 runs"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import chaosnetra

PACKAGE = Path(chaosnetra.__file__).parent
# What follows a number where it must be more than one: a plural, or a verb of several.
SEVERAL = re.compile(
    r" (?:(?:more|other|earlier|rarer) )?(?!(?:is|was|has|its|does|begins)\b)[a-z]+s\b(?<!ss)"
    r"| (?:[a-z]+ ){0,3}(?:are|were)\b"
)
# Names of what is counted one by one.
COUNTS = re.compile(r"(?:^|_)(?:counted|left_out|times|more|left|total|others)$")
# Sizes, which are told only where they are too large.
SIZES = re.compile(r" (?:bytes|characters|elements)\b")


def said(path: Path) -> Iterator[tuple[ast.FormattedValue, str]]:
    """Each value that a text of a module has, with the words after it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            for value, after in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant):
                    yield value, str(after.value)


def is_count(value: ast.FormattedValue) -> bool:
    """Whether it is a number of things that may be one: a constant of ours is more."""
    one = value.value
    form = ast.unparse(value.format_spec) if value.format_spec is not None else ""
    name = (
        one.id if isinstance(one, ast.Name) else one.attr if isinstance(one, ast.Attribute) else ""
    )
    if name.isupper() or "." in form:
        return False
    is_length = isinstance(one, ast.Call) and ast.unparse(one.func) == "len"
    return is_length or "," in form or bool(COUNTS.search(name))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_counted_is_told_by_how_many(path: Path) -> None:
    wrong = [
        f"{path.name}:{value.lineno}: {ast.unparse(value.value)}{after[:40]}"
        for value, after in said(path)
        if is_count(value) and SEVERAL.match(after) and not SIZES.match(after)
    ]
    assert not wrong, "use chaosnetra.text.how_many, are and were"
