"""How a database URL may be spelled: sockets, options, and what is refused by name."""

import os

import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.addresses.database_url import LONGEST_SOCKET_PATH_BYTES
from chaosnetra.errors import InvalidInput, changed_by
from chaosnetra.redaction import Redactor

FOLDER = "/cloudsql/p:r:I"
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = TEXT.filter(bool)
# Every driver splits a list of hosts at the comma.
FOLDERS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0,"), max_size=20)
    .map(lambda text: f"/{text.strip('/')}")
    .filter(lambda path: ".s.PGSQL." not in path)
)
PORTS = st.integers(1, 65535)


def driver_sees(address: DatabaseAddress) -> tuple[object, object]:
    """Where asyncpg would connect to, and what it would send to the server as settings."""
    names = _parse_connect_dsn_and_args.__kwdefaults__ or {}
    arguments = dict.fromkeys(
        _parse_connect_dsn_and_args.__code__.co_varnames[
            : _parse_connect_dsn_and_args.__code__.co_kwonlyargcount
        ]
    )
    found, parameters = _parse_connect_dsn_and_args(
        **{**arguments, **names, "dsn": address.driver_url, "server_settings": None}
    )
    return found, parameters


def refused(url: str) -> str:
    with pytest.raises(InvalidInput) as caught, changed_by("CHAOSNETRA_DATABASE_URL"):
        DatabaseAddress.parse(url)
    text = str(caught.value)
    assert text.endswith("; set CHAOSNETRA_DATABASE_URL")
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("url", "as_option", "port"),
    [
        (f"postgresql://u:pw@/db?host={FOLDER}", True, 5432),
        ("postgresql://u:pw@/db?host=%2Fcloudsql%2Fp%3Ar%3AI&port=5433", True, 5433),
        (f"postgresql:///db?user=u&password=pw&host={FOLDER}/", True, 5432),
        (f"postgresql:///?user=u&password=pw&dbname=db&host={FOLDER}", True, 5432),
        (f"postgresql://u:pw@/db?host={FOLDER}/.s.PGSQL.5433", True, 5433),
        (f"postgresql://u:pw@localhost/db?host={FOLDER}", True, 5432),
        ("postgresql://u:pw@%2Fcloudsql%2Fp%3Ar%3AI/db", False, 5432),
        ("postgresql+asyncpg://u:pw@%2fcloudsql%2fp%3ar%3aI:5433/db", False, 5433),
        ("postgresql://u:pw@%2Fcloudsql%2Fp%3Ar%3AI/db?port=5433", False, 5433),
    ],
)
def test_a_socket_is_read_in_every_spelling(url: str, as_option: bool, port: int) -> None:
    address = DatabaseAddress.parse(url)
    assert address == DatabaseAddress(FOLDER, port, "u", "pw", "db")
    assert address.is_socket
    assert address.place == address.network_address == f"{FOLDER}/.s.PGSQL.{port}"
    written = (
        f"/db?host={FOLDER}&port={port}" if as_option else (f"%2Fcloudsql%2Fp%3Ar%3AI:{port}/db")
    )
    assert address.url == f"postgresql://u:pw@{written}"
    assert address.shown == f"postgresql://u@{written}"
    assert address.named("other").in_folder("/x").url == address.url.replace(
        FOLDER if as_option else "%2Fcloudsql%2Fp%3Ar%3AI", "/x" if as_option else "%2Fx"
    ).replace("/db", "/other")
    assert driver_sees(address)[0] == [address.place]


@given(
    folder=FOLDERS, port=PORTS, user=NAMES, password=TEXT, database=NAMES, as_option=st.booleans()
)
def test_a_socket_survives_being_written_as_a_url(
    folder: str, port: int, user: str, password: str, database: str, as_option: bool
) -> None:
    address = DatabaseAddress(folder, port, user, password, database, (), as_option)
    again = DatabaseAddress.parse(address.url)
    assert again == address
    assert again.host_as_option is as_option
    assert again.url == address.url
    assert driver_sees(again)[0] == [address.place]
    assert DatabaseAddress.parse(address.shown).host == folder


