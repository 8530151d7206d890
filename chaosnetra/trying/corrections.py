"""What a start that failed says of a wrong guess, and the guess that it points to. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chaosnetra.text import cut, one_line
from chaosnetra.trying.variables import TEMPLATES, Form, is_url, template_of_scheme

LONGEST_SAID = 100
_Changed = Callable[[Mapping[str, str]], dict[str, str]]
MIGRATIONS = re.compile(
    r"relation \S+ does not exist|schema is not up to date|no such table|unapplied migration"
    r"|run (?:the )?(?:database )?migrations?|UndefinedTable",
    re.IGNORECASE,
)
NOT_ENCRYPTED = "sslmode=disable"


@dataclass(frozen=True)
class Correction:
    """Another environment.

    Attributes:
        said: the line that points to it.
        change: what is changed, for people.
        environment: templates by variable.
        given: those before it.
    """

    said: str
    change: str
    environment: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)

    def holds_in(self, environment: Mapping[str, str]) -> bool:
        """Whether a later environment still has what was changed, perhaps with more behind it."""
        return any(
            environment.get(name, "").startswith(text)
            for name, text in self.environment.items()
            if self.given.get(name) != text
        )


def correction(
    lines: Iterable[str],
    environment: Mapping[str, str],
    own: Iterable[str] = (),
    tried: Sequence[Mapping[str, str]] = (),
) -> Correction | None:
    """What the output of a start points to.

    Args:
        lines: that it printed.
        environment: templates that it was given.
        own: variables that are given, and stay as they are.
        tried: environments before this one.

    Returns:
        None where it points to nothing that was not tried.
    """
    kept = set(own)
    for line in lines:
        for pattern, change, changed in _SIGNS:
            if match := pattern.search(line):
                found = {
                    name: environment.get(name, text) if name in kept else text
                    for name, text in changed(environment).items()
                    if name not in kept or name in environment
                }
                if found not in (dict(environment), *map(dict, tried)):
                    return Correction(_quoted(line, match), change, found, environment)
    return None


def asks_for_migrations(lines: Iterable[str]) -> str | None:
    """The line that says that tables are missing; None: there is none."""
    found = ((line, MIGRATIONS.search(line)) for line in lines)
    return next((_quoted(line, match) for line, match in found if match), None)


def _quoted(line: str, match: re.Match[str]) -> str:
    """A line, cut to what matched and what follows where it is long."""
    end = len(line.rstrip())
    start = 0 if end <= LONGEST_SAID else max(0, min(match.start(), end - LONGEST_SAID))
    before = "…" if start else ""
    return cut(one_line(f"{before}{line[start:].strip()}"), LONGEST_SAID)


def _all_as(template: str) -> _Changed:
    def changed(environment: Mapping[str, str]) -> dict[str, str]:
        return {name: template if is_url(text) else text for name, text in environment.items()}

    return changed


def _without_encryption(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "PGSSLMODE": "disable",
        **{name: _not_encrypted(text) for name, text in environment.items()},
    }


def _not_encrypted(template: str) -> str:
    if not is_url(template) or NOT_ENCRYPTED in template:
        return template
    if template == TEMPLATES[Form.DSN]:
        return f"{template} {NOT_ENCRYPTED}"
    return f"{template}{'&' if '?' in template else '?'}{NOT_ENCRYPTED}"


_SIGNS: tuple[tuple[re.Pattern[str], str, _Changed], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), change, changed)
    for pattern, change, changed in (
        (
            r"no suitable driver|claims to not accept jdbcUrl|url must start with .jdbc",
            "a JDBC URL",
            _all_as(TEMPLATES[Form.JDBC]),
        ),
        (
            r"requires an async driver|loaded '\w+' is not async",
            "postgresql+asyncpg://",
            _all_as(template_of_scheme("postgresql+asyncpg")),
        ),
        (
            r"No module named '?psycopg2",
            "postgresql+psycopg://",
            _all_as(template_of_scheme("postgresql+psycopg")),
        ),
        (  # SQLAlchemy's own choice from 2.1 on
            r"No module named '?psycopg\b",
            "postgresql+psycopg2://",
            _all_as(template_of_scheme("postgresql+psycopg2")),
        ),
        (  # neither of them
            r"No module named '?psycopg",
            "postgresql+asyncpg://",
            _all_as(template_of_scheme("postgresql+asyncpg")),
        ),
        (
            (
                r"invalid DSN: scheme is expected|sqlalchemy\.dialects:postgres\b"
                r"|unsupported scheme|missing \"=\" after \"postgres|invalid connection option"
                r"|No module named '?(?:asyncpg|pg8000)\b"
            ),
            "a postgresql:// URL",
            _all_as(TEMPLATES[Form.URL]),
        ),
        (
            r"SSL is not enabled on the server|server does not support SSL|SSL off",
            f"{NOT_ENCRYPTED} (the stand's PostgreSQL has no TLS)",
            _without_encryption,
        ),
    )
)
