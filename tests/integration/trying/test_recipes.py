"""The first recipe, tried as the documentation says; `tests.long.recipes` tries all of them."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.support.programs import captured
from tests.support.recipes import recipes, rows_of

# So that a silent database is not waited for as long as by default.
QUICKLY = ("--latency-ms", "40", "--limit-seconds", "10")

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_recipe_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipes()["FastAPI"]
    recipe.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    own = Path(sys.executable).parent
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # nox sets one that has no packages
    monkeypatch.setenv("PATH", f"{own}{os.pathsep}{os.environ['PATH']}")
    program, tried, *words = shlex.split(recipe.command)
    assert tried == "try"
    ran = captured([str(own / program), tried, *QUICKLY, *words], timeout=280)
    assert ran.returncode == 0, ran.stderr
    assert recipe.shows(rows_of(ran.stdout)), ran.stdout