def test_what_a_socket_ends_behind_has_no_tls() -> None:
    address = DatabaseAddress.parse(
        f"postgresql://u@/d?host={FOLDER}&sslmode=verify-full&sslrootcert=/ca.pem&options=-c%20a=b"
    )
    assert address.at("127.0.0.1", 80).options == (("options", "-c a=b"), ("sslmode", "disable"))
    assert "verify-full" in address.url  # for the target, as it was given
    assert "verify-full" not in address.driver_url
    assert "ca.pem" not in address.driver_url


def test_a_path_as_long_as_the_system_takes_it_is_taken_and_one_longer_is_refused() -> None:
    longest = "/" + "é" * 40 + "x" * (LONGEST_SOCKET_PATH_BYTES - 1 - 80 - len("/.s.PGSQL.5432"))
    address = DatabaseAddress.parse(f"postgresql:///d?host={longest}")
    assert len(os.fsencode(address.network_address)) == LONGEST_SOCKET_PATH_BYTES
    text = refused(f"postgresql:///d?host={longest}x")
    assert f"has {LONGEST_SOCKET_PATH_BYTES + 1} bytes" in text
    assert "shorter path" in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter22@h1:5432,h2:5432/d",
        "postgresql://u:hunter22@h1,h2/d",
        "postgresql://h1:5432,h2/d",
        "postgresql://[::1]:5432,[::2]:5432/d",
        "postgresql://u:hunter22@/d?host=h1,h2",
        "postgresql://u:hunter22@/d?host=/a,/b",
        "postgresql://u:hunter22@%2Fa%2C%2Fb/d",
        "postgresql://u:hunter22@h/d?port=1,2",
    ],
)
def test_several_hosts_are_refused_by_name(url: str) -> None:
    text = refused(url)
    assert "names several hosts: name one" in text
    assert "hunter22" not in text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("hostaddr=10.0.0.1", "must not hold hostaddr"),
        ("service=main", "must not hold service, for service files are not read"),
        ("servicefile=/x", "must not hold servicefile"),
        ("passfile=/home/me/.pgpass", "must not hold passfile"),
        ("unix_sock=/cloudsql/a:b:c/.s.PGSQL.5432", "write host=FOLDER"),
        ("requirepeer=postgres", "must not hold requirepeer"),
        ("require_auth=scram-sha-256", "must not hold require_auth"),
        ("replication=database", "must not hold replication"),
        ("sslcrldir=/x", "name a file by sslcrl"),
        ("sslmode=yes", "sslmode in the database URL must be disable, allow, prefer, require"),
        ("sslmode=", "sslmode in the database URL must be"),
        ("ssl=maybe", "ssl in the database URL must be true, 1, false"),
        ("ssl=true&sslmode=require", "both ssl and sslmode"),
        ("sslmode=require&sslmode=disable", "sslmode twice"),
        ("channel_binding=require", "no channel binding"),
        ("gssencmode=require", "no GSSAPI encryption"),
        ("target_session_attrs=master", "target_session_attrs in the database URL must be any"),
        ("connect_timeout=soon", "connect_timeout in the database URL must be a whole number"),
        ("connect_timeout=1.5", "whole number of seconds"),
        ("host=other", "names two hosts"),
        ("port=1", "names two ports"),
        ("user=other", "names two users"),
        ("dbname=other", "names two databases"),
        ("port=0", "must not name port 0"),
        ("port=x", "the port must be a number"),
    ],
)
def test_what_is_not_done_is_refused_and_says_what_to_change(query: str, message: str) -> None:
    text = refused(f"postgresql://u:hunter22@h:5432/d?{query}")
    assert message in text
    assert "hunter22" not in text


@pytest.mark.parametrize(
    "mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
)
def test_every_mode_of_tls_is_taken_and_reaches_target_and_driver(mode: str) -> None:
    address = DatabaseAddress.parse(f"postgresql://u@h/d?sslmode={mode}")
    assert address.url.endswith(f"?sslmode={mode}")
    assert address.driver_url == address.url


