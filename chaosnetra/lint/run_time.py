"""Variables and secrets that are nowhere in the file, and that a control may set when it runs."""

import inspect
import re
from types import ModuleType

from chaosnetra.lint.modules import member
from chaosnetra.lint.outline import OURS, Outline
from chaosnetra.lint.rules.controls import CONFIGURE, HOOKS

# Through these a control can change what the core substitutes; all of them are the run's own.
_CHANGEABLE = {"configuration", "secrets", "experiment"}


def setter_of(outline: Outline, name: str) -> str | None:
    """A control that may set a variable of this name, or a group of secrets; None if none does.

    It is one of another package that is given the configuration, the secrets or the experiment,
    that names the variable itself, or that is not installed here, so that nobody knows.
    """
    for control in outline.controls:
        if not control.module or control.module.startswith(OURS):
            continue
        module = outline.modules.load(control.module).module
        if module is None or _is_given_them(module) or _names(module, name):
            return control.module
    return None


def _is_given_them(module: ModuleType) -> bool:
    for hook in (member(module, name) for name in (CONFIGURE, *HOOKS)):
        try:
            if _CHANGEABLE & inspect.signature(hook).parameters.keys():
                return True
        except (ValueError, TypeError):
            continue
    return False


def _names(module: ModuleType, name: str) -> bool:
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return False
    return re.search(rf"""["']{re.escape(name)}["']""", source) is not None
