"""What services say of a failed start, as they write it: the cause, its class and its SQLSTATE."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.startup.causes import LONGEST_TEXT, Found, find, short, that_matter
from chaosnetra.startup.log_lines import MOST_LINES, LogLine, read
from chaosnetra.startup.output import Output

TRACEBACK = "Traceback (most recent call last):"
FRAME = ['  File "/srv/app/main.py", line 12, in start', "    await connect()"]
DIRECT = ["", "The above exception was the direct cause of the following exception:", ""]
DURING = ["", "During handling of the above exception, another exception occurred:", ""]
REFUSED = "connect: connection refused"


def found(*lines: str) -> Found:
    output = Output()
    output.feed("stderr", "".join(f"{line}\n" for line in lines).encode())
    output.feed("stderr", b"")
    assert output.found is not None
    return output.found


def raised(last: str) -> list[str]:
    return [TRACEBACK, *FRAME, last]


PYTHON_53300 = [
    *raised("asyncpg.exceptions.TooManyConnectionsError: sorry, too many clients already"),
    *DIRECT,
    *raised("sqlalchemy.exc.OperationalError: (psycopg) could not connect"),
    *DURING,
    *raised("app.errors.StartupFailed: gave up"),
]
DJANGO = [
    *raised(
        'psycopg2.OperationalError: connection to server at "10.0.0.3", port 5432 failed: '
        "Connection refused"
    ),
    "\tIs the server running on that host and accepting TCP/IP connections?",
    *DIRECT,
    *raised(
        'django.db.utils.OperationalError: connection to server at "10.0.0.3", port 5432 failed: '
        "Connection refused"
    ),
    "\tIs the server running on that host and accepting TCP/IP connections?",
    "",
]
JAVA = [
    "org.springframework.beans.factory.BeanCreationException: Error creating bean 'dataSource'",
    "\tat org.springframework.beans.factory.Support.create(Support.java:10)",
    "Caused by: org.postgresql.util.PSQLException: FATAL: sorry, too many clients already",
    "\tat org.postgresql.core.v3.ConnectionFactoryImpl.doAuthentication(Impl.java:646)",
    "\t... 42 more",
    "",
    "Process finished",
]
NODE = [
    "node:internal/process/promises:288",
    "            triggerUncaughtException(err, true /* fromPromise */);",
    "            ^",
    "",
    "Error: connect ECONNREFUSED 127.0.0.1:5432",
    "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {",
    "  errno: -111,",
    "  code: 'ECONNREFUSED',",
    "}",
    "",
    "Node.js v20.11.0",
]
NODE_PG = [
    "error: sorry, too many clients already",
    "    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:283:98) {",
    "  length: 85,",
    "  severity: 'FATAL',",
    "  code: '53300',",
    "}",
]
DOTNET = [
    "Unhandled exception. Npgsql.NpgsqlException (0x80004005): Failed to connect to 127.0.0.1:5432",
    " ---> System.Net.Sockets.SocketException (111): Connection refused",
    "   at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)",
    "   --- End of inner exception stack trace ---",
]
DOTNET_53300 = [
    "Unhandled exception. Npgsql.PostgresException (0x80004005): 53300: sorry, too many clients",
    "   at Npgsql.Internal.NpgsqlConnector.ReadMessage(Boolean async)",
]


@pytest.mark.parametrize(
    ("lines", "error_class", "sqlstate", "text"),
    [
        (PYTHON_53300, "TooManyConnectionsError", "53300", "too many clients"),
        (DJANGO, "OperationalError", None, "Connection refused"),
        (JAVA, "PSQLException", "53300", "too many clients"),
        (NODE, "Error", None, "connect ECONNREFUSED 127.0.0.1:5432"),
        (NODE_PG, "error", "53300", "too many clients"),
        (DOTNET, "SocketException", None, "Connection refused"),
        (DOTNET_53300, "PostgresException", "53300", "53300: sorry"),
        ([f"2026/01/02 03:04:05 dial tcp 10.0.0.3:5432: {REFUSED}"], None, None, REFUSED),
        (
            ["2026/01/02 03:04:05 server error (FATAL: sorry (SQLSTATE 53300))", "exit status 1"],
            None,
            "53300",
            "SQLSTATE 53300",
        ),
        (
            ['pq: too many connections for role "app"', "bye"],
            None,
            "53300",
            "too many connections for role",
        ),
        (
            ["Error: error connecting to server: Connection refused (os error 111)", "bye"],
            None,
            None,
            "os error 111",
        ),
        (
            raised("psycopg.errors.TooManyConnections: FATAL:  too many connections"),
            "TooManyConnections",
            "53300",
            "too many connections",
        ),
        (
            ["PHP Fatal error:  Uncaught PDOException: SQLSTATE[08006] [7] refused in /app/db.php"],
            "PDOException",
            "08006",
            "SQLSTATE[08006]",
        ),
        (
            [
                "WARNING no database: ConnectionRefusedError: [Errno 111] Connect call failed",
                *raised("RuntimeError: startup failed after 5 attempts"),
                "ERROR:    Application startup failed. Exiting.",
            ],
            "ConnectionRefusedError",
            None,
            "[Errno 111]",
        ),
        (
            [
                *raised("_queue.Empty"),
                *DURING,
                *raised("psycopg.OperationalError: connection timeout expired"),
            ],
            "OperationalError",
            None,
            "timeout expired",
        ),
        (
            ['psql: error: FATAL:  database "shop" does not exist', "giving up"],
            None,
            "3D000",
            "does not exist",
        ),
    ],
)
def test_a_cause_is_found_as_services_of_many_kinds_write_it(
    lines: list[str], error_class: str | None, sqlstate: str | None, text: str
) -> None:
    told = found(*lines)
    assert told.is_named
    assert text in told.error.text
    assert (told.error.error_class, told.error.sqlstate) == (error_class, sqlstate)
    assert told.error.causes, "a cause that is named is not lost"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: {"severity": "ERROR", "message": text},
        lambda text: {"level": "error", "msg": "startup failed", "stack_trace": text},
        lambda text: {"level": 50, "msg": "startup failed", "err": {"stack": text}},
        lambda text: {"severity": "ERROR", "message": "it failed", "exception": text},
        lambda text: {"jsonPayload": {"message": text, "severity": "ERROR"}},
        lambda text: {"textPayload": text},
        lambda text: {"severity": "ERROR", "message": json.dumps({"msg": text})},
        lambda text: {"log.level": "error", "message": "failed", "error.stack_trace": text},
    ],
)
@pytest.mark.parametrize("lines", [PYTHON_53300, DJANGO, JAVA, NODE, NODE_PG, DOTNET_53300])
def test_one_entry_of_json_says_what_its_lines_say(wrap: object, lines: list[str]) -> None:
    assert callable(wrap)
    told = found(json.dumps(wrap("\n".join(lines))), '{"severity": "INFO", "message": "bye"}')
    plain = found(*lines)
    assert told.error == plain.error


def test_an_error_told_by_fields_of_its_own_is_read() -> None:
    told = found(
        json.dumps(
            {
                "level": 60,
                "msg": "cannot start",
                "err": {"type": "DatabaseError", "message": "sorry", "code": "53300"},
            }
        )
    )
    assert told.error.sqlstate == "53300"
    assert told.is_named


def test_a_code_in_a_field_of_its_own_does_not_hide_the_message() -> None:
    message = "remaining connection slots are reserved"
    error = {"code": "53300", "message": message}
    stack = f"error: {message}\n    at Parser.parseErrorMessage (/srv/parser.js:1:2)"
    entry = {"severity": "ERROR", "message": "startup failed", "error": error}
    for line in (entry, {**entry, "stack_trace": stack}):
        told = found(json.dumps(line)).error
        assert (told.text, told.sqlstate) == (f"{message} (SQLSTATE 53300)", "53300")


def test_a_message_that_is_a_long_traceback_is_told_by_its_end() -> None:
    frames = FRAME * 60
    text = "\n".join([TRACEBACK, *frames, "ConnectionRefusedError: [Errno 111] refused"])
    for line in (json.dumps({"severity": "ERROR", "message": text}), f"msg={text!r}"):
        assert found(line).error.text.startswith("ConnectionRefusedError: [Errno 111]"), line[:40]
        assert found(line).error.error_class == "ConnectionRefusedError"


def test_colours_do_not_hide_a_cause() -> None:
    coloured = [
        "\x1b[31mTraceback (most recent call last):\x1b[0m",
        *FRAME,
        "\x1b[1;31masyncpg.exceptions.TooManyConnectionsError\x1b[0m: \x1b[3msorry\x1b[0m",
    ]
    told = found(*coloured)
    assert (told.error.error_class, told.error.sqlstate) == ("TooManyConnectionsError", "53300")
    assert told.error.text == "TooManyConnectionsError: sorry"


@pytest.mark.parametrize(
    "line",
    [
        "readiness: 11450 refused",
        "INFO connection timeout is 30 s",
        "INFO  pool_timeout=30 connect timeout: 10",
        "listening on 53300",
        "took 53300: no",
    ],
)
def test_numbers_and_settings_are_no_cause(line: str) -> None:
    told = found(line)
    assert (told.is_named, told.error.causes) == (line.startswith("took"), told.error.causes)
    if not line.startswith("took"):
        assert told.error.sqlstate is None


@pytest.mark.parametrize(
    "pointer",
    [
        "2026-01-02 03:04:05,678 ERROR [x.Handler] (main) For more details use '--verbose'",
        "ERROR: For more information see the guide",
        "error: Try 'shop --help' for more",
    ],
)
def test_a_line_that_says_where_to_read_more_is_no_cause(pointer: str) -> None:
    cause = "2026-01-02 03:04:05,677 ERROR [x.Handler] (main) ERROR: Unable to start the server"
    assert found(cause, pointer).error.text == cause
    both = "error: unknown flag --shop: use --help"
    assert found("error: it failed", both).error.text == both


def test_the_last_cause_that_is_named_is_told() -> None:
    told = found(
        "WARN dial tcp: lookup db: no such host",
        f"WARN dial tcp 10.0.0.3:5432: {REFUSED}",
        "FATAL: giving up",
    )
    assert REFUSED in told.error.text


def test_a_mistake_of_the_program_goes_before_a_cause_that_it_got_over() -> None:
    told = found(f"WARN dial tcp: {REFUSED}, trying again", *raised("KeyError: 'PORT'"))
    assert told.error.text == "KeyError: 'PORT'"
    both = found(*raised("KeyError: 'url'"), *DURING, *raised("OSError: [Errno 111] refused"))
    assert both.error.error_class == "OSError"


def test_one_that_tries_for_ever_is_counted() -> None:
    lines = [
        f"2026-01-02 03:04:{second:02} WARN dial tcp 10.0.0.3:5432: {REFUSED}"
        for second in range(40)
    ]
    assert found(*lines).times == 40


def test_the_lines_that_matter_are_different_causes_and_not_the_last_lines() -> None:
    noise = [LogLine(f"INFO tick {number}") for number in range(20)]
    loop = [LogLine(f"WARN try {number}: {REFUSED}") for number in range(9)]
    full = [LogLine("FATAL: sorry, too many clients already")]
    assert that_matter([*full, *loop, *noise]) == (
        "FATAL: sorry, too many clients already",
        f"WARN try 8: {REFUSED}",
    )
    assert that_matter(noise) == ("INFO tick 17", "INFO tick 18", "INFO tick 19")


def test_what_a_startup_says_when_it_is_told_to_end_is_not_why_it_was_not_ready() -> None:
    printed = ["INFO serving", "INFO tick 1", "INFO tick 2", "INFO got SIGTERM", "INFO bye"]
    lines = [LogLine(text, None, number) for number, text in enumerate(printed)]
    assert that_matter(lines, until=3) == ("INFO serving", "INFO tick 1", "INFO tick 2")
    assert that_matter(lines, until=0) == ()
    # Unless it names a cause only then.
    late = LogLine("psycopg.OperationalError: connection timeout expired", None, 5)
    assert that_matter([*lines, late], until=3) == (late.text,)
    early = LogLine("asyncpg.exceptions.TooManyConnectionsError: too many clients", None, 2)
    assert that_matter([*lines[:2], early, *lines[3:], late], until=3) == (early.text,)


def test_a_long_text_keeps_its_start_and_its_cause() -> None:
    text = f"cannot start {'the service ' * 100} because of {REFUSED} {'and so on ' * 100}"
    told = short(text)
    assert len(told) <= LONGEST_TEXT
    assert told.startswith("cannot start the service")
    assert REFUSED in told


def test_a_secret_is_not_cut_in_two() -> None:
    secret = "postgresql://app:a-very-long-password@10.0.0.3/shop"
    for words in range(30, 120):
        told = short(f"{'word ' * words}{secret} {'tail ' * 100}{REFUSED}{' end' * 200}")
        assert secret in told or "a-very" not in told, words


PLAIN = st.sampled_from([*PYTHON_53300, *JAVA, *NODE, *DOTNET, "hello", "ERROR: it failed", ""])


@given(st.lists(PLAIN, max_size=30))
def test_colours_and_json_make_no_difference(lines: list[str]) -> None:
    def told(*printed: str) -> Found | None:
        return find([said for line in printed for said in read(line)])

    plain = told(*lines)
    assert told(*[f"\x1b[1m{line}\x1b[0m" for line in lines]) == plain
    assert told(*[json.dumps({"message": line}) for line in lines]) == plain
    assert told(*[json.dumps({"jsonPayload": {"message": line}}) for line in lines]) == plain
    if lines:
        assert told(json.dumps({"message": "\n".join(lines)})) == plain


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["message", "msg", "severity", "level", "error", "err", "stack", "code", "type"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON.map(json.dumps) | st.text(max_size=100) | PLAIN, max_size=12))
def test_any_lines_can_be_read_and_stay_bounded(lines: list[str]) -> None:
    told = [said for line in lines for said in read(line)]
    assert len(told) <= MOST_LINES * max(1, len(lines))
    result = find(told)
    assert all(len(text) <= LONGEST_TEXT for text in that_matter(told))
    if result is not None:
        texts = (result.error.text, *result.error.causes)
        assert all(len(text) <= LONGEST_TEXT and "\n" not in text for text in texts)


@given(st.binary(max_size=400))
def test_any_bytes_have_a_cause_or_none(printed: bytes) -> None:
    output = Output()
    output.feed("stdout", printed)
    output.feed("stdout", b"")
    _ = (output.found, output.lines_that_matter)


@pytest.mark.parametrize(
    "line",
    [
        "a." * 2000,
        "A" * 4000,
        "Error: " * 500,
        "\x1b[" * 2000,
        "{" * 4000,
        "at " * 1300,
        "x: " * 1300,
    ],
)
def test_lines_made_to_be_slow_are_not(line: str) -> None:
    began = time.process_time()
    find([said for one in [line] * 100 for said in read(one)])
    assert time.process_time() - began < 5
