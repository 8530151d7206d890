"""The experiments and game days that come with this package."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from chaosnetra.hints import PREFIX

_VARIABLE = re.compile(rf"{PREFIX}\w+")


def shipped_files() -> dict[str, Path]:
    """Each file by its name without its ending; of a game day with its folder."""
    root = Path(str(files("chaosnetra"))) / "shipped"
    found = [*sorted(root.glob("*.json")), *sorted(root.glob("gamedays/*.json"))]
    return {
        path.relative_to(root).with_suffix("").as_posix(): path.resolve()
        for path in found
        if not path.name.endswith(".schema.json")
    }


@cache
def shipped_variables() -> Mapping[str, list[str]]:
    """The environment variables that experiments of this package name, each with their names."""
    named: dict[str, list[str]] = {}
    for name, path in shipped_files().items():
        if "/" not in name:
            for variable in sorted(set(_VARIABLE.findall(path.read_text(encoding="utf-8")))):
                named.setdefault(variable, []).append(name)
    return named
