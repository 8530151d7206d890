"""Keeps secrets out of everything that is written or shown.

Redaction goes by value: whatever a secret is called and wherever it turns up (a target's
traceback, a URL, an error text of the server), the text itself is replaced.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
# Replacing a very short value would riddle unrelated text, and tell where it stands.
SHORTEST_SECRET = 4
# A variable of the environment may be called a token and hold a plain word; masking that word
# everywhere would spoil the journal.
SHORTEST_IN_ENVIRONMENT = 8
_SECRET_KEY = re.compile(
    r"passw|passphrase|(?:^|_)pwd|secret|token|api_?key|private_?key|credential|(?:^|_)dsn",
    re.IGNORECASE,
)


class Redactor:
    """Replaces known secret values in text and in JSON-like data."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def add(self, secret: str) -> None:
        """Learn a secret value; its URL-quoted form counts too. Short values are ignored."""
        for value in {secret, quote(secret, safe="")}:
            if len(value) >= SHORTEST_SECRET and value not in self._values:
                self._values.append(value)

    def learn(self, data: Any, *, secret: bool = False, shortest: int = SHORTEST_SECRET) -> None:
        """Learn the secrets in data: what stands under a telling key, and passwords in URLs.

        Args:
            data: JSON-like data, for example a configuration.
            secret: whether all of it is secret, whatever its keys.
            shortest: shorter values are passed over.
        """
        if isinstance(data, Mapping):
            for key, value in data.items():
                self.learn(
                    value, secret=secret or bool(_SECRET_KEY.search(str(key))), shortest=shortest
                )
        elif isinstance(data, (list, tuple)):
            for item in data:
                self.learn(item, secret=secret, shortest=shortest)
        elif isinstance(data, str):
            if secret and len(data) >= shortest:
                self.add(data)
            if "://" in data and "@" in data:
                self.add_password_of(data)

    def add_password_of(self, url: str) -> None:
        """Learn the password in a URL, if it holds one; what is no URL is ignored."""
        try:
            password = urlsplit(url).password
        except ValueError:
            return
        if password:
            self.add(unquote(password))

    def text(self, text: str) -> str:
        """`text` with every known secret replaced."""
        spans = sorted(
            (start, start + len(value)) for value in self._values for start in _starts(text, value)
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
        """A copy of JSON-like data with every string in it, keys included, redacted."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {self.data(key): self.data(value) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.data(item) for item in data]
        return data


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


def _starts(text: str, value: str) -> Iterator[int]:
    """Every place where `value` begins, overlapping ones too."""
    start = text.find(value)
    while start >= 0:
        yield start
        start = text.find(value, start + 1)
