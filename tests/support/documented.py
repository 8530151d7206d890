"""Commands of a document, run as they stand there: in one shell, one line after the other."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import merged
from tests.support.repository import EXPERIMENTS, ROOT

_MARK = "== of the test ="


@dataclass(frozen=True)
class Done:
    """A line that was run: its exit code, and all that it said."""

    line: str
    code: int
    said: str


def commands_of(page: str, label: str) -> list[str]:
    """The lines of a page's block ```` ```sh LABEL ````."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```sh {re.escape(label)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(block).splitlines()


def run_lines(
    lines: list[str], folder: Path, environment: Mapping[str, str], seconds: float
) -> list[Done]:
    """Run them as a user does who stands in a folder with `experiments/` in it.

    Args:
        lines: of a shell.
        folder: where they are run.
        environment: what the user has exported before.
        seconds: for all of them.
    """
    experiments = folder / "experiments"
    if not experiments.exists():
        experiments.symlink_to(EXPERIMENTS)
    script = "\n".join(f"{line}\ncode=$?; echo; echo '{_MARK}'$code" for line in lines)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, **environment}
    try:
        done = merged(["bash", "-c", script], cwd=folder, env=environment, timeout=seconds)
    except subprocess.TimeoutExpired:
        merged(["chaosnetra", "stand", "down"], env=environment)
        raise
    found = re.findall(rf"(.*?)\n{_MARK}(\d+)\n", done.stdout, re.DOTALL)
    assert len(found) == len(lines), done.stdout
    return [Done(line, int(code), said) for line, (said, code) in zip(lines, found, strict=True)]
