"""Text from anywhere, made fit to be shown or written."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def encodable(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", errors="replace").decode()
    return text


def one_line(text: str) -> str:
    """`text` on one line: control characters, line ends among them, become spaces."""
    return encodable(_CONTROL.sub(" ", text))
