"""YAML text with the line of every key, from PyYAML's nodes; as the Chaos Toolkit reads it."""

from collections.abc import Hashable
from typing import Any

from chaosnetra.documents.places import DEEPEST, MOST_VALUES, Duplicate, Parsed, Place

_MERGE = "tag:yaml.org,2002:merge"


def parse_yaml(text: str) -> Parsed:
    """Data, lines and duplicate keys of a YAML text.

    Raises:
        ValueError: it is not YAML, nested more than 100 deep, or more than 100,000 values, for
            example through aliases of aliases.
        RecursionError: it is nested far deeper than that.
    """
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            reader = _Reader(loader)
            data = None if node is None else reader.value(node, ())
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from None
    except (KeyError, IndexError, OverflowError, TypeError, AttributeError) as error:
        # PyYAML's own constructors stumble over some scalars, as they would for the core.
        raise ValueError(f"not YAML: {type(error).__name__}: {error}") from None
    return data, reader.lines, reader.duplicates


class _Reader:
    def __init__(self, loader: Any) -> None:
        import yaml

        self.lines: dict[Place, int] = {}
        self.duplicates: list[Duplicate] = []
        self._loader = loader
        self._mapping, self._sequence = yaml.MappingNode, yaml.SequenceNode
        self._values = 0

    def value(self, node: Any, place: Place, depth: int = 0) -> Any:
        """The data of a node; what lies in it is noted under `place`."""
        self._values += 1
        line = node.start_mark.line + 1
        if self._values > MOST_VALUES:
            raise ValueError(f"line {line}: more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise ValueError(f"line {line}: nested more than {DEEPEST} deep")
        if isinstance(node, self._mapping):
            return self._object(node, place, depth)
        if isinstance(node, self._sequence):
            return [self._element(item, (*place, at), depth) for at, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _element(self, node: Any, place: Place, depth: int) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self.value(node, place, depth + 1)

    def _object(self, node: Any, place: Place, depth: int) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        lines: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._merge(merged, value_node, place, depth)
                continue
            key = self._key(key_node)
            line = key_node.start_mark.line + 1
            if key in lines:
                self.duplicates.append(Duplicate((*place, key), lines[key], line))
            lines[key] = line
            own[key] = self.value(value_node, (*place, key), depth + 1)
        self.lines.update({(*place, key): line for key, line in lines.items()})
        return merged | own

    def _merge(self, merged: dict[Any, Any], node: Any, place: Place, depth: int) -> None:
        """Take in what a `<<` names; of several, the first that has a key counts."""
        sources = node.value if isinstance(node, self._sequence) else [node]
        for source in sources:
            if not isinstance(source, self._mapping):
                raise ValueError(f"line {node.start_mark.line + 1}: << needs an object")
            found = self.value(source, place, depth + 1)
            for key in found:
                merged.setdefault(key, found[key])

    def _key(self, node: Any) -> Hashable:
        if isinstance(node, (self._mapping, self._sequence)):
            raise ValueError(f"line {node.start_mark.line + 1}: a key must be text")
        key: Hashable = self._loader.construct_object(node)
        return key
