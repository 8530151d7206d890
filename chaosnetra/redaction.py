"""Keeps secrets out of everything that is written or shown.

Redaction goes by value: whatever a secret is called and wherever it turns up (a target's
traceback, a URL, an error text of the server), the text itself is replaced.
"""

import contextlib
import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from chaosnetra.text import encodable

MASK = "***"
# Replacing a very short value would riddle unrelated text, and show where it stands.
SHORTEST_SECRET = 4
# A variable of the environment may be called a token and hold a plain word; masking that word
# everywhere would spoil the journal. So may a line of a longer secret be one.
SHORTEST_IN_ENVIRONMENT = 8
SHORTEST_LINE = 8
_FOLDERS = ("PWD", "OLDPWD")
# Numbers of fewer digits are ports, years and counts too.
SHORTEST_NUMBER = 6
# The word "pass" ends many others (bypass, compass), and begins some (pass rate, passed).
_TELLING_KEY = (
    r"passw|passphrase|(?:^|[^a-z0-9])pass$|(?:db|pg|sql|smtp|mail|user|admin|root)pass$"
    r"|(?:^|[_-])pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key$|credential"
    r"|(?:^|[_-])dsn|authorization$|cookie$"
)
_TELLING_WORDS = (
    "pass", "pwd", "secret", "token", "key", "credential", "dsn", "authorization", "cookie"
)  # fmt: skip
# `{password}` in a template of ours, `${token}` in an experiment: what stands for a secret.
_PLACEHOLDER = r"\$?\{\w*\}"
_URL = r"(?<![a-z0-9+.-])[a-z0-9+.-]+:(?:[a-z]+:)?//[^\s\"'<>]+"
_LIKE_A_PORT = r"[0-9]*[/?#,]"
# `host=… password=…`, as libpq takes it, or with semicolons, as others do.
_PAIRED = r"(?:^|[\s;])(?:host|server|user|dbname|database)\s*="
_VALUE_IN_PAIRS = r"(?:^|[\s;])(?:ssl)?password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s';]+))"
_AFTER_SCHEME = r"(?:bearer|basic|token|apikey|digest)\s+(\S.*)"


def _is_secret_key(key: str) -> bool:
    """Whether what stands under a key is secret. Patterns are compiled when one is needed:
    together they take longer than an empty run's journal.
    """
    folded = key.casefold()
    if not any(word in folded for word in _TELLING_WORDS):
        return False
    return re.search(_TELLING_KEY, key, re.IGNORECASE) is not None


