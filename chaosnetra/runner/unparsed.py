"""Whether a file that cannot be parsed may be an experiment: by its keys, as far as it goes."""

import re
from collections.abc import Iterator
from pathlib import Path

from chaosnetra.documents.document import MOST_BYTES
from chaosnetra.documents.encodings import possible

HYPOTHESIS = "steady-state-hypothesis"
# What an experiment may begin with.
KEYS = frozenset(
    (
        *("version", "title", "description", "tags", "contributions", "configuration", "secrets"),
        *("extensions", "controls", "runtime", HYPOTHESIS, "method", "rollbacks"),
    )
)
# A Compose file or a Taskfile begins with it just as well.
_OF_MANY = "version"
# Keys that make an experiment, wherever the file breaks off.
_SIGN = re.compile(rf"""{HYPOTHESIS}|(?:^|[{{,])\s*["']?method["']?\s*:""", re.MULTILINE)
# The core writes it at the beginning of a journal.
_JOURNAL_SIGN = "chaoslib-version"
_JSON_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*")(\s*:)?|[{}\[\]]""", re.DOTALL)
_YAML_KEY = re.compile(r"""^["']?([A-Za-z_$][^\s"':]*)["']?\s*:(?:\s|$)""", re.MULTILINE)


def may_be_an_experiment(path: Path) -> bool:
    """Whether a file that cannot be parsed may be an experiment.

    It is something else when its first key is that of something else, as `name` is. One that
    breaks off before its first key, or cannot be opened, may be one; an empty file is none, as in
    YAML, where it is whole.

    Args:
        path: a JSON or YAML file.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES)
    except (FileNotFoundError, IsADirectoryError):
        return False  # such as an editor's lock on a file, or a folder that is called like one
    except OSError:
        return True
    text = raw.decode(possible(raw[:4])[0], errors="replace").lstrip()
    if _JOURNAL_SIGN in text:
        return False
    return _SIGN.search(text) is not None or _begins_as_one(text, is_json=path.suffix == ".json")


def _begins_as_one(text: str, *, is_json: bool) -> bool:
    is_object = text.startswith("{") and not text.startswith("{{")  # which is a template
    if is_object:
        keys = _keys_of_json(text)
    elif is_json:
        return False  # nothing, an array, or no JSON at all
    else:
        keys = (match[1] for match in _YAML_KEY.finditer(text))
    met = list[str]()
    for key in keys:
        if key != _OF_MANY:
            return key in KEYS
        met.append(key)
    return is_object or bool(met)


def _keys_of_json(text: str) -> Iterator[str]:
    """The keys of an object, as far as it goes, without those of what it holds."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        if token[1] is None:
            depth += 1 if token[0] in "{[" else -1
        elif token[2] and depth == 1:
            yield token[1][1:-1]
