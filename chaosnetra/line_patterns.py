"""Regular expressions for what a service prints, which are searched in every line of it.

They are RE2's, whose time grows with the length of a line and not with what the line looks like:
Python's own engine can be kept busy for ever by one line.
"""

from typing import Any

from chaosnetra.text import one_line

# Of the RE2 program and its cache, for each pattern.
PATTERN_MEMORY_BYTES = 4 << 20
NO_RE2 = "patterns need the package google-re2, which is not installed"
WHAT_RE2_LACKS = "which has no look-around and no back-references"


class LinePattern:
    """A pattern whose groups nobody asks for.

    Args:
        text: the regular expression.

    Raises:
        ValueError: it is none; says why.
        ImportError: there is no google-re2.
    """

    def __init__(self, text: str) -> None:
        self._pattern = compiled(text, captures=False)

    def is_in(self, line: str) -> bool:
        return self._pattern.search(line.encode(errors="replace")) is not None


def compiled(text: str, *, captures: bool = True) -> Any:
    """A pattern of RE2.

    Args:
        text: the regular expression.
        captures: whether its groups are wanted; without them it is faster.

    Raises:
        ValueError: it is none; says why.
        ImportError: there is no google-re2.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    options.never_capture = not captures
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        if isinstance(reason, bytes):
            reason = reason.decode(errors="replace")
        raise ValueError(one_line(str(reason))) from None
