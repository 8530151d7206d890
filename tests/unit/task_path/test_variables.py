"""The database that a job's variables name, and the same variables with another address."""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.task_path.variables import (
    NamedDatabase,
    database_templates,
    named_database,
    unnamed_variables,
)
from chaosnetra.task_path.wording import Place
from chaosnetra.templates import fill_template

HERE = Place("127.0.0.1", 20001)
FOLDER = Place("/tmp/path-x", 5432)
URL = {"DATABASE_URL": "{url}"}
PARTS = {"PGHOST": "{host}", "PGPORT": "{port}"}


def variables_at(
    templates: Mapping[str, str], environ: Mapping[str, str], place: Place = HERE
) -> dict[str, str]:
    return named_database(templates, environ).variables_at(place)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("postgresql://u:p@10.0.0.3:5432/d", "postgresql://u:p@127.0.0.1:20001/d"),
        ("postgres://u:p@db.internal/d", "postgres://u:p@127.0.0.1:20001/d"),
        (
            "postgresql+asyncpg://u:p%40@[::1]:6000/d?ssl=require&connection_limit=5",
            "postgresql+asyncpg://u:p%40@127.0.0.1:20001/d?ssl=require&connection_limit=5",
        ),
        (
            "jdbc:postgresql://10.0.0.3:5432/d?user=u&password=p&sslmode=require&loggerLevel=OFF",
            "jdbc:postgresql://127.0.0.1:20001/d?user=u&password=p&sslmode=require&loggerLevel=OFF",
        ),
        (
            "postgresql://u:p@10.0.0.3/d?sslmode=verify-ca&sslrootcert=/ca.pem&schema=public",
            "postgresql://u:p@127.0.0.1:20001/d?sslmode=verify-ca&sslrootcert=/ca.pem&schema=public",
        ),
        ("postgresql:///d?host=10.0.0.3", "postgresql:///d?host=127.0.0.1&port=20001"),
        (
            "postgresql:///d?host=10.0.0.3&port=6000&user=u",
            "postgresql:///d?host=127.0.0.1&port=20001&user=u",
        ),
        (
            "postgresql://u@10.0.0.3/d?connect_timeout=5&channel_binding=require",
            "postgresql://u@127.0.0.1:20001/d?connect_timeout=5&channel_binding=require",
        ),
        (
            "postgresql://u@db.internal/d?hostaddr=10.0.0.3&sslmode=verify-full",
            "postgresql://u@db.internal:20001/d?hostaddr=127.0.0.1&sslmode=verify-full",
        ),
    ],
)  # fmt: skip
def test_a_url_keeps_all_but_its_address(text: str, wanted: str) -> None:
    assert variables_at(URL, {"DATABASE_URL": text}) == {"DATABASE_URL": wanted}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "postgresql+asyncpg://u:p@/d?host=/cloudsql/p:r:i",
            "postgresql+asyncpg://u:p@/d?host=/tmp/path-x",
        ),
        (
            "postgresql://u:p@localhost/d?host=/cloudsql/p:r:i&schema=public",
            "postgresql://u:p@localhost/d?host=/tmp/path-x&schema=public",
        ),
        (
            "postgresql://u:p@localhost:5432/d?host=%2Fcloudsql%2Fp%3Ar%3Ai",
            "postgresql://u:p@localhost:5432/d?host=/tmp/path-x",
        ),
        (
            "postgresql://u:p@/d?host=/cloudsql/p:r:i/.s.PGSQL.5432",
            "postgresql://u:p@/d?host=/tmp/path-x/.s.PGSQL.5432",
        ),
        ("postgresql://u:p@%2Fcloudsql%2Fp%3Ar%3Ai/d", "postgresql://u:p@%2Ftmp%2Fpath-x/d"),
    ],
)  # fmt: skip
def test_a_url_of_a_unix_socket_gets_the_folder_of_another(text: str, wanted: str) -> None:
    named = named_database(URL, {"DATABASE_URL": text})
    assert named.address.place == "/cloudsql/p:r:i/.s.PGSQL.5432"
    assert named.variables_at(FOLDER) == {"DATABASE_URL": wanted}


