"""What `chaosnetra init` writes for another repository runs as its pipeline runs it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaosnetra.scaffold.repository_files import GITHUB
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from tests.support.programs import captured, merged

CHAOSNETRA = Path(sys.executable).with_name("chaosnetra")
# Gives up after 2 s, so that a silent database takes no longer.
SERVICE = """
import asyncio, os
import asyncpg

async def main():
    opened = await asyncio.wait_for(asyncpg.connect(os.environ["SHOP_DATABASE_URL"]), 2)
    await opened.fetch("SELECT 1")
    await opened.close()

asyncio.run(main())
"""

pytestmark = pytest.mark.usefixtures("nothing_left")


def steps(folder: Path, home: Path) -> dict[str, Any]:
    """What the commands of a workflow's steps end with, by their names, as GitHub runs them."""
    job = yaml.safe_load((folder / GITHUB).read_text())["jobs"]["startup"]
    variables = {"HOME": str(home), "GITHUB_STEP_SUMMARY": str(home / "summary.md"), **job["env"]}
    where = folder / job["defaults"]["run"]["working-directory"]
    return {
        step["name"]: merged(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=where,
            env={**os.environ, **variables},
            timeout=240,
        )
        for step in job["steps"]
        # It has the package of the tests.
        if "run" in step and not step["name"].startswith("Install chaosnetra")
    }


def test_the_step_of_a_repository_passes_when_its_commands_are_run(
    tmp_path: Path, toxiproxy_server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "shop", tmp_path / "home"
    (home / "chaosnetra" / "bin").mkdir(parents=True)
    (home / "chaosnetra" / "bin" / "chaosnetra").symlink_to(CHAOSNETRA)
    (folder / ".git").mkdir(parents=True)
    (folder / "start.py").write_text(SERVICE)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    options = ["--latency-ms", "20", "--limit-seconds", "8"]
    made = captured([CHAOSNETRA, "init", *options, "--", sys.executable, "start.py"], timeout=120)
    assert made.returncode == 0, made.stderr
    assert "chaos run experiments/startup.json" in made.stdout
    assert "/evidence/" in (folder / ".gitignore").read_text()

    ran = steps(folder, home)
    assert {done.returncode for done in ran.values()} == {0}, ran
    result = json.loads((folder / "evidence" / "result.json").read_text())
    assert [one["outcome"] for one in result["experiments"]] == ["held", "held"]
    assert (folder / "evidence" / "junit.xml").is_file()
    assert "# Steady state: held" in (home / "summary.md").read_text()
    section = json.loads((folder / "evidence" / "startup_latency" / "journal.json").read_text())[
        "chaosnetra"
    ]
    assert section["sources"]["target"]["place"] == "chaosnetra.toml:4"


def test_without_a_terminal_it_says_what_to_give(tmp_path: Path) -> None:
    done = captured([CHAOSNETRA, "init"], cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert "name the service's command after --" in done.stderr
    of_a_try = captured([CHAOSNETRA, "init", "--from-try", "none"], cwd=tmp_path, timeout=60)
    assert of_a_try.returncode == 2
    assert "none/experiment.json: there is no such file" in of_a_try.stderr
    assert list(tmp_path.iterdir()) == []
