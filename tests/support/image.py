"""Python as in the image of a job: with some packages only, for all that it starts too."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

EXTRA = ("psutil", "asyncpg", "re2")
# Python imports it by itself at its start.
GUARD = """
import sys
from importlib.machinery import PathFinder

class Only:
    def __init__(self, finders):
        self.finders = finders

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in {known} or name.startswith("__editable__"):
            found = (finder.find_spec(name, path, target) for finder in self.finders)
            return next((spec for spec in found if spec), None)

    find_distributions = staticmethod(PathFinder.find_distributions)

sys.meta_path[:] = [Only(list(sys.meta_path))]
"""


def in_image(folder: Path, packages: tuple[str, ...] = EXTRA) -> dict[str, str]:
    """Variables for a Python that has these packages and no others.

    Args:
        folder: for the guard.
        packages: by the names that are imported.
    """
    known = ("chaosnetra", "sitecustomize", *packages)
    (folder / "sitecustomize.py").write_text(GUARD.format(known=known))
    return {"PYTHONPATH": str(folder)}


def run_python(*arguments: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
    )