@pytest.mark.parametrize(
    ("template", "text", "wanted"),
    [
        ("{dsn}", "host=10.0.0.3 user=u password='a b\\'c' dbname=d",
         "host=127.0.0.1 user=u password='a b\\'c' dbname=d port=20001"),
        ("host={host} port={port} dbname={database}",
         "sslmode=require  host = '10.0.0.3' port=6000 dbname=d",
         "sslmode=require  host = '127.0.0.1' port=20001 dbname=d"),
        ("{dsn}", "host=db.internal hostaddr=10.0.0.3 sslmode=verify-full user=u",
         "host=db.internal hostaddr=127.0.0.1 sslmode=verify-full user=u port=20001"),
        ("Host={host};Port={port};Username={user};Password={password};Database={database}",
         "Server=10.0.0.3;Database=d;User Id=u;Password=p;SSL Mode=Require",
         "Server=127.0.0.1;Database=d;User Id=u;Password=p;SSL Mode=Require;Port=20001"),
        ("{host}:{port}", "10.0.0.3:6000", "127.0.0.1:20001"),
        ("{url_without_scheme}", "u:p@10.0.0.3/d", "u:p@127.0.0.1:20001/d"),
        ("postgresql+asyncpg://{user}:{password}@{host}:{port}/{database}",
         "postgresql+psycopg://u:p@10.0.0.3:6000/d?ssl=require",
         "postgresql+psycopg://u:p@127.0.0.1:20001/d?ssl=require"),
    ],
)  # fmt: skip
def test_other_ways_to_write_an_address(template: str, text: str, wanted: str) -> None:
    assert variables_at({"WHERE": template}, {"WHERE": text}) == {"WHERE": wanted}


def test_a_dsn_of_a_unix_socket() -> None:
    named = named_database({"DSN": "{dsn}"}, {"DSN": "host='/cloudsql/p:r:i' user=u"})
    assert named.address.place == "/cloudsql/p:r:i/.s.PGSQL.5432"
    assert named.variables_at(FOLDER) == {"DSN": "host='/tmp/path-x' user=u"}


def test_parts_are_put_together_with_what_libpq_takes_for_the_rest() -> None:
    environ = {
        "DB_HOST": "10.0.0.3",
        "DB_PORT": "6000",
        "PGUSER": "u",
        "PGPASSWORD": "p/@",
        "PGDATABASE": "d",
        "PGSSLMODE": "require",
    }
    named = named_database({"DB_HOST": "{host}", "DB_PORT": "{database_port}"}, environ)
    options = (("sslmode", "require"),)
    assert named.address == DatabaseAddress("10.0.0.3", 6000, "u", "p/@", "d", options)
    assert named.fixed_port is None
    assert named.variables_at(HERE) == {"DB_HOST": "127.0.0.1", "DB_PORT": "20001"}


def test_a_host_alone_needs_the_same_port_at_the_other_address() -> None:
    named = named_database({"PGHOST": "{host}"}, {"PGHOST": "10.0.0.3", "PGPORT": "6000"})
    assert (named.address.port, named.fixed_port) == (6000, 6000)
    socket = named_database({"PGHOST": "{host}"}, {"PGHOST": "/cloudsql/p:r:i"})
    assert (socket.address.place, socket.fixed_port) == ("/cloudsql/p:r:i/.s.PGSQL.5432", None)
    assert socket.variables_at(FOLDER) == {"PGHOST": "/tmp/path-x"}


def test_what_has_nothing_of_the_database_stays_out() -> None:
    given = {"DATABASE_URL": "{url}", "CALLBACK": "http://h:{service_port}", "KEY": "secret"}
    assert database_templates(given) == URL
    assert variables_at(given, {"DATABASE_URL": "postgresql://u@h/d"}).keys() == {"DATABASE_URL"}


