"""What this package costs a `chaos` command, or a pytest run, that it has little to do with.

    python benchmarks/overhead.py [--pairs 30]

Each pair runs a command with and without us, in turn, on the same machine in the same minute;
the median of the differences is what counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Runs `chaos` as installed, or as it would be without our command-line plug-in.
RUNNER = """
import sys
if sys.argv.pop(1) == "without":
    import importlib.metadata as metadata
    every = metadata.entry_points
    def others(**selection):
        found = every(**selection)
        return metadata.EntryPoints(e for e in found if not e.value.startswith("chaosnetra"))
    metadata.entry_points = others
sys.argv[0] = "chaos"
from chaostoolkit.cli import cli
cli()
"""


def experiment(with_control: bool) -> dict[str, Any]:
    """Two empty probes, with or without the journal control."""
    provider = {"type": "python", "module": "os.path", "func": "lexists"}
    probe = {
        "type": "probe",
        "name": "empty",
        "provider": {**provider, "arguments": {"path": "/"}},
    }
    made: dict[str, Any] = {
        "title": "empty",
        "description": "empty",
        "steady-state-hypothesis": {"title": "empty", "probes": [{**probe, "tolerance": True}]},
        "method": [probe],
        "rollbacks": [],
    }
    if with_control:
        provider = {"type": "python", "module": "chaosnetra.controls.journal"}
        made["controls"] = [{"name": "journal", "provider": provider}]
    return made


def seconds(folder: Path, plugin: str, *arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", RUNNER, plugin, "--no-version-check", *arguments],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def pytest_seconds(folder: Path, *arguments: str) -> float:
    """A pytest run that finds nothing, with us or without."""
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), *arguments]
    started = time.perf_counter()
    subprocess.run(
        command, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def compare(
    name: str,
    folder: Path,
    pairs: int,
    ours: list[str],
    theirs: list[str],
    seconds: Callable[..., float] = seconds,
) -> None:
    seconds(folder, *ours)
    seconds(folder, *theirs)
    with_us: list[float] = []
    without: list[float] = []
    for number in range(pairs):
        order = [(with_us, ours), (without, theirs)]
        for times, command in order if number % 2 else reversed(order):
            times.append(seconds(folder, *command))
    differences = [a - b for a, b in zip(with_us, without, strict=True)]
    print(
        f"{name}: with {statistics.median(with_us) * 1000:.0f} ms, "
        f"without {statistics.median(without) * 1000:.0f} ms, "
        f"difference {statistics.median(differences) * 1000:+.1f} ms (median of {pairs} pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, control in (("ours.json", True), ("theirs.json", False)):
            (folder / file).write_text(json.dumps(experiment(control)))
        compare(
            "chaos run, empty probes",
            folder,
            pairs,
            ["with", "run", "--journal-path", "a.json", "ours.json"],
            ["without", "run", "--journal-path", "b.json", "theirs.json"],
        )
        compare("chaos --help", folder, pairs, ["with", "--help"], ["without", "--help"])
        without = ["-p", "no:chaosnetra"]
        compare("pytest, no tests", folder, pairs, [], without, pytest_seconds)


if __name__ == "__main__":
    main()
