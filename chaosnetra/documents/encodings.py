"""Text of files that somebody else wrote: the Chaos Toolkit, or an editor, on any platform.

The Chaos Toolkit writes its journal in the platform's encoding, which on Windows is often cp1252,
and editors there mark UTF-8 or write UTF-16.
"""

import codecs
from pathlib import Path

UTF_8 = "utf-8-sig"  # with its mark or without
# What is no UTF-8; the second has a character for each byte.
OTHERS = ("cp1252", "latin-1")
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def possible(beginning: bytes) -> tuple[str, ...]:
    """Encodings to be tried in turn for a file that begins so."""
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            return (encoding,)
    return (UTF_8, *OTHERS)


def decoded(raw: bytes, path: Path) -> str:
    """The text of a whole file; says so where it is not UTF-8.

    Raises:
        UnicodeDecodeError: it is marked as what it is not.
    """
    *tried, last = possible(raw[:4])
    for encoding in tried:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        tell(path, encoding)
        return text
    tell(path, last)
    return raw.decode(last)


def tell(path: Path, encoding: str) -> None:
    """Say in one line that a file was not read as UTF-8, if it was not."""
    if encoding != UTF_8:
        import logging

        logging.getLogger("chaostoolkit").warning(f"{path}: it is not UTF-8; read as {encoding}")
