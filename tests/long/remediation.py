# ruff: noqa: T201
"""Proves the way from a failure to its remedy: run, recommend, run again, compare.

    python -m tests.long.remediation [--experiments vpc_latency …] [--folder DIR]

Every experiment is run with the settings of issue 1263; from these journals alone `recommend`
writes a profile; with it every experiment is run again; `compare` has to say of each
"previously failing, now holds". Exit code 1 when it does not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.repository import EXPERIMENTS

OLD_PROFILE = "issue-1263"
NEW_PROFILE = "fixed"
RUN_SECONDS = 900


def program(name: str) -> str:
    """A command of this environment."""
    return str(Path(sys.executable).with_name(name))


def run(experiment: Path, profile: str, journal: Path) -> int:
    """Run an experiment with a profile; its log stands beside its journal.

    Returns:
        The exit code of `chaos run`.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.with_suffix(".log").open("wb") as log:
        done = subprocess.run(
            [
                program("chaos"),
                "--no-version-check",
                "run",
                "--journal-path",
                str(journal),
                str(experiment),
            ],
            cwd=journal.parent,
            env={**os.environ, "CHAOSNETRA_PROFILE": profile},
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    return done.returncode


def recommend(before: Path, folder: Path) -> tuple[list[dict[str, Any]], Path]:
    """What `recommend` says of journals, and the profile that it wrote to a folder."""
    command = [program("chaosnetra"), "recommend", "--format", "json", str(before)]
    command += ["--write-profile", NEW_PROFILE, "--directory", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"recommend ended with {done.returncode}: {done.stderr}")
    said = json.loads(done.stdout)
    return said["recommendations"], Path(said["profile_file"])


def compare(before: Path, after: Path) -> tuple[int, dict[str, str]]:
    """The exit code of `compare`, and what became of each experiment by its title."""
    command = [program("chaosnetra"), "compare", "--format", "json", str(before), str(after)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if not done.stdout:
        raise RuntimeError(f"compare ended with {done.returncode}: {done.stderr}")
    found = json.loads(done.stdout)["experiments"]
    return done.returncode, {one["title"]: one["change"] for one in found}


def remedy(experiments: Iterable[Path], folder: Path) -> bool:
    """The whole way; whether every experiment failed before and holds after."""
    before, after = folder / "before", folder / "after"
    chosen = list(experiments)
    for experiment in chosen:
        timed(experiment, OLD_PROFILE, before / experiment.name)
    found, profile = recommend(before, folder)
    for one in found:
        current = f"{one['current']} -> " if one["current"] is not None else ""
        print(f"{one['subject']}: {current}{one['proposed']}")
    for experiment in chosen:
        timed(experiment, str(profile), after / experiment.name)
    code, changes = compare(before, after)
    for title, change in changes.items():
        print(f"{change}: {title}")
    print(f"compare ends with {code}; journals and {profile.name} are in {folder}")
    fixed = all(change == "previously failing, now holds" for change in changes.values())
    return code == 0 and fixed and len(changes) == len(chosen)


def timed(experiment: Path, profile: str, journal: Path) -> int:
    """Like `run`, and tells how long it took."""
    started = time.monotonic()
    code = run(experiment, profile, journal)
    print(
        f"{experiment.name} with {Path(profile).stem}: exit code {code}, "
        f"{time.monotonic() - started:.0f} s",
        flush=True,
    )
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long.remediation", description=__doc__)
    parser.add_argument("--experiments", nargs="*", help="names; all of them")
    parser.add_argument("--folder", type=Path, help="where journals go; a temporary one")
    given = parser.parse_args()
    names = given.experiments or sorted(path.stem for path in EXPERIMENTS.glob("*.json"))
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="remediation-"))).resolve()
    return 0 if remedy([EXPERIMENTS / f"{name}.json" for name in names], folder) else 1


if __name__ == "__main__":
    sys.exit(main())
