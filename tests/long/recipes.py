# ruff: noqa: T201
"""Tries each recipe of `docs/recipes.md` as it stands there.

    python -m tests.long.recipes [--only FastAPI Node …]

Writes the files, gets the packages, and gives the command, without an option. Prints the screen of
each, and holds its table against the page's: whether it was ready in each stage, and after how many
round trips. One whose tool is not there is left out. Each takes about two minutes. Exit code 1
where one shows something else.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.recipes import Recipe, recipes, rows_of

INSTALL_SECONDS = 900
TRY_SECONDS = 900


def shows(recipe: Recipe, folder: Path) -> bool | None:
    """Whether a try shows what the page says; None: a tool is not there."""
    own = Path(sys.executable).parent
    path = os.pathsep.join((str(own), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path}
    recipe.write(folder)
    for command, seconds in ((recipe.install, INSTALL_SECONDS), (recipe.command, TRY_SECONDS)):
        if not command:
            continue
        tool = shlex.split(command)[0]
        if shutil.which(tool, path=path) is None:
            print(f"{recipe.name}: left out, there is no {tool}", flush=True)
            return None
        ran = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if command is recipe.install else None,
            text=True,
            timeout=seconds,
        )
        if ran.returncode != 0:
            print(f"{recipe.name}: {command} ended with {ran.returncode}\n{ran.stdout}", flush=True)
            return False
    print(ran.stdout, flush=True)
    found = rows_of(ran.stdout)
    if not recipe.shows(found):
        print(f"{recipe.name}: the page says {recipe.rows}, the try {found}", flush=True)
    return recipe.shows(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = recipes()
    parser.add_argument("--only", nargs="+", choices=[*known], default=[*known])
    failed = []
    for name in parser.parse_args().only:
        with tempfile.TemporaryDirectory() as folder:
            if shows(known[name], Path(folder)) is False:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all show what the page says")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
