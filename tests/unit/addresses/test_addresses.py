"""Database addresses."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from chaosnetra.addresses import DEFAULT_PORT, DatabaseAddress, parse_network_address
from chaosnetra.errors import InvalidInput, changed_by

# PostgreSQL has no NUL in any text.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = TEXT.filter(bool)
# Hypothesis also tries words of the code: an option that means something may be refused.
MEANINGLESS = NAMES.map("x_{}".format)
HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5})?", fullmatch=True)
PORTS = st.integers(1, 65535)


def test_every_part_is_read() -> None:
    address = DatabaseAddress.parse("postgresql://anna:s%40fe@db.example:6543/shop?sslmode=require")
    assert (address.host, address.port) == ("db.example", 6543)
    assert (address.user, address.password, address.database) == ("anna", "s@fe", "shop")
    assert address.options == (("sslmode", "require"),)


def test_files_that_it_names_are_found_from_wherever_it_is_used_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = DatabaseAddress.parse("postgresql://h/d?sslrootcert=ca.pem&sslkey=/k.pem&sslcert=")
    monkeypatch.chdir("/")
    expected = (("sslrootcert", str(tmp_path / "ca.pem")), ("sslkey", "/k.pem"), ("sslcert", ""))
    assert address.options == expected
    assert DatabaseAddress.parse(address.shown).options == expected


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg2"]
)
def test_drivers_in_the_scheme_are_dropped(scheme: str) -> None:
    address = DatabaseAddress.parse(f"{scheme}://u:pw12@h/d")
    assert address.url == "postgresql://u:pw12@h:5432/d"


def test_what_is_left_out_gets_postgresqls_defaults() -> None:
    address = DatabaseAddress.parse("postgresql://h")
    assert (address.port, address.user, address.database) == (DEFAULT_PORT, "postgres", "postgres")
    assert address.password == ""
    assert DatabaseAddress.parse("postgresql://anna@h").database == "anna"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://h/d", "must begin with postgresql://, got 'mysql'"),
        ("just-text", "got 'no scheme'"),
        ("", "got 'no scheme'"),
        ("postgresql:///d", "must name a host"),
        ("postgresql:///d", r"\?host=/cloudsql/PROJECT:REGION:INSTANCE"),
        ("postgresql://anna@/d?host=run/postgresql", "relative path"),
        ("postgresql:///d?host=@abstract", "abstract Unix socket"),
        ("postgresql://anna@%2Fcloudsql%2Fp:r:i/d", "must be written %3A"),
        ("postgresql://h%20x/d", "a host that cannot be one"),
        ("postgresql://h/d%FF", "not UTF-8"),
        ("postgresql://h/d%00", "%00"),
        ("postgresql://h\n/d", "control character"),
        ("postgresql://\udcffh/d", "control character"),
        ("postgresql://h/d?sslmode", "NAME=VALUE"),
        ("postgresql://h/d@e", "write it as %40"),
        ("postgresql://h/d?schema=a@b", "write it as %40"),
        ("postgresql://h:port/d", "cannot be read"),
        ("postgresql://h:70000/d", "cannot be read"),
        ("postgresql://[::1/d", "cannot be read"),
    ],
)
def test_what_is_no_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        DatabaseAddress.parse(url)


def test_a_refusal_names_the_setting() -> None:
    refused = pytest.raises(InvalidInput, match=r"; set CHAOSNETRA_DATABASE_URL$")
    with refused, changed_by("CHAOSNETRA_DATABASE_URL"):
        DatabaseAddress.parse("mysql://h")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://anna:hunter22@h/d",
        "postgresql://anna:hunter22@/d",
        "postgresql://anna:hunter22@h:port/d",
        "postgresql://anna:hunter22@h:99999/d",
        "postgresql://anna:hunter22@[h/d",
    ],
)
def test_a_refusal_never_shows_the_password(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DatabaseAddress.parse(url)
    assert "hunter22" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cret/x@h/db",
        "postgresql://u:s3cret#x@h/db",
        "postgresql://u:s3cret?x@h/db",
        "postgresql://u:s3cret\u2100x@h/db",
    ],
    ids=["slash", "hash", "question mark", "not NFKC"],
)
def test_a_password_that_is_not_quoted_is_refused_without_any_part_of_it(url: str) -> None:
    with (
        pytest.raises(InvalidInput, match="must be percent-encoded") as caught,
        changed_by("CHAOSNETRA_DATABASE_URL"),
    ):
        DatabaseAddress.parse(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_port_0_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must not name port 0"):
        DatabaseAddress.parse("postgresql://u@h:0/d")


def test_people_never_see_the_password() -> None:
    address = DatabaseAddress.parse("postgresql://anna:hunter22@h/d?password=hunter22")
    assert "hunter22" not in repr(address)
    assert "hunter22" not in str(address)


def test_a_password_among_the_options_is_one_and_is_not_shown() -> None:
    address = DatabaseAddress.parse("postgresql://anna@h/d?sslmode=require&password=hunter%2F22")
    assert address.password == "hunter/22"
    assert address.options == (("sslmode", "require"),)
    assert address.shown == "postgresql://anna@h:5432/d?sslmode=require"
    assert address.url == "postgresql://anna:hunter%2F22@h:5432/d?sslmode=require"
    both = DatabaseAddress.parse("postgresql://anna:first-1@h/d?password=second-2")
    assert (both.password, both.options) == ("first-1", ())  # as the driver has it


def test_the_password_of_a_key_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInput, match="must not hold sslpassword") as caught:
        DatabaseAddress.parse("postgresql://anna@h/d?sslkey=/k&sslpassword=hunter22")
    assert "hunter22" not in str(caught.value)


def test_the_shown_address_has_all_but_the_password() -> None:
    address = DatabaseAddress.parse("postgresql://anna:hunter22@h:6543/d?sslmode=require")
    assert address.shown == "postgresql://anna@h:6543/d?sslmode=require"
    assert address.url == "postgresql://anna:hunter22@h:6543/d?sslmode=require"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1:5432"), ("::1", "[::1]:5432"), ("db.example", "db.example:5432")],
)
def test_ipv6_hosts_are_bracketed(host: str, expected: str) -> None:
    address = DatabaseAddress(host, 5432, "u", "", "d")
    assert address.network_address == expected
    assert parse_network_address("x", expected) == (host, 5432)
    assert DatabaseAddress.parse(address.url) == address


def test_another_path_leads_to_the_same_database() -> None:
    address = DatabaseAddress.parse("postgresql://anna:pw12@h:6543/d?a=1")
    moved = address.at("127.0.0.1", 7000)
    assert moved.url == "postgresql://anna:pw12@127.0.0.1:7000/d?a=1"
    assert address.host == "h"


def test_another_database_of_the_server() -> None:
    address = DatabaseAddress.parse("postgresql://anna:pw12@h:6543/d")
    assert address.named("copy 1").url == "postgresql://anna:pw12@h:6543/copy%201"


def test_placeholders_hold_plain_and_quoted_parts() -> None:
    address = DatabaseAddress("h", 6543, "an na", "p/w@1", "d")
    assert address.placeholders == {
        "url": "postgresql://an%20na:p%2Fw%401@h:6543/d",
        "url_without_scheme": "an%20na:p%2Fw%401@h:6543/d",
        "dsn": "host=h port=6543 user='an na' password='p/w@1' dbname=d",
        "host": "h", "port": "6543", "database_port": "6543",
        "user": "an na", "password": "p/w@1", "database": "d", "host_quoted": "h",
        "user_quoted": "an%20na", "password_quoted": "p%2Fw%401",
    }  # fmt: skip


@given(user=NAMES, password=TEXT, database=NAMES)
def test_a_dsn_holds_any_password(user: str, password: str, database: str) -> None:
    address = DatabaseAddress("h", 5432, user, password, database, (("sslmode", "disable"),))
    assert conninfo_to_dict(address.dsn) == {
        "host": "h",
        "port": "5432",
        "user": user,
        **({"password": password} if password else {}),
        "dbname": database,
        "sslmode": "disable",
    }


@given(
    host=HOSTS,
    port=PORTS,
    user=NAMES,
    password=TEXT,
    database=NAMES,
    options=st.lists(st.tuples(MEANINGLESS, TEXT), max_size=3, unique_by=lambda one: one[0]).map(
        tuple
    ),
)
def test_an_address_survives_being_written_as_a_url(
    host: str,
    port: int,
    user: str,
    password: str,
    database: str,
    options: tuple[tuple[str, str], ...],
) -> None:
    address = DatabaseAddress(host, port, user, password, database, options)
    assert DatabaseAddress.parse(address.url) == address


@given(password=st.text(string.ascii_letters, min_size=12, max_size=20), port=PORTS)
def test_the_shown_form_reads_back_without_the_password(password: str, port: int) -> None:
    address = DatabaseAddress("127.0.0.1", port, "u", password, "d")
    assert password not in address.shown
    assert DatabaseAddress.parse(address.shown) == DatabaseAddress("127.0.0.1", port, "u", "", "d")


@given(
    st.text()
    | st.text(st.characters())
    | st.text("postgresql:/@?&=%,#[]0\udcff").map("postgresql://".__add__)
)
def test_any_text_parses_or_is_invalid_input(text: str) -> None:
    try:
        address = DatabaseAddress.parse(text)
    except InvalidInput:
        return
    assert address.host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("db:0", ("db", 0)),
        ("db:65535", ("db", 65535)),
    ],
)
def test_network_addresses_are_split(text: str, expected: tuple[str, int]) -> None:
    assert parse_network_address("upstream", text) == expected


@pytest.mark.parametrize(
    "text", ["", "db", ":80", "db:", "db:http", "db:65536", "db:-1", "db:8 0", "db:\u0663"]
)
def test_no_network_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^upstream must be host:port, got "):
        parse_network_address("upstream", text)


def test_a_port_of_thousands_of_digits_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"^upstream must be host:port, got "):
        parse_network_address("upstream", f"db:{'9' * 5000}")


@pytest.mark.parametrize("password", ["1234#x", "1234/x", "1234?x"])
def test_a_password_that_reads_like_a_port_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(InvalidInput, match="percent-encoded") as caught:
        DatabaseAddress.parse(f"postgresql://u:{password}@h/db")
    assert "1234" not in str(caught.value)
