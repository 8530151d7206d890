"""An experiment file as data, with the line of every key and element."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.documents.encodings import decoded
from chaosnetra.documents.json_text import parse_json
from chaosnetra.documents.places import Duplicate, Place
from chaosnetra.documents.yaml_text import parse_yaml
from chaosnetra.errors import Unreadable

MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Document:
    """What a file holds.

    Attributes:
        name: the file as it was named.
        data: as the Chaos Toolkit reads it.
        lines: the line of each key and element, from 1.
        duplicates: in the order of the file.
    """

    name: str
    data: Any
    lines: Mapping[Place, int]
    duplicates: tuple[Duplicate, ...] = ()

    def line(self, place: Place) -> int:
        """The line of a place; of what holds it, when it is not there."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return 1


def read_document(path: Path, *, any_encoding: bool = False) -> Document:
    """Read an experiment.

    Args:
        path: a file that ends with .json, .yaml or .yml, as the Chaos Toolkit wants it.
        any_encoding: whether it may be something else than UTF-8 without a mark, which is all
            that the Chaos Toolkit takes.

    Raises:
        Unreadable: it cannot be read as JSON or YAML; says where it breaks off.
    """
    suffix = path.suffix
    if suffix not in (".json", ".yaml", ".yml"):
        raise Unreadable(f"{path}: the Chaos Toolkit reads only .json, .yaml and .yml files")
    text = _text(path, any_encoding)
    return parsed(text, str(path), is_json=suffix == ".json")


def parsed(text: str, name: str, *, is_json: bool) -> Document:
    """As `read_document`, for what was read already."""
    try:
        data, lines, duplicates = (parse_json if is_json else parse_yaml)(text)
    except RecursionError:
        raise Unreadable(f"{name}: it is nested too deeply to be read") from None
    except ValueError as error:
        raise Unreadable(f"{name}: {error}") from None
    return Document(name, data, lines, tuple(duplicates))


def _text(path: Path, any_encoding: bool) -> str:
    try:
        if not path.is_file():
            why = "it is no plain file" if path.exists() else "there is no such file"
            raise Unreadable(f"{path}: {why}")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: {error}") from None
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"{path}: it has more than {MOST_BYTES:,} bytes; that is no experiment")
    try:
        return decoded(raw, path) if any_encoding else raw.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: it is not UTF-8 (byte {error.start})") from None