@pytest.mark.parametrize(
    ("word", "mode"),
    [("true", "require"), ("1", "require"), ("false", "disable"), ("verify-ca", "verify-ca")],
)
def test_ssl_is_the_targets_word_and_the_drivers_mode(word: str, mode: str) -> None:
    address = DatabaseAddress.parse(f"postgresql://u@h/d?ssl={word}")
    assert address.url.endswith(f"?ssl={word}")
    assert address.driver_url.endswith(f"?sslmode={mode}")


def test_words_of_libpq_go_to_the_target_and_not_to_the_server() -> None:
    given = (
        "connect_timeout=10&channel_binding=prefer&keepalives_idle=5&gssencmode=disable"
        "&application_name=shop&options=-c%20geqo%3Doff&target_session_attrs=any"
    )
    address = DatabaseAddress.parse(f"postgresql://u@h/d?{given}")
    assert DatabaseAddress.parse(address.url).options == address.options
    assert "connect_timeout=10&channel_binding=prefer&keepalives_idle=5" in address.url
    assert address.driver_url.partition("?")[2] == (
        "application_name=shop&options=-c%20geqo%3Doff&target_session_attrs=any"
    )
    assert address.connect_timeout_seconds == 10


@pytest.mark.parametrize("value", ["0", "-1"])
def test_no_limit_of_libpq_is_no_limit(value: str) -> None:
    address = DatabaseAddress.parse(f"postgresql://u@h/d?connect_timeout={value}")
    assert address.connect_timeout_seconds is None


def test_an_at_sign_is_read_where_it_can_be_no_part_of_a_password() -> None:
    address = DatabaseAddress.parse(
        "postgresql://me%40corp:p@ss@h/d%40e?sslrootcert=/home/me@corp/ca.pem&application_name=a@b"
    )
    assert (address.user, address.password, address.database) == ("me@corp", "p@ss", "d@e")
    assert dict(address.options)["sslrootcert"] == "/home/me@corp/ca.pem"
    assert DatabaseAddress.parse(address.url) == address
    iam = DatabaseAddress.parse(f"postgresql:///d?host={FOLDER}&user=me@corp.example")
    assert iam.user == "me@corp.example"


def test_a_root_of_the_system_is_no_file() -> None:
    address = DatabaseAddress.parse("postgresql://u@h/d?sslrootcert=system")
    assert address.options == (("sslrootcert", "system"),)


@given(
    first=st.text("QXZJ79", min_size=6, max_size=10),
    sign=st.sampled_from("/?#@:,&=+;!$ ~[]%"),
    second=st.text("QXZJ79", min_size=6, max_size=10),
    tail=st.sampled_from(
        [
            "@h/db", "@h:x/db", "@h1,h2/db", f"@/db?host={FOLDER}", "@%2Fa%2C/db",
            "@h/db?sslmode=no", "@h/db?sslrootcert=/a@b", "/db",
        ]
    ),
)  # fmt: skip
def test_no_part_of_a_password_is_shown_however_it_is_spelled(
    first: str, sign: str, second: str, tail: str
) -> None:
    url = f"postgresql://u:{first}{sign}{second}{tail}"
    try:
        shown = DatabaseAddress.parse(url).shown
    except InvalidInput as error:
        shown = str(error)
    assert first not in shown
    assert second not in shown


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:p%40ss%2Fw0rd@/db?host={FOLDER}",
        "postgresql://u:p%40ss%2Fw0rd@%2Fcloudsql%2Fp%3Ar%3AI/db",
        f"postgresql:///db?host={FOLDER}&user=me@corp&password=p%40ss%2Fw0rd",
        "postgresql://u:p%40ss%2Fw0rd@h/d?sslrootcert=/home/me@corp/ca.pem",
        "postgresql://me@corp:p%40ss%2Fw0rd@h1:1,h2:2/d",
    ],
)
def test_a_password_is_masked_however_the_url_is_spelled(url: str) -> None:
    redactor = Redactor()
    redactor.learn({"database_url": url})
    for text in (url, "login of p@ss/w0rd failed", "p%40ss%2fw0rd"):
        masked = redactor.text(text)
        assert "ss/w0rd" not in masked
        assert "ss%2Fw0rd" not in masked
        assert "ss%2fw0rd" not in masked
