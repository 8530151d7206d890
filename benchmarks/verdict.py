"""How long `chaosnetra verdict` takes on a small journal, start of Python included.

    python benchmarks/verdict.py [--rounds 20] [--journal FILE]

Without a journal of its own it judges two that it makes: one whose startups all succeeded, and
one where some failed, which takes the exact interval of a rate between 0 and 1.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def journal(ready: int) -> dict[str, Any]:
    """A journal of an experiment with ten startups under its fault, so many of them ready."""
    startups = [
        {"number": n, "status": "ready" if n <= ready else "failed", "seconds": 1 + n / 10}
        for n in range(1, 11)
    ]
    output = {
        "held": ready >= 8,
        "expected": "at most 20% of 10 startups fail or time out",
        "observed": f"{ready} of 10 ready",
        "attempts": 10,
        "failures": 10 - ready,
        "max_failure_rate": 0.2,
        "startups": startups,
    }
    activity = {"type": "probe", "name": "startups-succeed"}
    run = {"activity": activity, "output": output, "status": "succeeded"}
    checked = {
        "steady_state_met": ready >= 8,
        "probes": [{**run, "tolerance_met": ready >= 8}],
    }
    return {
        "experiment": {
            "title": "t",
            "steady-state-hypothesis": {"title": "h", "probes": [activity]},
            "method": [],
        },
        "status": "completed",
        "deviated": ready < 8,
        "steady_states": {"before": checked, "after": checked, "during": []},
        "run": [],
        "rollbacks": [],
        "chaosnetra": {"version": 1},
    }


def seconds(path: Path) -> float:
    command = Path(sys.executable).with_name("chaosnetra")
    started = time.perf_counter()
    subprocess.run([command, "verdict", path], capture_output=True, timeout=60, check=False)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--journal", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        if given.journal:
            paths[given.journal.name] = given.journal
        else:
            for name, ready in (("all ready", 10), ("some failed", 7)):
                paths[name] = Path(folder) / f"{ready}.json"
                paths[name].write_text(json.dumps(journal(ready)))
        for name, path in paths.items():
            seconds(path)  # the first one fills the caches of the file system
            taken = [seconds(path) for _ in range(given.rounds)]
            print(
                f"{name}: median {statistics.median(taken):.3f} s, longest {max(taken):.3f} s "
                f"of {given.rounds}"
            )


if __name__ == "__main__":
    main()
