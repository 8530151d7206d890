"""From nothing but Python to a verdict: the README's first command, and what it installs.

    python benchmarks/coldstart.py [--go] [--at-most 60] [--python python3]

Runs the command part by part in a copy of this repository, with an empty home and empty caches,
and a PATH with neither Go nor Toxiproxy on it (`--go` adds Go's folder). How pip reaches its index
is left as it is. Prints the seconds of each part, those of the run from its events, and the
megabytes on disk of each package with the direct dependencies that bring it. Exit code 1 when the
verdict is not `held`, or all of it took longer than `--at-most` seconds.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from chaosnetra.stand.toxiproxy_program import INSTALL_SECONDS, installed_program

ROOT = Path(__file__).parents[1]
SYSTEM_PATH = "/usr/bin:/bin"
OWN = "chaostoolkit-netra"
# Of the environment: what would find something that an empty machine does not have.
NOT_KEPT = ("CHAOSNETRA_", "GO", "PYENV", "PYTHON", "VIRTUAL_ENV", "XDG_")
LEAST_SHOWN_BYTES = 4e6
BLOCK_BYTES = 512


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--go", action="store_true")
    parser.add_argument("--at-most", type=float, default=60.0)
    parser.add_argument("--python", default=sys.executable, help="what `python3` is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "chaosnetra")
        ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "_build", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=ignored)
        environment = empty_machine(Path(name), given.python, with_go=given.go)
        whole = 0.0
        for part in command_of_readme():
            began = time.monotonic()
            done = subprocess.run(
                ["sh", "-c", part], cwd=copy, env=environment, capture_output=True, text=True
            )
            seconds = time.monotonic() - began
            whole += seconds
            print(f"{seconds:6.1f} s  {part}", flush=True)
            if done.returncode != 0:
                print(done.stdout, done.stderr, file=sys.stderr)
                return 1
        print_events(copy / "journal.events.jsonl")
        print(f"{whole:6.1f} s  in all")
        if given.go:
            print(f"{built_after(Path(environment['HOME'])):6.1f} s  more until Go has built it")
        print()
        print_packages(next(copy.glob(".venv/lib/python*/site-packages")))
        verdict = json.loads((copy / "journal.json").read_text())["chaosnetra"]["verdict"]
    print(f"\nverdict: {verdict}")
    return int(verdict != "held" or whole > given.at_most)


def command_of_readme() -> list[str]:
    text = (ROOT / "README.md").read_text()
    match = re.search(r"<!-- run -->\n```sh\n(.+?)\n```", text, re.DOTALL)
    if match is None:
        raise SystemExit("README.md has no command after <!-- run -->")
    return [part.strip() for part in match[1].split("&&")]


def empty_machine(folder: Path, python: str, *, with_go: bool) -> dict[str, str]:
    """The environment of a machine that has Python only."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(NOT_KEPT)}
    home, programs = folder / "home", folder / "bin"
    home.mkdir()
    programs.mkdir()
    found = shutil.which(python) or python
    real = subprocess.run(
        [found, "-c", "import sys; print(sys._base_executable)"],
        check=True,
        capture_output=True,
        text=True,
    )
    (programs / "python3").symlink_to(real.stdout.strip())
    path = [str(programs), SYSTEM_PATH]
    go = shutil.which("go")
    if with_go and go is not None:
        path.append(str(Path(go).parent))
    return {
        **kept,
        "HOME": str(home),
        "PATH": os.pathsep.join(path),
        "GOFLAGS": "-modcacherw",  # so that it can be removed
    }


def built_after(home: Path) -> float:
    """Seconds until the build that the run began is there; it outlives the run."""
    began = time.monotonic()
    while not any(home.rglob(installed_program().name)):
        if time.monotonic() - began > INSTALL_SECONDS:
            raise SystemExit("Go has not built it")
        time.sleep(0.1)
    return time.monotonic() - began


def print_events(path: Path) -> None:
    """When the run had its parts, and its answers; seconds since its beginning."""
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "stand.part":
            says = f"{event['kind']} {event['version']} is there"
        elif event["event"] == "activity.ended":
            says = f"{event['type']} {event['name']} has ended"
        elif event["event"] == "run.ended":
            says = "the run has ended"
        else:
            continue
        print(f"          {event['elapsed_seconds']:5.1f} s  {says}")


def print_packages(site: Path) -> None:
    found = {canonical(one.name): one for one in distributions(path=[str(site)])}
    brought: dict[str, list[str]] = defaultdict(list)
    for direct in requirements(found[OWN]):
        for name in closure(direct, found):
            brought[name].append(direct)
    sizes = {name: size_of(one) for name, one in found.items()}
    print(f"{sum(sizes.values()) / 1e6:6.1f} MB  in {len(sizes)} packages")
    small = 0.0
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        if size < LEAST_SHOWN_BYTES:
            small += size
            continue
        by = ", ".join(direct for direct in brought[name] if direct != name)
        print(f"{size / 1e6:6.1f} MB  {name}{f' (by {by})' if by else ''}")
    print(f"{small / 1e6:6.1f} MB  others")


def closure(name: str, found: Mapping[str, Distribution]) -> set[str]:
    seen: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        if one in found and one not in seen:
            seen.add(one)
            left += requirements(found[one])
    return seen


def requirements(one: Distribution) -> Iterator[str]:
    """Packages that it demands whatever extra is asked for."""
    for text in one.requires or []:
        match = re.match(r"[A-Za-z0-9._-]+", text)
        if match is not None and "extra ==" not in text:
            yield canonical(match[0])


def canonical(name: Any) -> str:
    return re.sub(r"[-_.]+", "-", str(name)).lower()


def size_of(one: Distribution) -> int:
    """Bytes that its files take on the disk."""
    size = 0
    for file in one.files or []:
        path = Path(str(one.locate_file(file)))
        if path.is_file():
            size += path.stat().st_blocks * BLOCK_BYTES
    return size


if __name__ == "__main__":
    raise SystemExit(main())
