"""Functions that are called with all that this process sees of something, for undos included."""

from collections.abc import Callable
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Watchers(Generic[Seen]):
    """Those who want to know."""

    def __init__(self) -> None:
        self._all: list[Callable[[Seen], None]] = []

    def add(self, watcher: Callable[[Seen], None]) -> Callable[[], None]:
        """Call a function from now on; returns a function that ends it."""
        self._all.append(watcher)
        return lambda: self._all.remove(watcher)

    def notify(self, seen: Seen) -> None:
        for watcher in tuple(self._all):
            watcher(seen)
