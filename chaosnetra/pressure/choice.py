"""Which action an experiment means, where it acts.

An experiment names one for each environment, as a provider would: `module`, `func`, `arguments`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from chaosnetra import ACTION_MODULES
from chaosnetra.errors import InvalidInput

ENVIRONMENTS = ("local", "staging")
KEYS = ("module", "func", "arguments")
HERE = "chaosnetra.pressure.actions"
_GIVEN = {"configuration": None, "secrets": None}


@dataclass(frozen=True)
class Chosen:
    """One action of ours with its arguments."""

    module: str
    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]

    @property
    def shown(self) -> str:
        return f"{self.module}.{self.name}"

    @classmethod
    def parse(cls, environment: str, given: Any) -> "Chosen":
        """Check what an experiment names for an environment.

        Raises:
            InvalidInput: it is no action of ours, or does not take these arguments.
        """
        if not isinstance(given, dict) or not {"module", "func"} <= set(given) <= set(KEYS):
            raise InvalidInput(
                f"{environment} must be an object with module, func and arguments, got {given!r}"
            )
        module, name, arguments = given["module"], given["func"], given.get("arguments", {})
        if module not in ACTION_MODULES or module == HERE:
            known = ", ".join(one for one in ACTION_MODULES if one != HERE)
            raise InvalidInput(f"{environment}: module must be one of {known}, got {module!r}")
        loaded = import_module(module)
        if name not in loaded.__all__:
            known = ", ".join(loaded.__all__)
            raise InvalidInput(f"{environment}: {module} has the actions {known}, not {name!r}")
        function = getattr(loaded, name)
        try:
            inspect.signature(function).bind(**{**arguments, **_GIVEN})
        except TypeError as error:
            raise InvalidInput(f"{environment}: {module}.{name}: {error}") from None
        return cls(module, name, function, arguments)


def choose(environment: str, by_environment: Mapping[str, Any]) -> Chosen:
    """The action for an environment; what is named for the others is checked too.

    Raises:
        InvalidInput: one cannot be used, or none is named for this environment.
    """
    chosen = {name: Chosen.parse(name, given) for name, given in by_environment.items() if given}
    if environment not in chosen:
        raise InvalidInput(
            f"this experiment names no action for the environment {environment}: add the argument "
            f"{environment}, an object with module, func and arguments"
        )
    return chosen[environment]
