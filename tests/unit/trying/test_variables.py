"""Variables that carry an address, by their names; and the forms of an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.settings import Settings
from chaosnetra.templates import fill_template
from chaosnetra.trying.variables import (
    TEMPLATES,
    USUAL,
    Form,
    carries,
    form_in,
    parse_option,
    template_of,
)

WORDS = st.from_regex(r"[A-Z][A-Z0-9]{0,8}", fullmatch=True)
NAMES = st.lists(WORDS, min_size=1, max_size=5).map("_".join)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FULL = TEXT.filter(bool)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "url") for name in ("DATABASE_URL", "POSTGRES_DSN", "SQLALCHEMY_DATABASE_URI")),
        *((name, "url") for name in ("QUARKUS_DATASOURCE_JDBC_URL", "DATABASE_PRIMARY_URL")),
        *((name, "url") for name in ("SPRING_DATASOURCE_URL", "MLFLOW_BACKEND_STORE_URI")),
        *((name, "host") for name in ("PGHOST", "POSTGRES_HOST", "DB_HOST", "SHOP_DB_SERVER")),
        *((name, "database_port") for name in ("PGPORT", "DATABASE_PORT", "POSTGRES_PORT")),
        *((name, "user") for name in ("PGUSER", "POSTGRES_USER", "SPRING_DATASOURCE_USERNAME")),
        *((name, "password") for name in ("PGPASSWORD", "DB_PASS", "POSTGRES_PASSWORD")),
        *((name, "database") for name in ("PGDATABASE", "POSTGRES_DB", "DB_NAME", "DB_DATABASE")),
    ],
)
def test_names_in_use_are_known(name: str, part: str) -> None:
    assert carries(name) == part


@pytest.mark.parametrize(
    "name",
    [
        *("URL", "HOST", "PORT", "USER", "DATABASE", "DB", "PG", "BASE_URL", "REDIS_URL"),
        *("DB_TARFILE_ARCHIVE_NAME", "DB_MODEL_SERVING_HOST_URL", "DATABASE_MIGRATION_USER"),
        *("MYSQL_DB_HOST", "TEST_DATABASE_URL", "DB_POOL_SIZE", "POSTGRES_HOST_AUTH_METHOD"),
        *("DATABASE_PASSWORD_FILE", "PGSSLMODE", "MONGO_DB_NAME", ""),
    ],
)
def test_other_names_carry_no_address(name: str) -> None:
    assert carries(name) is None
    assert template_of(name, "postgresql://h/d") is None


@given(name=NAMES, evidence=TEXT)
def test_whatever_a_name_is_its_template_is_a_setting(name: str, evidence: str) -> None:
    template = template_of(name, evidence)
    assert (template is None) == (carries(name) is None)
    if template is not None:
        Settings.from_configuration({"target_environment": {name: template}}, {})


@pytest.mark.parametrize(
    ("evidence", "template"),
    [
        ("=postgresql://shop:x@db:5432/shop", "{url}"),
        (", 'postgresql+asyncpg://localhost/shop')", "postgresql+asyncpg://{url_without_scheme}"),
        ("=postgres://localhost/shop", "postgres://{url_without_scheme}"),
        ('"jdbc:postgresql://localhost/shop"', TEMPLATES[Form.JDBC]),
        ("=host=localhost dbname=shop", "{dsn}"),
        (".replace('postgres://', 'postgresql+asyncpg://')", "postgres://{url_without_scheme}"),
        ("", "{url}"),
    ],
)
def test_the_form_is_that_of_the_first_address_beside_the_name(
    evidence: str, template: str
) -> None:
    assert template_of("DATABASE_URL", evidence) == template


def test_a_datasource_is_javas() -> None:
    assert template_of("SPRING_DATASOURCE_URL") == TEMPLATES[Form.JDBC]
    assert template_of("DB_URL") == TEMPLATES[Form.URL]


def test_the_usual_variables_carry_an_address() -> None:
    assert [name for name in USUAL if template_of(name) is None] == []


@given(user=FULL, password=FULL, database=FULL)
def test_a_form_brings_any_password_to_its_reader(user: str, password: str, database: str) -> None:
    address = DatabaseAddress("127.0.0.1", 7000, user, password, database)
    values = address.placeholders
    read = make_url(
        fill_template("x", template_of("DB_URL", "postgresql+asyncpg://") or "", values)
    )
    assert (read.drivername, read.username, read.password) == ("postgresql+asyncpg", user, password)
    assert (read.host, read.port) == ("127.0.0.1", 7000)
    assert conninfo_to_dict(fill_template("x", "{dsn}", values))["password"] == password
    assert conninfo_to_dict(fill_template("x", "{url}", values))["password"] == password


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DB_HOST", ("DB_HOST", "{host}")),
        ("STORE", ("STORE", "{url}")),
        ("store", ("store", "{url}")),
        ("STORE=dsn", ("STORE", "{dsn}")),
        ("AT=host", ("AT", "{host}")),
        ("STORE=postgresql+psycopg", ("STORE", "postgresql+psycopg://{url_without_scheme}")),
        ("STORE=pg://{host}/{database}", ("STORE", "pg://{host}/{database}")),
    ],
)
def test_an_option_names_a_variable_and_a_form(text: str, expected: tuple[str, str]) -> None:
    assert parse_option("--x", text) == expected


@pytest.mark.parametrize("text", ["", "=url", "A B=url", "STORE=mysql", "STORE=", "1A"])
def test_an_option_that_says_neither_names_itself(text: str) -> None:
    with pytest.raises(InvalidInput, match="--x ") as caught:
        parse_option("--x", text)
    assert "\n" not in str(caught.value)


@given(TEXT)
def test_any_text_has_a_form_or_none(text: str) -> None:
    template = form_in(text)
    if template is not None:
        fill_template("x", template, DatabaseAddress("h", 1, "u", "p", "d").placeholders)
