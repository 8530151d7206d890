"""Text from anywhere, for a report: it shows what it says, and does nothing else.

Error texts come from targets, so they may hold anything: terminal sequences, control characters
that XML forbids, and signs that turn the direction of writing around.
"""

import json
import re

from chaosnetra.text import cut, encodable

LONGEST = 2_000
# Terminal sequences (ECMA-48): CSI, then OSC and its like up to their end, then short ones.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,1000}(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
# What XML 1.0 does not allow or advises against, directions of writing (Unicode's "Trojan
# source"), invisible signs that can take a name apart, and non-characters.
_UNFIT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]"
    "|["
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(1 << 16, 0x110000, 1 << 16)
    )
    + "\U000e0000-\U000e0fff]"
)


def without_unfit(text: str) -> str:
    """`text` without characters that no report may hold; line ends and tabs stay."""
    return _UNFIT.sub("", encodable(text))


def visible(text: object, longest: int = LONGEST) -> str:
    """Text for a report.

    Args:
        text: whatever is to be shown; what is no text is shown by its `str`.
        longest: characters; what is longer is cut in the middle, and says so.

    Returns:
        The text without terminal sequences and unfit characters. Its end is kept when it is cut:
        a traceback says what happened in its last line.
    """
    raw = text if isinstance(text, str) else str(text)
    if len(raw) > 4 * longest:  # a text of megabytes need not be cleaned to be cut
        raw = f"{raw[: 2 * longest]}{raw[-2 * longest :]}"
        return _cut(_cleaned(raw), longest, len(text) if isinstance(text, str) else len(raw))
    cleaned = _cleaned(raw)
    return _cut(cleaned, longest, len(cleaned))


def one_visible_line(text: object, longest: int = LONGEST) -> str:
    """Like `visible`, on one line."""
    return " ".join(visible(text, longest).split())


def shortened(text: object, longest: int) -> str:
    """The beginning of a text, on one line: a label, where there is little room."""
    return cut(one_visible_line(text, max(longest, LONGEST)), longest)


def without_middle(name: object, longest: int) -> str:
    """A name that a plot on a narrow screen has room for: those of one run often begin alike."""
    line = one_visible_line(name, max(longest, LONGEST))
    if len(line) <= longest:
        return line
    end = longest // 2
    return f"{line[: longest - end - 1]}…{line[-end:]}"


def as_json(value: object, longest: int = 300) -> str:
    """A value of any kind, as far as it fits; a large one is not written out to be cut."""
    if isinstance(value, (dict, list)) and len(value) > longest:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,} elements"
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return cut(text, longest)


def _cleaned(text: str) -> str:
    return without_unfit(_TERMINAL.sub("", text.replace("\r\n", "\n"))).replace("\r", "\n")


def _cut(text: str, longest: int, length: int) -> str:
    if len(text) <= longest:
        return text
    mark = f" … ({length:,} characters) … "
    tail = longest // 4
    return f"{text[: max(0, longest - tail - len(mark))]}{mark}{text[-tail:]}"
