"""Statements and messages of a server without the values in them."""

import re
from functools import lru_cache

from chaosnetra.redaction import Redactor
from chaosnetra.text import cut, encodable, one_line
from chaosnetra.wire.observation import LONGEST_TEXT

# What is read of a statement; more of it is not shown.
MOST_READ = 8_192
# Of more pieces, such as a literal and what is between two, more would come than is shown.
_MOST_PIECES = 600
MASK = "?"
_LONGEST_REMEMBERED = 1_024

# As PostgreSQL's scan.l reads it: all that is not ASCII belongs to identifiers.
_IN_WORD = r"A-Za-z0-9_$\x80-\U0010ffff"
_WORD = rf"[A-Za-z_\x80-\U0010ffff][{_IN_WORD}]*+"
_TOKEN = re.compile(
    rf"""
      (?P<plain> (?:
          (?! [eEbBxXnN]' | [uU]&['"] ) {_WORD}  # keywords and names
        | \$[0-9]++                              # parameters
        | [(),;:*=<>+~!@\#%^&|`?\[\]{{}}\\]
        | -(?!-) | /(?!\*) | \.(?![0-9])
        | [ ](?![\x00-\x20\x7f/-])
        )++ )
    | (?P<space> (?: [\x00-\x20\x7f] | --[^\n\r]*+ )++ )
    | (?P<comment> /\* )
    | (?P<name> (?:[uU]&)? "(?:[^"]|"")*+"? )
    | (?P<literal>
          [eE]'(?:[^'\\]|''|\\.)*+\\?'?
        | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+'?
        | \$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?)\$
          .*?(?:\$(?P=tag)\$|\Z)
      )
    | (?P<number> (?: 0[xXoObB][0-9A-Fa-f_]++
        | [0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?(?:[eE][+-]?[0-9]++)?
        | \.[0-9][0-9_]*+(?:[eE][+-]?[0-9]++)? ) (?:{_WORD})? )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_SPACES = re.compile(r"[\x00-\x20\x7f]*+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What no name needs, and no terminal should get; see `chaosnetra.text.one_line`.
_NOT_SHOWN = re.compile(r"[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
# A sign that belongs to the number after it: `x = -1` and `LIMIT -1`, but not `x -1`.
_SIGN = re.compile(
    r"((?:[(,=<>\[*/%+-]|\b(?:SELECT|AND|OR|NOT|BETWEEN|LIMIT|OFFSET|WHEN|THEN|ELSE|BY|TO|DEFAULT|"
    r"WHERE|RETURNING)) ?)[-+] ?\Z",
    re.IGNORECASE,
)
_SIGN_REACH = 16
# Names in quotes are this character meanwhile; a statement has none.
_NAME = "\0"
_VALUE = r"(?:\?|NULL|TRUE|FALSE|DEFAULT)"
_ROW = rf"\( ?{_VALUE}(?: ?, ?{_VALUE})*+ ?\)"
_LIST = re.compile(rf"\b(?:(IN) ?{_ROW}|(VALUES) ?{_ROW}(?: ?, ?{_ROW})*+)", re.IGNORECASE)
_FIRST_ROW = r"\bVALUES ?(\([^()\0]*+(?:\([^()\0]*+\)[^()\0]*+)*+\))"
_LIKE_ROWS = re.compile(rf"({_FIRST_ROW})(?: ?, ?\2)++", re.IGNORECASE)
# Where a text was cut within a list depends on the literals: as much is left as all have.
_CUT_LIST = re.compile(
    rf"(?P<start>{_FIRST_ROW}) ?,.*\Z|(?P<of>\bIN) ?\( ?{_VALUE}(?: ?, ?{_VALUE})*+ ?,? ?[-+]? ?\Z",
    re.IGNORECASE,
)
# Values in quotes of the wrong kind, or in none, are for the server to refuse, but secret too.
_OF_ROLES = re.compile(r"(?:\A|; ?)(?:CREATE|ALTER) (?:ROLE|USER|GROUP)\b", re.IGNORECASE)
_PASSWORD_NEXT = re.compile(r"\bPASSWORD ?\Z", re.IGNORECASE)
_BARE_PASSWORD = re.compile(r"(\bPASSWORD) ?=? ?(?!NULL\b|\?)[^ ;=\0]+", re.IGNORECASE)
# A value of a setting is masked without quotes as well: some keep secrets in settings.
_SETS = re.compile(r"\bSET\b", re.IGNORECASE)
_SETTING = (
    r"(?:\A ?|; ?)(?:ALTER (?:ROLE|USER|GROUP|DATABASE|SYSTEM|FUNCTION|PROCEDURE|ROUTINE) [^;]*?)?"
    r"\bSET (?:(?:SESSION|LOCAL) )?[^ ;=]+ ?(?:=|\bTO\b) ?+"
)
_IN_SETTING = re.compile(rf"{_SETTING}[^;]*\Z", re.IGNORECASE)
_BARE_SETTING = re.compile(rf"({_SETTING})(?!DEFAULT\b|\Z)[^;\0]*", re.IGNORECASE)


def normalized(text: str, *, whole: bool = True) -> str:
    """A statement on one line without comments, with `?` for each of its literals.

    Lists of literals after IN and VALUES become one. Names, parameters and operators stay. Of
    a literal that does not end all of the rest is masked, and of one whose end depends on
    `standard_conforming_strings` all is left out. At most `LONGEST_TEXT` characters.

    Args:
        text: a statement, or several; at most the first `MOST_READ` characters are read.
        whole: whether that is all of it.
    """
    if len(text) > MOST_READ:
        text, whole = text[:MOST_READ], False
    if not text.isascii():
        text = _NOT_SHOWN.sub(" ", encodable(text))
    masked, names, all_read = _masked(text)
    whole = whole and all_read
    masked = masked.strip(" ;")
    if MASK in masked and "(" in masked:
        masked = _with_short_lists(masked)
        if not whole:
            masked = _CUT_LIST.sub(_start_of_list, masked)
    if "PASSWORD" in masked.upper() and _OF_ROLES.search(masked):
        masked = _BARE_PASSWORD.sub(rf"\1 {MASK}", masked)
    if _SETS.search(masked):
        masked = _BARE_SETTING.sub(rf"\1{MASK}", masked)
    if names:
        between = masked.split(_NAME)
        del names[len(between) - 1 :]
        names.append("")
        masked = "".join(part for pair in zip(between, names, strict=True) for part in pair)
    if not whole and len(masked) < LONGEST_TEXT:
        masked = f"{masked}…"
    return cut(masked, LONGEST_TEXT)


def _masked(text: str) -> tuple[str, list[str], bool]:
    """The text with `MASK` for literals and `_NAME` for names in quotes, these names, and whether
    that is all of it.
    """
    parts: list[str] = [""]
    names: list[str] = []
    sets = _SETS.search(text) is not None
    at, end = 0, len(text)
    match = _TOKEN.match
    while at < end and len(parts) < _MOST_PIECES:
        token = match(text, at)
        if token is None:  # never: it has a case for any character
            break
        at = token.end()
        case = token.lastgroup
        if case == "plain":
            parts.append(token[0])
        elif case == "literal":
            parts.append(MASK)
            if "\\'" in token[0] and token[0][0] not in "eE$":
                return "".join(parts), names, False  # where it ends is a setting of the session
        elif case == "number":
            if parts[-1].rstrip(" ")[-1:] in ("-", "+"):
                tail = "".join(parts[-3:])
                near = max(len(tail) - _SIGN_REACH, 0)
                parts[-3:] = [tail[:near], _SIGN.sub(r"\1", tail[near:])]
            parts.append(MASK)
        elif case == "name":
            if (
                _PASSWORD_NEXT.search("".join(parts[-2:])) and _OF_ROLES.search("".join(parts))
            ) or (sets and _IN_SETTING.search("".join(parts))):
                parts.append(MASK)
            else:
                names.append(_CONTROL.sub(" ", token[0]))
                parts.append(_NAME)
        elif case == "other":
            parts.append(token[0])
        else:
            if case == "comment":
                at = _end_of_comment(text, at)
            if not parts[-1].endswith(" "):
                parts.append(" ")
    return "".join(parts), names, at >= end


def _with_short_lists(masked: str) -> str:
    while True:
        shorter = _LIKE_ROWS.sub(r"\1", _LIST.sub(rf"\1\2 ({MASK})", masked))
        if shorter == masked:
            return masked
        masked = shorter


def _start_of_list(cut_list: re.Match[str]) -> str:
    return cut_list["start"] or f"{cut_list['of']} ({MASK}"


def _end_of_comment(text: str, at: int) -> int:
    """Where a comment ends, and the space after it, that begins before `at`."""
    depth = 1
    while depth:  # they can hold others
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    spaces = _SPACES.match(text, at)
    return at if spaces is None else spaces.end()


def normalized_bytes(text: bytes, whole: bool) -> str:
    """The same of a statement as it is sent; the last ones are remembered."""
    if len(text) <= _LONGEST_REMEMBERED:
        return _remembered(text, whole)
    return normalized(text.decode("utf-8", "replace"), whole=whole)


@lru_cache(maxsize=1_000)
def _remembered(text: bytes, whole: bool) -> str:
    return normalized(text.decode("utf-8", "replace"), whole=whole)


# The server quotes names and values alike: values are what stands in single quotes, after a
# colon, after the word "value", and near an error where it begins as a literal does.
_IN_SINGLE_QUOTES = re.compile(r"(?:(?<!\w)|(?<=\b[eEbBxX]))'(?:[^']|'')*+'?")
_AFTER_COLON = re.compile(r'(: ?["„“«] ?).*?( ?["“”»][^"“”»]*)?\Z', re.DOTALL)
_VALUE_IN_QUOTES = re.compile(
    r'(\b(?:value|near) ")(?<!near ")[^"]*|(\bnear ")[0-9.$+"-].*?(?="|\Z)'
)
_PASSWORD_OF_NAME = re.compile(r"(\bpassword ?= ?).*", re.IGNORECASE)
_NEAR = re.compile(r'(\bnear ").*(?=")')
_OF_KEY = re.compile(r"(\)=\()(?:.*(?=\))|.*)", re.DOTALL)


def masked_message(text: str, statement: str = "") -> str:
    """What a server said, on one line and cut, without the values that it quotes.

    Args:
        text: that it said.
        statement: normalized, that it answers.
    """
    text = one_line(text[:MOST_READ])
    text = _IN_SINGLE_QUOTES.sub(f"'{MASK}'", text)
    text = _OF_KEY.sub(rf"\1{MASK}", text)
    text = _AFTER_COLON.sub(rf"\1{MASK}\2", text)
    if _OF_ROLES.search(statement) or _IN_SETTING.search(statement):
        text = _NEAR.sub(rf"\1{MASK}", text)  # a password, or a setting, without quotes
    text = _VALUE_IN_QUOTES.sub(lambda found: f"{found[1] or found[2]}{MASK}", text)
    return cut(_without_secrets(text), LONGEST_TEXT)


def masked_name(name: bytes) -> str:
    """The name of a user or a database, on one line and cut; some give a connection string."""
    text = one_line(name[:MOST_READ].decode("utf-8", "replace"))
    text = _PASSWORD_OF_NAME.sub(rf"\1{MASK}", _without_secrets(text))
    return cut(text, LONGEST_TEXT)


def _without_secrets(text: str) -> str:
    if "=" not in text and "://" not in text:
        return text
    secrets = Redactor()
    secrets.learn(text)
    return secrets.text(text)