@pytest.mark.parametrize(
    ("templates", "environ", "words"),
    [
        (URL, {}, "the job's container does not set DATABASE_URL: name the variables"),
        (PARTS, {"PGHOST": "h"}, "does not set PGPORT"),
        (URL, {"DATABASE_URL": "10.0.0.3:5432"}, "DATABASE_URL is no URL"),
        (URL, {"DATABASE_URL": "mysql//secret"}, "DATABASE_URL is no URL"),
        (URL, {"DATABASE_URL": "postgresql://u:se@cr/et@h/d"}, "DATABASE_URL cannot be used: "),
        (URL, {"DATABASE_URL": "postgresql://u@a,b/d"}, "names several hosts"),
        ({"D": "{dsn}"}, {"D": "host=h password=secret oops"}, "D is not written as libpq's"),
        ({"D": "{dsn}"}, {"D": "host=h port=secret"}, "D names a port that is none"),
        ({"H": "{host}:{port}"}, {"H": "h"}, "H is not written as {host}:{port}"),
        ({"U": "{user}"}, {"U": "u"}, "none of U names the database's host"),
        ({}, {}, "none of the variables names"),
        (URL | PARTS, {"DATABASE_URL": "postgresql://u@h/d", "PGHOST": "/cloudsql/p:r:i",
                       "PGPORT": "5432"},
         "PGHOST names a Unix socket, and DATABASE_URL another host: leave one of them out"),
        (URL | {"R": "{url}"}, {"DATABASE_URL": "postgresql://u@h/d", "R": "postgresql://u@i/d"},
         "DATABASE_URL and R name two hosts"),
        (URL | {"R": "{url}"}, {"DATABASE_URL": "postgresql://u@h/d", "R": "postgresql://u@h:1/d"},
         "DATABASE_URL and R name two ports"),
        (URL, {"DATABASE_URL": "postgresql://u@h/d?host=/cloudsql/p:r:i"}, "names two hosts"),
        (URL, {"DATABASE_URL": "postgresql://u@h/d", "PGHOSTADDR": "10.0.0.3"},
         "sets PGHOSTADDR, by which libpq would go past the task's path"),
        (URL, {"DATABASE_URL": "postgresql://u@db.internal/d?sslmode=verify-full"},
         "checks that db.internal is the name .*hostaddr.*hosts entry.*Unix socket"),
        (URL, {"DATABASE_URL": "postgresql+asyncpg://u@db.internal/d?ssl=verify-full"},
         "checks that db.internal is the name"),
        (URL, {"DATABASE_URL": "jdbc:postgresql://db.internal/d?ssl=true"}, "checks that db.int"),
        (PARTS, {"PGHOST": "db.internal", "PGPORT": "5432", "PGSSLMODE": "verify-full"},
         "checks that db.internal is the name"),
        ({"N": "Host={host};Port={port}"}, {"N": "Host=db.internal;SSL Mode=VerifyFull"},
         "checks that db.internal is the name"),
    ],
)  # fmt: skip
def test_variables_that_no_path_can_stand_before_are_told_apart_in_one_line(
    templates: dict[str, str], environ: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        named_database(templates, environ)
    assert "\n" not in str(refused.value)
    assert "se@cr" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_client_that_checks_the_name_finds_it_where_a_hosts_entry_leads_it_here() -> None:
    environ = {"DATABASE_URL": "postgresql://u@db.internal/d?sslmode=verify-full"}
    named = named_database(URL, environ, lambda host: host == "db.internal")
    wanted = "postgresql://u@db.internal:20001/d?sslmode=verify-full"
    assert named.variables_at(HERE) == {"DATABASE_URL": wanted}
    assert named.is_led_here
    assert dict(named.at(HERE).options) == {"sslmode": "verify-ca"}


def test_a_client_that_checks_the_name_finds_it_beside_an_address_of_its_own() -> None:
    environ = {"PGHOST": "db.internal", "PGHOSTADDR": "10.0.0.3", "PGSSLMODE": "verify-full"}
    named = named_database({"PGHOSTADDR": "{host}", "PGPORT": "{port}"}, environ | {"PGPORT": "1"})
    assert named.address.place == ("10.0.0.3", 1)
    assert not named.is_led_here
    assert dict(named.address.options) == {"sslmode": "verify-ca"}
    assert named.variables_at(HERE) == {"PGHOSTADDR": "127.0.0.1", "PGPORT": "20001"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("ORDERS_URL", "postgresql+asyncpg://u:secret@db.internal/orders", True),
        ("REPLICA", "jdbc:postgresql://10.0.0.4/d", True),
        ("PGHOST", "/cloudsql/p:r:i", True),
        ("DSN", "host=10.0.0.3 password=secret dbname=d", True),
        ("PAIRS", "Server=10.0.0.3;Port=5432;Database=d", True),
        ("DB_HOST", "10.0.0.3", True),
        ("OTHER_DSN", "host=10.0.0.9 dbname=d", False),
        ("REDIS_URL", "redis://10.0.0.3:6379/0", False),
        ("CALLBACK", "https://10.0.0.3/hook", False),
        ("CHAOSNETRA_REPORT_DATABASE_URL", "postgresql://u@10.0.0.3/d", False),
        ("GREETING", "host me = = ; 'well", False),
        ("EMPTY", "", False),
        ("LONG", "a" * 1_000_000, False),
    ],
)
def test_a_variable_that_leads_past_the_path_is_told(name: str, text: str, told: bool) -> None:
    environ = {"DATABASE_URL": "postgresql://u@10.0.0.3/d", name: text}
    found = unnamed_variables(URL, environ, named_database(URL, environ).address)
    assert (found is not None) == told
    if found is not None:
        assert found.startswith(f"{name} of the job leads to a database too, and is not in")
        assert "secret" not in found


