"""Statements and server messages without the values in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.wire.masking import (
    MOST_READ,
    masked_message,
    masked_name,
    normalized,
    normalized_bytes,
)
from chaosnetra.wire.observation import LONGEST_TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT * FROM t WHERE a = 5", "SELECT * FROM t WHERE a = ?"),
        ("select 'o''brien', E'a\\'b', e'\\\\' , 'x'", "select ?, ?, ? , ?"),
        ("select B'01', x'FF', N'n', U&'\\0041' UESCAPE '!'", "select ?, ?, ?, ? UESCAPE ?"),
        ("select $$it's$$, $tag$ $$ '1' $tag$, a$b, $1", "select ?, ?, a$b, $1"),
        ("select $1$$secret$$", "select $1?"),
        ("select 1$$sec ret$$", "select ??"),
        ("select 1e-5, .5, 5., 0x1F, 0b01, 1_000, 1.5e+10", "select ?, ?, ?, ?, ?, ?, ?"),
        ("select col1, t2.x3, _4, é5", "select col1, t2.x3, _4, é5"),
        ('select "col 1", "a""b\'c", U&"d"', 'select "col 1", "a""b\'c", U&"d"'),
        (
            "select a->1, b->>'k', c::int, d || 'e', f-1, g - 1",
            "select a->?, b->>?, c::int, d || ?, f-?, g - ?",
        ),
        ("select x = -1, y=-2, (-3), a -4", "select x = ?, y=?, (?), a -?"),
        ("select a LIMIT -1", "select a LIMIT ?"),
        ("select a[1:2], '{}'::jsonb #- '{a}'", "select a[?:?], ?::jsonb #- ?"),
        ("a /* x /* 'y' */ z */ b -- c\n d", "a b d"),
        ("a/**/ b /* never closed 'x'", "a b"),
        ("  select\n\t 1 ;\n", "select ?"),
        ("-- ping", ""),
        (";", ""),
        ("x IN (1, 2,3)", "x IN (?)"),
        ("x in ( 'a' , -2 )", "x in (?)"),
        ("x IN ($1, $2)", "x IN ($1, $2)"),
        ("x IN (1, a)", "x IN (?, a)"),
        ("INSERT INTO t VALUES (1, 'a'), (2, NULL)", "INSERT INTO t VALUES (?)"),
        ("insert into t values (1, now()), (2, now())", "insert into t values (?, now())"),
        ('insert into t values (1, "IN (?, ?)")', 'insert into t values (?, "IN (?, ?)")'),
        ('values ("a"), ("b")', 'values ("a"), ("b")'),
        ("select 'cut off here", "select ?"),
        ("select $a$ cut off $b$ here", "select ?"),
        ("select E'cut\\", "select ?"),
        (
            "ALTER USER bob WITH PASSWORD 'x' VALID UNTIL 'y'",
            "ALTER USER bob WITH PASSWORD ? VALID UNTIL ?",
        ),
        ('create role "a b" login password "secret"', 'create role "a b" login password ?'),
        ("CREATE USER bob PASSWORD hunter2", "CREATE USER bob PASSWORD ?"),
        ("ALTER ROLE bob PASSWORD NULL", "ALTER ROLE bob PASSWORD NULL"),
        ("SET x = secret", "SET x = ?"),
        (
            "set local app.key to secret, \"more\" , 'x'; select 1",
            "set local app.key to ?; select ?",
        ),
        ('ALTER ROLE "bob" SET app.key=secret', 'ALTER ROLE "bob" SET app.key=?'),
        ("-- note\nSET x TO DEFAULT", "SET x TO DEFAULT"),
        ("SET TRANSACTION READ ONLY", "SET TRANSACTION READ ONLY"),
        ('UPDATE "t" SET "a" = "b", c = d', 'UPDATE "t" SET "a" = "b", c = d'),
        ('select password "p" from users', 'select password "p" from users'),
        ("a\u202eb\x00c\x1bd", "a b c d"),
    ],
)
def test_literals_are_masked_and_nothing_else_is(text: str, expected: str) -> None:
    assert normalized(text) == expected


NAMES = st.sampled_from(["a", "orders", "t1.x2", '"odd  Name"', '"a""b"', "$1", "é", "_x$y"])
OPERATORS = st.sampled_from(
    ["=", "||", "->>", "::", "+", "-", "(", ")", ", ", "IN (", "VALUES (", "/", " AND ", ";", "?|"]
)
GAPS = st.sampled_from([" ", "\n", "  ", " -- c\n", " /* /* */ 'x' */ "])
SECRET = "SeCrEtXyZ"
STRINGS = st.sampled_from(
    [
        f"'{SECRET}'", f"'{SECRET}''{SECRET}'", f"E'{SECRET}\\'{SECRET}'", f"e'\\\\{SECRET}'",
        f"$${SECRET}'$$", f"$q$ {SECRET} $$ {SECRET}$q$", f"N'{SECRET}'", f"U&'{SECRET}'",
        f"x'{SECRET}'", f"'{SECRET} -- {SECRET} /* '",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from(["97531", "9753.1e-5", "0x97531", "9_7531", ".97531"])
PIECES = st.lists(st.one_of(NAMES, OPERATORS, STRINGS, NUMBERS, st.just("-")), max_size=30)


@given(PIECES, st.data())
def test_no_literal_survives(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(piece + data.draw(GAPS) for piece in pieces)
    cut_at = data.draw(st.integers(0, len(text)))
    for one in (text, text[:cut_at]):
        masked = normalized(one)
        assert "SeC" not in masked
        assert "975" not in masked
        assert len(masked) <= LONGEST_TEXT


@given(st.lists(st.one_of(st.text(max_size=8), NAMES, OPERATORS, STRINGS, NUMBERS), max_size=150))
def test_what_is_normalized_stays_as_it_is(pieces: list[str]) -> None:
    once = normalized(" ".join(pieces))
    assert normalized(once) == once
    joined = normalized("".join(pieces))
    assert normalized(joined) == joined


@given(st.lists(st.one_of(NAMES, OPERATORS, st.just("\0")), max_size=20), st.data())
def test_statements_that_differ_in_literals_alone_are_equal(
    pieces: list[str], data: st.DataObject
) -> None:
    literals = st.one_of(STRINGS, NUMBERS, st.just("-5"))

    # A sign after a name is an operator.
    def filled() -> str:
        return " ".join(f"= {data.draw(literals)}" if one == "\0" else one for one in pieces)

    assert normalized(filled()) == normalized(filled())


@given(st.text())
def test_any_text_is_borne(text: str) -> None:
    assert len(normalized(text)) <= LONGEST_TEXT
    assert normalized(text).isprintable() or not text.isprintable()
    assert len(masked_message(text)) <= LONGEST_TEXT


@pytest.mark.parametrize(
    "unit", ["'", "(", "VALUES (", "/*", "$a$", "-1", '"a"', "IN (?,", "(?,1),", "U&'", "a", "1 "]
)
def test_of_ten_megabytes_only_the_beginning_is_read(unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    assert normalized(text) == normalized(text[: MOST_READ + 1])


def test_a_long_list_is_the_same_statement_as_a_short_one_and_says_that_it_was_cut() -> None:
    one = "INSERT INTO t VALUES (1, 'x')"
    short, long = (one + ", (2, 'y')" * more for more in (50, 5_000))
    assert normalized(short) == "INSERT INTO t VALUES (?)"
    assert normalized(long) == "INSERT INTO t VALUES (?)…"
    assert normalized_bytes(b"SELECT 1", whole=False) == "SELECT ?…"


@pytest.mark.parametrize(
    ("start", "unit", "expected"),
    [
        ("INSERT INTO t VALUES (1, now())", ", ({}, now())", "INSERT INTO t VALUES (?, now())…"),
        ("SELECT a FROM t WHERE b IN (0", ", {}", "SELECT a FROM t WHERE b IN (?…"),
        ('INSERT INTO "t" VALUES (1)', ', ("x", {})', 'INSERT INTO "t" VALUES (?)…'),
    ],
)
def test_where_a_list_is_cut_does_not_depend_on_its_literals(
    start: str, unit: str, expected: str
) -> None:
    for literal in ("1", "'abc'", "'" + "x" * 77 + "'", "-1.5", "'" + "x" * 5_000 + "'"):
        assert normalized(start + unit.format(literal) * 10_000) == expected


def test_a_password_in_a_statement_of_ten_megabytes_is_not_kept() -> None:
    text = f"ALTER ROLE app PASSWORD '{SECRET * 1_200_000}'"
    assert normalized(text) == "ALTER ROLE app PASSWORD ?…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('relation "orders" does not exist', None),
        ('password authentication failed for user "app"', None),
        ("sorry, too many clients already", None),
        ('syntax error at or near "FORM"', None),
        ('syntax error at or near "123abc"', 'syntax error at or near "?"'),
        ('syntax error at or near "$$x y"', 'syntax error at or near "?"'),
        ("unterminated string at or near \"'my", "unterminated string at or near \"'?'"),
        ('invalid syntax for type integer: "x"', 'invalid syntax for type integer: "?"'),
        ('ungültig für Typ integer: „a b“', "ungültig für Typ integer: „?“"),
        ('value "99" is out of range for type int', 'value "?" is out of range for type int'),
        ("Key (a)=(b (c)) already exists.", "Key (a)=(?) already exists."),
        ("la relation « x » n'existe pas", None),
        ("bad: postgresql://bob:hunter22@h/d", "bad: postgresql://bob:***@h/d"),
        ("two\nlines", "two lines"),
    ],
)  # fmt: skip
def test_messages_keep_names_and_lose_values(text: str, expected: str | None) -> None:
    assert masked_message(text) == (text if expected is None else expected)


@pytest.mark.parametrize(
    "text",
    [
        f"select 'it\\'s a password: {SECRET}'",
        f"select 'a\\' , {SECRET}', 'x'",
        f"select 'a\\'' || '{SECRET}'",
        f"select N'a\\'' || '{SECRET}'",
        f"select 'a\\' b', 'c\\' {SECRET} d'",
    ],
)
def test_with_backslashes_that_escape_no_literal_is_shown(text: str) -> None:
    """As the server reads it where `standard_conforming_strings` is off."""
    assert SECRET not in normalized(text)
    assert normalized(text).endswith("?…")
    assert SECRET in normalized(f"select e'a\\' b', {SECRET}")


@pytest.mark.parametrize("between", [" ", "=", " = ", "  \n"])
def test_a_password_without_quotes_is_in_no_message_either(between: str) -> None:
    shown = normalized(f"ALTER ROLE app PASSWORD{between}{SECRET}")
    assert shown == "ALTER ROLE app PASSWORD ?"
    said = f'syntax error at or near "{SECRET}"'
    assert masked_message(said, shown) == 'syntax error at or near "?"'
    assert masked_message(said, "SELECT a b c") == said
    said = f'syntax error at or near ""{SECRET}""'
    assert masked_message(said, shown) == 'syntax error at or near "?"'


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"orders", "orders"),
        (b"a=b", "a=b"),
        (b"postgresql://bob:hunter22@h/d", "postgresql://bob:***@h/d"),
        (b"host=h password=hunter22 user=u", "host=h password=?"),
        (b"Password = hunter22", "Password = ?"),
        (b"x" * 10_000, "x" * (LONGEST_TEXT - 1) + "…"),
        (b"two\nlines", "two lines"),
    ],
)
def test_a_connection_string_in_the_place_of_a_name_is_masked(name: bytes, expected: str) -> None:
    assert masked_name(name) == expected
