"""Why a startup failed, by the lines that it printed: as a person would search them.

A cause is what a line names when it says what was not to be had: a refused connection, a server
that is full, a lock that never came. The last one named counts, since a service that tries again
meets others before; of exceptions that led to each other it is the innermost that names one. Where
none is named, the first exception has to do, because the last one is often only the framework
giving up; else the last line that looks like an error; else the last line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chaosnetra.startup.exceptions import Chain, Raised, chains_in, panic_at
from chaosnetra.startup.log_lines import Level, LogLine, words
from chaosnetra.startup.outcome import StartupFailure
from chaosnetra.startup.sqlstates import sqlstate_in, sqlstate_of_class

LONGEST_TEXT = 500
LONGEST_START = 120
MOST_CAUSES = 10
MOST_THAT_MATTER = 5
# How far below its first line an error's code may stand, where its fields are printed one by one.
FIELDS_BELOW = 30
LONGEST_LOOKED_AT = 4000

# What was not to be had, in lower case; between bars.
_NAMED = words(
    """
    connection refused | econnrefused | connectionrefused | [errno | (os error
    connection reset | econnreset | connectionreset | broken pipe
    no route to host | ehostunreach | network is unreachable | enetunreach
    no such host | enotfound | eai_again | getaddrinfo | name or service not known
    name resolution | could not translate host name | unknownhostexception
    too many clients | too many connections | toomanyconnections | remaining connection slots
    authentication failed | no pg_hba.conf entry | not permitted to log in | permission denied
    certificate verify failed | certificate has expired | x509: | ssl error | ssl syscall error
    server closed the connection | connection closed | connection was closed
    connection has been closed | connection is closed | connection terminated | connection lost
    connectiondoesnotexist | unexpected eof | the database system is
    canceling statement | terminating connection | deadlock detected
    queuepool limit | connection pool exhausted | connection is not available
    address already in use | eaddrinuse | no space left | enospc
    outofmemory | out of memory | too many open files | emfile
    """
)
# Words that a harmless line about settings may have too, so that its level counts.
_LATE = words(
    """
    timed out | timeout expired | timeout exceeded | timeouterror | timeoutexception
    connecttimeout | connectiontimeout | pooltimeout | deadline exceeded | i/o timeout
    etimedout | connect timeout | connection timeout | ran out
    """
)
_SAYS_LENGTH = re.compile(r"timeout\W{0,3}(?:is |of |to )?\d", re.IGNORECASE)
_NOT_THERE = re.compile(r'\b(?:database|role|relation|schema) "[^"]{1,200}" does not exist')
# Mistakes of a program: whoever ends with one ended because of it.
_MISTAKES = words(
    """
    AssertionError | AttributeError | FileNotFoundError | ImportError | IndexError | KeyError
    ModuleNotFoundError | NameError | NotImplementedError | SyntaxError | TypeError
    UnicodeDecodeError | ValidationError | ValueError
    """
)
# Says that something else went wrong.
_NO_CAUSE = {"CancelledError", "ExceptionGroup", "BaseExceptionGroup", "SystemExit"}
_ERROR_LINE = re.compile(
    r"\b(?:FATAL|CRITICAL|ERROR|[Ee]rror|[Ff]ailed|[Tt]imed? ?out|panic|Unhandled exception)\b"
)
# uvicorn's and gunicorn's words for "your startup failed", and where others send who wants to know
# more: true of every failure, cause of none.
_GIVING_UP = re.compile(
    r"Application startup failed|Worker failed to boot|^\S*\s*Exiting\b"
    r"|(?:^|[\]):] )(?:For more (?:details|information)\b|(?:Run|Try|Use|See) \S.{0,60}--help\b)"
)
_LOG_PREFIX = re.compile(r"^(?:ERROR|CRITICAL|FATAL):\s+")
_CLASS = re.compile(
    r"(?<![\w.$:])(?:[A-Za-z_$][\w$]{0,80}(?:\.|::)){0,12}"
    r"([A-Z][\w$]{0,80}(?:Error|Exception|Timeout|Expired|Refused|Failure))(?=[\s:(\[\])},;]|$)"
)
_COUNTED = re.compile(r"\d+|0x[0-9a-f]+")


@dataclass(frozen=True)
class Found:
    """An error that was found in what a startup printed.

    Attributes:
        error: what is known of it.
        is_named: whether it names a cause.
        is_error: whether it looks like an error at all.
        times: how often the lines repeat it.
        numbers: of the lines that it stands on, in order.
    """

    error: StartupFailure
    is_named: bool
    is_error: bool
    times: int = 1
    numbers: Sequence[int] = ()


def find(lines: Sequence[LogLine]) -> Found | None:
    """The error that lines tell; None when they tell nothing."""
    chains = list(chains_in(lines))
    named = _last_named(lines, chains)
    if named is not None:
        return named
    for chain in chains:
        raised = next((one for one in chain.inner_first if one.name not in _NO_CAUSE), None)
        if raised is not None:
            return _of_chain(lines, chain, raised, is_named=False)
    if chains:
        return _of_chain(lines, chains[0], chains[0].inner_first[0], is_named=False)
    return _last_line(lines)


def that_matter(lines: Sequence[LogLine], until: int | None = None) -> tuple[str, ...]:
    """The lines that tell most of a startup that did not end: different causes, last ones last.

    Where it names none, the last three lines.

    Args:
        lines: that it printed.
        until: how many it had printed when it was told to end; None: it was not. What it says
            then is of that, and counts only where it names a cause and nothing before does.
    """
    before = [one for one in lines if until is None or one.number < until]
    named = _causes_in(before) or _causes_in(lines)
    return named or tuple(short(logged.text) for logged in before[-3:])


def _causes_in(lines: Sequence[LogLine]) -> tuple[str, ...]:
    """Different lines that name a cause, last ones last."""
    found: dict[str, str] = {}
    for logged in reversed(lines):
        if len(found) < MOST_THAT_MATTER and _names_cause(logged):
            found.setdefault(_uncounted(logged.text), short(logged.text))
    return tuple(reversed(found.values()))


def short(text: str) -> str:
    """A text as one line that is not too long; one that is keeps its start and its cause.

    It is cut between words: half a password is not masked any more.
    """
    joined = " ".join(text.split())
    if len(joined) <= LONGEST_TEXT:
        return joined
    at = _cause_at(joined[:LONGEST_LOOKED_AT])
    if at is None or at < LONGEST_TEXT - LONGEST_START:
        return f"{_cut(joined, LONGEST_TEXT - 1)}…"
    start = _cut(joined, LONGEST_START)
    left = LONGEST_TEXT - len(start) - 4
    # From the beginning of a word.
    begin = joined.rfind(" ", 0, max(len(start), at - left // 3)) + 1
    rest = joined[begin:]
    cut = f"{_cut(rest, left - 1)}…" if len(rest) > left else rest
    return f"{start} … {cut}"


def _cut(text: str, length: int) -> str:
    """At most so many characters, up to the end of a word where one ends in the second half."""
    space = text.rfind(" ", length // 2, length + 1)
    return text[:length] if space < 0 or len(text) <= length else text[:space]


def _last_named(lines: Sequence[LogLine], chains: Sequence[Chain]) -> Found | None:
    """The last cause that is named, by an exception or by a line of its own."""
    by_last = max(
        ((chain, raised) for chain in chains if (raised := _cause_of(chain)) is not None),
        key=lambda one: one[0].last_line,
        default=None,
    )
    within = {number for chain in chains for number in chain.lines}
    alone = (number for number in reversed(range(len(lines))) if number not in within)
    number = next((number for number in alone if _names_cause(lines[number])), None)
    if by_last is not None and (number is None or number <= by_last[0].last_line):
        return _of_chain(lines, *by_last, is_named=True)
    if number is None:
        return None
    return _of_line(lines, number, by_last[0] if by_last else chains[-1] if chains else None)


def _cause_of(chain: Chain) -> Raised | None:
    """Of a chain, what names its cause; a program's mistake only where nothing else does."""
    first = next((one for one in chain.inner_first if _is_named(one.line, Level.ERROR)), None)
    return first or next((one for one in chain.inner_first if one.name in _MISTAKES), None)


def _of_chain(lines: Sequence[LogLine], chain: Chain, raised: Raised, *, is_named: bool) -> Found:
    below = range(chain.last_line + 1, min(len(lines), chain.last_line + FIELDS_BELOW))
    return Found(
        StartupFailure(
            text=short(raised.line),
            error_class=raised.name,
            sqlstate=sqlstate_in(raised.line)
            or sqlstate_of_class(raised.name)
            or _sqlstate_of(chain)
            or _sqlstate_on(lines, below if is_named else range(len(lines))),
            causes=tuple(short(one.line) for one in chain.outer_first[-MOST_CAUSES:]),
        ),
        is_named,
        is_error=True,
        times=_times(lines, raised.line),
        numbers=chain.whole,
    )


def _of_line(lines: Sequence[LogLine], number: int, chain: Chain | None) -> Found:
    """A cause that a line of the log names; `chain` are exceptions that stand beside it."""
    line = lines[number].text
    text = short(_LOG_PREFIX.sub("", line))
    match = _CLASS.search(line[:LONGEST_LOOKED_AT])
    raised = _cause_of(chain) if chain else None
    outer = tuple(short(one.line) for one in chain.outer_first[1 - MOST_CAUSES :]) if chain else ()
    return Found(
        StartupFailure(
            text=text,
            error_class=match[1] if match else raised.name if raised else None,
            sqlstate=sqlstate_in(line)
            or (sqlstate_of_class(match[1]) if match else None)
            or (_sqlstate_of(chain) if chain else None)
            or _sqlstate_on(lines, range(number + 1, min(len(lines), number + FIELDS_BELOW))),
            causes=(*outer, text),
        ),
        is_named=True,
        is_error=True,
        times=_times(lines, line),
        numbers=sorted({*(chain.whole if chain else ()), *panic_at(lines, number)}),
    )


def _last_line(lines: Sequence[LogLine]) -> Found | None:
    spoken = [
        (number, logged)
        for number, logged in reversed(list(enumerate(lines)))
        if any(map(str.isalnum, logged.text)) and not _GIVING_UP.search(logged.text)
    ]
    for number, logged in spoken:
        if logged.entry_level is Level.ERROR or _ERROR_LINE.search(logged.text):
            text = short(_LOG_PREFIX.sub("", logged.text))
            error = StartupFailure(text=text, sqlstate=sqlstate_in(logged.text))
            return Found(
                error,
                is_named=False,
                is_error=True,
                times=_times(lines, logged.text),
                numbers=panic_at(lines, number),
            )
    if not spoken:
        return None
    number, last = next((one for one in spoken if one[1].level is not Level.LOW), spoken[0])
    error = StartupFailure(text=short(last.text))
    return Found(error, is_named=False, is_error=False, numbers=[number])


def _names_cause(logged: LogLine) -> bool:
    return not logged.text.startswith((" ", "\t")) and _is_named(logged.text, logged.level)


def _is_named(text: str, level: Level) -> bool:
    return not _GIVING_UP.search(text) and _cause_at(text[:LONGEST_LOOKED_AT], level) is not None


def _cause_at(text: str, level: Level = Level.ERROR) -> int | None:
    """Where a text names a cause."""
    low = text.lower()
    words = _NAMED if level is Level.LOW else (*_NAMED, *_LATE)
    found = next((at for one in words if (at := low.find(one)) >= 0), None)
    if found is not None and not (low.startswith("timeout", found) and _SAYS_LENGTH.search(text)):
        return found
    match = _NOT_THERE.search(text)
    if match:
        return match.start()
    return 0 if sqlstate_in(text) else None


def _sqlstate_of(chain: Chain) -> str | None:
    states = (sqlstate_in(one.line) or sqlstate_of_class(one.name) for one in chain.inner_first)
    return next(filter(None, states), None)


def _sqlstate_on(lines: Sequence[LogLine], numbers: range) -> str | None:
    return next(filter(None, (sqlstate_in(lines[number].text) for number in numbers)), None)


def _times(lines: Sequence[LogLine], text: str) -> int:
    """How often lines say the same, but for its numbers: times of day, ports, tries."""
    same = _uncounted(text)
    return max(1, sum(_uncounted(logged.text).endswith(same) for logged in lines))


def _uncounted(text: str) -> str:
    return _COUNTED.sub("#", text[:LONGEST_LOOKED_AT])