def test_an_address_of_loopback_alone_leads_to_no_database() -> None:
    environ = {"DATABASE_URL": "postgresql://u@127.0.0.1/d", "BIND": "127.0.0.1"}
    assert unnamed_variables(URL, environ, named_database(URL, environ).address) is None


def test_a_socket_needs_no_name() -> None:
    environ = {"DATABASE_URL": "postgresql://u@/d?host=/cloudsql/p:r:i&sslmode=verify-full"}
    assert named_database(URL, environ).address.is_socket


# What is given to a service by a template is found again, whatever it is.

word = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]),
               min_size=1, max_size=12)  # fmt: skip
hosts = (
    st.from_regex(r"[a-z][a-z0-9-]{0,9}(\.[a-z]{2,5}){0,2}", fullmatch=True)
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map(str)
    | st.from_regex(r"/cloudsql/[a-z]{1,5}:[a-z0-9-]{1,9}:[a-z]{1,5}", fullmatch=True)
)
addresses = st.builds(
    DatabaseAddress,
    hosts,
    st.integers(1, 65535),
    word,
    st.just("") | word,
    word,
    st.just(()) | st.just((("sslmode", "require"), ("application_name", "a b"))),
    st.booleans(),
)
TEMPLATES = (
    URL,
    {"A": "postgresql+asyncpg://{url_without_scheme}"},
    {"D": "{dsn}"},
    {"U": "postgresql+psycopg://{user_quoted}:{password_quoted}@{host_quoted}:{port}/db"},
    {"H": "{host}", "P": "{database_port}", "PW": "{password}", "US": "{user}", "DB": "{database}"},
    {"DATABASE_URL": "{url}", "PGHOST": "{host}", "PGPORT": "{port}"},
)


@given(addresses, st.sampled_from(TEMPLATES))
def test_what_a_template_gives_is_read_back(
    database: DatabaseAddress, templates: dict[str, str]
) -> None:
    if not database.password:
        assume("password" not in " ".join(templates.values()))
    values = database.placeholders
    environ = {name: fill_template(name, text, values) for name, text in templates.items()}
    named = named_database(templates, environ)
    read = named.address
    assert (read.host, read.port) == (database.host, database.port)
    if "U" not in templates:
        assert (read.user, read.password, read.database) == (
            database.user, database.password, database.database,
        )  # fmt: skip
    place = FOLDER if database.is_socket else HERE
    changed = named.variables_at(place)
    again = named_database(templates, changed)
    wanted = (place.host, database.port if database.is_socket else place.port)
    assert (again.address.host, again.address.port) == wanted
    assert (again.address.user, again.address.options) == (read.user, read.options)
    back = again.variables_at(Place(database.host, database.port))
    assert named_database(templates, back).address == read


@given(addresses)
def test_a_url_differs_by_its_address_alone(database: DatabaseAddress) -> None:
    named = named_database(URL, {"DATABASE_URL": database.url})
    place = FOLDER if database.is_socket else HERE
    changed = named.variables_at(place)["DATABASE_URL"]
    before, after = urlsplit(database.url), urlsplit(changed)
    assert (before.scheme, before.path) == (after.scheme, after.path)
    assert before.netloc.rpartition("@")[0] == after.netloc.rpartition("@")[0]
    if not database.is_socket:
        assert before.query == after.query
    assert database.network_address not in unquote(changed) or database.port == HERE.port


anything = st.text(max_size=60) | st.from_regex(
    r"(jdbc:)?postgres(ql)?(\+\w+)?://.{0,30}", fullmatch=True
)


@given(anything)
def test_whatever_else_a_variable_holds_can_be_looked_at(text: str) -> None:
    address = DatabaseAddress("10.0.0.3", 5432, "u", "p", "d")
    found = unnamed_variables(URL, {"X": text}, address)
    assert found is None or "\n" not in found


@given(anything, st.sampled_from(["{url}", "{dsn}", "{host}:{port}", "Host={host};Port={port}"]))
def test_whatever_a_variable_holds_is_read_or_refused(text: str, template: str) -> None:
    try:
        named = named_database({"X": template}, {"X": text})
    except InvalidInput as error:
        refused = str(error)
    else:
        refused = ""
        place = FOLDER if named.address.is_socket else HERE
        assert isinstance(named, NamedDatabase)
        assert set(named.variables_at(place)) == {"X"}
    assert "\n" not in refused
    assert quote(text, safe="") not in refused or len(text) < 12
