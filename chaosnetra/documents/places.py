"""Places in a document, and how deep and large one may be."""

from dataclasses import dataclass
from typing import Any

# Keys and indices from the root.
Place = tuple[Any, ...]

DEEPEST = 100
MOST_VALUES = 100_000


@dataclass(frozen=True)
class Duplicate:
    """A key that an object holds twice; the later one counts, for JSON as for YAML."""

    place: Place
    first_line: int
    line: int


# Data, the line of each key and element, and duplicate keys in the order of the text.
Parsed = tuple[Any, dict[Place, int], list[Duplicate]]
