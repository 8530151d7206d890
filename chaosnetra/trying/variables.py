"""Variables of an environment that carry a database's address: names, and forms. Pure.

A name is words: last the part of the address that it carries (`URL`, `HOST`, `PORT`, …), before
that what it is about (`DATABASE`, `PG`, `DATASOURCE`), and before that anything.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from chaosnetra.errors import InvalidInput

# libpq's own, which most drivers read; and the usual name of a URL.
USUAL = ("DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
_SCHEME = r"postgres(?:ql)?(?:\+[a-z0-9_]+)?"
_SCHEME_IN_TEXT = re.compile(rf"\b(jdbc:postgresql|{_SCHEME})://", re.IGNORECASE)
_PAIRS_IN_TEXT = re.compile(r"\b(?:host|dbname)=\S", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")

_SUBJECTS = {
    *("DATABASE", "DB", "POSTGRES", "POSTGRESQL", "PG", "PSQL", "PGSQL"),
    *("DATASOURCE", "SQLALCHEMY", "JDBC", "SQL"),
}
# Words after which it is about something else: another server, a test's, a replica's.
_OTHERS = {
    *("REDIS", "MYSQL", "MARIADB", "MONGO", "MONGODB", "SQLITE", "CLICKHOUSE", "CASSANDRA"),
    *("ELASTIC", "ELASTICSEARCH", "ORACLE", "MSSQL", "SQLSERVER", "DYNAMODB", "COUCHDB", "INFLUX"),
    *("TEST", "TESTS", "TESTING", "SHADOW"),
}
# Between the two it may say which of several, or of what kind.
_BETWEEN = {
    *("MAIN", "PRIMARY", "MASTER", "WRITE", "WRITER", "DEFAULT", "RW", "APP", "CONNECTION", "CONN"),
    *("SERVER", "ASYNC", "SYNC"),
}
_PARTS = {
    **dict.fromkeys(("URL", "URI", "DSN", "CONNINFO"), "url"),
    **dict.fromkeys(("HOST", "HOSTNAME", "SERVER", "ADDRESS", "ADDR"), "host"),
    "PORT": "database_port",
    **dict.fromkeys(("USER", "USERNAME", "LOGIN"), "user"),
    **dict.fromkeys(("PASSWORD", "PASS", "PASSWD", "PWD"), "password"),
    **dict.fromkeys(("NAME", "DBNAME", "DB", "DATABASE"), "database"),
}
_LIBPQ = {
    "PGHOST": "host",
    "PGPORT": "database_port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "database",
}
# Called otherwise than the rule has it.
_KNOWN = {**_LIBPQ, "MLFLOW_BACKEND_STORE_URI": "url"}
_JDBC_WORDS = {"JDBC", "DATASOURCE"}


class Form(StrEnum):
    """Forms of an address, by the name that an option has for each."""

    URL = "url"
    JDBC = "jdbc"
    DSN = "dsn"
    HOST = "host"
    PORT = "port"
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the name of a form
    DATABASE = "database"


TEMPLATES: Mapping[str, str] = {
    Form.URL: "{url}",
    Form.JDBC: "jdbc:postgresql://{host_quoted}:{database_port}/{database}"
    "?user={user_quoted}&password={password_quoted}",
    Form.DSN: "{dsn}",
    Form.HOST: "{host}",
    Form.PORT: "{database_port}",
    Form.USER: "{user}",
    Form.PASSWORD: "{password}",
    Form.DATABASE: "{database}",
}


def carries(name: str) -> str | None:
    """Which part of an address a variable carries, by its name: a placeholder; None: none.

    Args:
        name: in capitals.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    *words, last = [word for word in name.split("_") if word] or [""]
    if _OTHERS & {*words, last}:
        return None
    while words and words[-1] in _BETWEEN:
        words.pop()
    # `SHOP_DB_HOST` and `DATABASE_MAIN_URL`, but neither `DB_ARCHIVE_NAME` nor `BASE_URL`.
    return _PARTS.get(last) if words and words[-1] in _SUBJECTS else None


def template_of(name: str, evidence: str = "") -> str | None:
    """The template for a variable.

    Args:
        name: in capitals.
        evidence: text beside its name, such as a default in the code or its value in a `.env`.

    Returns:
        None where it carries no part of an address.
    """
    part = carries(name)
    if part is None:
        return None
    if part != "url":
        return f"{{{part}}}"
    return form_in(evidence) or (
        TEMPLATES[Form.JDBC] if _JDBC_WORDS & set(name.split("_")) else TEMPLATES[Form.URL]
    )


def form_in(text: str) -> str | None:
    """The template for the form of the first address in a text; None: there is none."""
    found = _SCHEME_IN_TEXT.search(text)
    if found is not None:
        return template_of_scheme(found[1].lower())
    return TEMPLATES[Form.DSN] if _PAIRS_IN_TEXT.search(text) else None


def template_of_scheme(scheme: str) -> str:
    """The template for a URL of a scheme, such as `postgresql+asyncpg` or `jdbc:postgresql`."""
    if scheme == "jdbc:postgresql":
        return TEMPLATES[Form.JDBC]
    if scheme == "postgresql":
        return TEMPLATES[Form.URL]
    return f"{scheme}://{{url_without_scheme}}"


def parse_option(option: str, text: str) -> tuple[str, str]:
    """Read `NAME` or `NAME=FORM`.

    Args:
        option: its name, for messages.
        text: FORM is one of `Form`, a scheme such as `postgresql+asyncpg`, or a template.

    Returns:
        The variable's name, and its template.

    Raises:
        InvalidInput: it is neither.
    """
    name, sign, form = text.partition("=")
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{option} {text!r:.100} does not begin with a variable's name")
    if not sign:
        return name, template_of(name.upper()) or TEMPLATES[Form.URL]
    if "{" in form:
        return name, form
    if form in TEMPLATES:
        return name, TEMPLATES[form]
    if re.fullmatch(_SCHEME, form) or form == "jdbc:postgresql":
        return name, template_of_scheme(form)
    raise InvalidInput(
        f"{option} {text!r:.100}: the form must be {', '.join(TEMPLATES)}, a scheme such as "
        "postgresql+asyncpg, or a template such as postgresql://{host}:{database_port}/{database}"
    )


def is_url(template: str) -> bool:
    """Whether a template is a whole address, whose form may have to be another one."""
    return "{url" in template or "{dsn}" in template or "://" in template