class Redactor:
    """Replaces known secret values in text and in JSON-like data."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._numbers: set[str] = set()

    def add(self, secret: str) -> None:
        """Learn a secret value, and how it looks quoted or escaped. Short values are ignored.

        Of one with several lines each counts too: output is read line by line.
        """
        if re.fullmatch(_PLACEHOLDER, secret):
            return
        lines = [line.strip() for line in secret.splitlines()]
        if len(lines) > 1:
            for line in lines:
                if len(line) >= SHORTEST_LINE and not line.startswith("-----"):  # -----BEGIN …
                    self._add(line)
        self._add(secret)

    def _add(self, secret: str) -> None:
        for value in _forms(secret):
            if len(value) >= SHORTEST_SECRET and value not in self._values:
                self._values.append(value)

    def learn(self, data: Any, *, secret: bool = False, shortest: int = SHORTEST_SECRET) -> None:
        """Learn the secrets in data: what stands under a telling key, and passwords in URLs.

        Args:
            data: JSON-like data, for example a configuration. Text in it that is JSON counts
                as what it says.
            secret: whether all of it is secret, whatever its keys.
            shortest: shorter values are passed over.
        """
        if isinstance(data, Mapping):
            for key, value in data.items():
                self.learn(value, secret=secret or _is_secret_key(str(key)), shortest=shortest)
        elif isinstance(data, (list, tuple)):
            for item in data:
                self.learn(item, secret=secret, shortest=shortest)
        elif isinstance(data, str):
            self._learn_text(data, secret, shortest)
        elif secret and _is_number(data) and len(str(data)) >= SHORTEST_NUMBER:
            self._numbers.add(str(data))

    def learn_environment(self, environ: Mapping[str, str]) -> None:
        """Learn the secrets in variables of the environment.

        The shell's folder is called like a password, and is none.
        """
        known = {name: value for name, value in environ.items() if name not in _FOLDERS}
        self.learn(known, shortest=SHORTEST_IN_ENVIRONMENT)

    def _learn_text(self, text: str, secret: bool, shortest: int) -> None:
        if text.lstrip().startswith(("{", "[")):
            with contextlib.suppress(ValueError, RecursionError):
                inside = json.loads(text)
                # By its own keys: the key of a service account has its project in it too.
                self.learn(inside, secret=secret and isinstance(inside, list), shortest=shortest)
        if secret and len(text) >= shortest:
            self.add(text)
            header = re.fullmatch(_AFTER_SCHEME, text, re.IGNORECASE)
            if header is not None and len(header[1]) >= shortest:
                self.add(header[1])
        if "://" in text:
            for url in re.findall(_URL, text, re.IGNORECASE):
                self.add_password_of(url)
        if "=" in text and re.search(_PAIRED, text, re.IGNORECASE):
            for quoted, plain in re.findall(_VALUE_IN_PAIRS, text, re.IGNORECASE):
                for password in (quoted, re.sub(r"\\(.)", r"\1", quoted), plain):
                    self.add(password)

    def add_password_of(self, url: str) -> None:
        """Learn the secrets in a URL, as typed and as meant; what is no URL is ignored."""
        found = []
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            found.append(parts.password or "")
            for option, value in (pair.partition("=")[::2] for pair in parts.query.split("&")):
                if _is_secret_key(unquote(option)):
                    found.append(value)
        # One that was not quoted may hold what else ends this part of a URL.
        authority = url.partition("://")[2].rpartition("@")[0]
        user, _, password = authority.partition(":")
        if "/" not in user and (url.startswith("postgres") or not re.match(_LIKE_A_PORT, password)):
            found.append(password)
        for secret in found:
            self.add(secret)
            self.add(unquote(secret))

    def text(self, text: str) -> str:
        """`text` with every known secret replaced."""
        spans = sorted(
            [
                *(
                    (start, start + len(value))
                    for value in self._values
                    for start in _starts(text, value)
                ),
                *(
                    found.span()
                    for number in self._numbers
                    for found in re.finditer(rf"(?<![\d.]){re.escape(number)}(?!\.?\d)", text)
                ),
            ]
        )
        if not spans:
            return text
        # Secrets may overlap; what any of them covers is masked as one.
        masked, end_of_last = [], 0
        for start, end in spans:
            if start >= end_of_last:
                masked += [text[end_of_last:start], MASK]
            end_of_last = max(end_of_last, end)
        return "".join([*masked, text[end_of_last:]])

    def data(self, data: Any) -> Any:
        """A copy of JSON-like data with every string in it, keys included, redacted.

        So are numbers that are secrets as a whole.
        """
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.data(key): self.data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.data(item) for item in data]
        if self._numbers and _is_number(data) and str(data) in self._numbers:
            return MASK
        return data


class _Finder(Redactor):
    """Tells only whether there is a secret, however short."""

    found = False

    def add(self, secret: str) -> None:
        self.found = self.found or bool(secret and not re.fullmatch(_PLACEHOLDER, secret))


def holds_secret(name: str, value: Any) -> bool:
    """Whether a value is secret by its name, or has a password in it.

    Unlike a `Redactor`, which has to know a value wherever it stands, this counts short ones too.
    """
    if _is_number(value) or isinstance(value, float):
        value = str(value)
    finder = _Finder()
    finder.learn({name: value}, shortest=1)
    return finder.found or bool(finder._numbers)


class LogFilter(logging.Filter):
    """Masks secrets in log records, tracebacks included, before any handler sees them."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor.text(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            # A formatter takes the text that is there instead of making it from the exception.
            record.exc_text = self._redactor.text(
                logging.Formatter().formatException(record.exc_info)
            )
        return True


def mask_tracebacks(redactor: Redactor) -> None:
    """Have Python print what nobody catches in this process without the secrets in it."""

    def show(*raised: Any) -> None:
        text = "".join(traceback.format_exception(*raised))
        print(redactor.text(text), end="", file=sys.stderr, flush=True)  # noqa: T201

    def show_of_thread(raised: threading.ExceptHookArgs) -> None:
        if raised.exc_type is not SystemExit:
            show(raised.exc_type, raised.exc_value, raised.exc_traceback)

    sys.excepthook = show
    threading.excepthook = show_of_thread


def _forms(secret: str) -> set[str]:
    """A secret as it is, percent-encoded in either case, and within a string of JSON or Python."""
    # A variable of the environment may hold what is not UTF-8.
    plain = encodable(secret)
    quoted = {quote(plain), quote(plain, safe=""), quote_plus(plain)}
    lower = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in quoted}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *quoted, *lower, *escaped, repr(secret)[1:-1]}


def _is_number(data: Any) -> bool:
    # Python refuses to print a number of thousands of digits.
    return isinstance(data, int) and not isinstance(data, bool) and abs(data) < 10**100


def _starts(text: str, value: str) -> Iterator[int]:
    """Every place where `value` begins, overlapping ones too."""
    start = text.find(value)
    while start >= 0:
        yield start
        start = text.find(value, start + 1)
