"""The modules that an experiment names, imported as `chaos validate` would: in this process.

A module that cannot be imported here is a finding, and what it would hold stays unchecked.
"""

import contextlib
import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Loaded:
    """A module, or why there is none: what is wrong with it, as the end of a sentence."""

    module: ModuleType | None
    problem: str = ""


class Modules:
    """Imports each module once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Loaded] = {}

    def load(self, name: str) -> Loaded:
        """Import a module. What it prints goes to the standard error."""
        if name not in self._loaded:
            self._loaded[name] = _import(name)
        return self._loaded[name]

    def function(self, module: str, name: str) -> Callable[..., Any] | None:
        """A plain function, the only thing that the core takes for an activity; else None."""
        found = member(self.load(module).module, name)
        if inspect.isfunction(found) or inspect.isbuiltin(found):
            return found
        return None

    def signature(self, module: str, name: str) -> inspect.Signature | None:
        """Of such a function; None for a builtin that has none."""
        function = self.function(module, name)
        try:
            return None if function is None else inspect.signature(function)
        except (ValueError, TypeError):
            return None


def member(module: ModuleType | None, name: str) -> Any:
    """What a module holds under a name; None when nothing, or when its `__getattr__` raises."""
    try:
        return getattr(module, name, None)
    except Exception:  # noqa: BLE001 - anybody's module
        return None


def _import(name: str) -> Loaded:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return Loaded(importlib.import_module(name))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module can raise anything
        package = name.partition(".")[0]
        missing = isinstance(error, ModuleNotFoundError) and error.name == package
        happened = "is not installed here" if missing else "cannot be imported here"
        return Loaded(None, f"{happened} ({type(error).__name__}: {error})")
