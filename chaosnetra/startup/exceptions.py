"""Exceptions in what a program prints, with those that led to them: Python, Java, .NET, Node."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chaosnetra.startup.log_lines import LogLine

MOST_CONTINUED = 10
LONGEST_LOOKED_AT = 4000
_TRACEBACK = "Traceback (most recent call last)"
_LINKED = ("The above exception was the direct cause", "During handling of the above exception")
# How a traceback of an exception group indents what it holds.
_GROUP_INDENT = re.compile(r"^\s*(?:\| ?|\+ )")
_GROUP_FRAME = re.compile(r"^\s*(?:\| |\+[ -])")
_PYTHON = re.compile(r"^((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)(?:\s*[:(]\s*(.*))?$")
_ERROR_NAME = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Timeout|Expired|Exit|Interrupt|Group|Warning|Failure)"
)
# The start of an exception that a stack follows, and what led to it.
_STARTED = re.compile(
    r"^(?:Exception in thread \"[^\"]{0,200}\" |Unhandled [Ee]xception[.:] |Uncaught )?"
    r"(?:[A-Za-z_$][\w$]{0,80}(?:\.|::|/)){0,12}([A-Za-z_$][\w$]{0,80})"
    r"(?: \[\w{1,40}\]| \(\w{1,20}\))?(?::\s+(.*))?$"
)
_LED = re.compile(
    r"^\s*(?:Caused by: |Suppressed: |---> ?|\(Inner Exception #\d+\) |\[cause\]: )"
    r"(?:[A-Za-z_$][\w$]{0,80}(?:\.|::)){0,12}([A-Za-z_$][\w$]{0,80})"
    r"(?: \[\w{1,40}\]| \(\w{1,20}\))?(?::\s*(.*))?$"
)
_STACK = re.compile(r"^\s+(?:at |\.\.\. \d+ (?:more|common)|--- End of )")
# What Go prints below a panic: its goroutines, each with its frames.
_GO_PANIC = re.compile(r"^(?:panic: |fatal error: |runtime: )")
_GO_STACK = re.compile(
    r"^(?:$|\t|goroutine \d+ \[|\[signal |created by |exit status \d|\.\.\.|r\w{1,5} +0x"
    r"|panic: |fatal error: |runtime: |[\w./*()\[\]{}·-]{1,300}\(.{0,500}\)$)"
)
_LOG_LEVELS = {"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"}


@dataclass(frozen=True)
class Raised:
    """One exception: the name of its class, and what it says."""

    name: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.name}: {self.text}" if self.text else self.name


@dataclass
class Chain:
    """Exceptions that led to each other, as they were printed.

    Attributes:
        inner_first: the innermost first.
        lines: numbers of the lines that they stand on.
    """

    inner_first: list[Raised] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)

    @property
    def outer_first(self) -> list[Raised]:
        return self.inner_first[::-1]

    @property
    def last_line(self) -> int:
        return max(self.lines)

    @property
    def whole(self) -> Sequence[int]:
        """Their lines, with those between: what says how one led to the other stands there."""
        return range(min(self.lines), self.last_line + 1)


def chains_in(lines: Sequence[LogLine]) -> Iterator[Chain]:
    """All exceptions in lines, in the order that they end in."""
    found = [*_python_chains(lines)]
    taken = {number for chain in found for number in chain.lines}
    found += _other_chains(lines, taken)
    return iter(sorted(found, key=lambda chain: chain.last_line))


def _python_chains(lines: Sequence[LogLine]) -> Iterator[Chain]:
    """Tracebacks; Python prints what led to an exception before it."""
    chain, linked = Chain(), False
    inside: set[int] | None = None
    number = 0
    while number < len(lines):
        printed = lines[number].text[:LONGEST_LOOKED_AT]
        line = _GROUP_INDENT.sub("", printed)
        if _TRACEBACK in line:
            if chain.inner_first and not linked and line == printed:
                yield chain
                chain = Chain()
            inside, linked = {number}, False
        elif line.startswith(_LINKED):
            linked = True
        elif inside is not None:
            inside.add(number)
            raised = _python_exception(line)
            if raised is not None:
                more = list(_continued(lines, number + 1))
                text = " ".join([raised.text, *(lines[one].text.strip() for one in more)])
                chain.inner_first.append(Raised(raised.name, text.strip()))
                chain.lines |= inside | set(more)
                inside = None
        number += 1
    if chain.inner_first:
        yield chain


def _python_exception(line: str) -> Raised | None:
    match = _PYTHON.match(line) if line and not line[0].isspace() else None
    if match is None:
        return None
    within, name, text = match[1], match[2], (match[3] or "").strip()
    if within or _ERROR_NAME.fullmatch(name):
        return Raised(name, text)
    # Of the program's own classes, not a line of a log that came between.
    is_class = name[0].isupper() and not name.isupper() and line.startswith(f"{name}:")
    return Raised(name, text) if is_class and name.upper() not in _LOG_LEVELS else None


def _continued(lines: Sequence[LogLine], start: int) -> Iterator[int]:
    """Numbers of the lines that go on with what an exception says."""
    for number in range(start, min(len(lines), start + MOST_CONTINUED)):
        text = lines[number].text
        goes_on = text.startswith((" ", "\t", "- ", "(", "[SQL", "DETAIL:", "HINT:"))
        if not goes_on or _GROUP_FRAME.match(text) or _TRACEBACK in text:
            return
        yield number


def _other_chains(lines: Sequence[LogLine], taken: set[int]) -> Iterator[Chain]:
    """Exceptions with a stack below them, which print what led to them last."""
    chain = Chain()
    for number, logged in enumerate(lines):
        if number in taken:
            continue
        line = logged.text[:LONGEST_LOOKED_AT]
        led = _LED.match(line)
        if led is not None and chain.inner_first:
            chain.inner_first.insert(0, Raised(led[1], (led[2] or "").strip()))
            chain.lines.add(number)
        elif _STACK.match(line):
            if chain.inner_first:
                chain.lines.add(number)
        elif (raised := _with_stack(lines, number)) is not None:
            if chain.inner_first:
                yield chain
            chain = Chain([raised], {number})
    if chain.inner_first:
        yield chain


def _with_stack(lines: Sequence[LogLine], number: int) -> Raised | None:
    """The exception that a line begins, if a stack or what led to it follows."""
    line = lines[number].text[:LONGEST_LOOKED_AT]
    match = _STARTED.match(line)
    if match is None or not (match[2] or line.endswith(match[1])):
        return None
    below = lines[number + 1 : number + 3]
    if not any(_STACK.match(logged.text) or _LED.match(logged.text) for logged in below):
        return None
    if match[1].upper() in _LOG_LEVELS and match[1] not in ("Error", "error"):
        return None
    return Raised(match[1], (match[2] or "").strip())


def panic_at(lines: Sequence[LogLine], number: int) -> Sequence[int]:
    """Numbers of the lines of a panic of Go that begins on a line; of any other, that line's."""
    end = number + 1
    if _GO_PANIC.match(lines[number].text):
        while end < len(lines) and _GO_STACK.match(lines[end].text[:LONGEST_LOOKED_AT]):
            end += 1
    return range(number, end)
