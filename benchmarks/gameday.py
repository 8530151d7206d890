"""What a conductor costs: seconds that it adds to a step, and how soon it answers a key.

    python benchmarks/gameday.py [--steps 10] [--keys 100]

A step's cost: a step that nobody has to answer, less the same `chaos run` alone, in interleaved
pairs. Key latency: at a terminal, from writing a byte to it until its echo comes
back, while a run goes on whose probes keep one core busy.
"""

import argparse
import json
import os
import pty
import random
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("chaosnetra"))
BUDGETS = Path(__file__).parents[1] / "experiments" / "timeout_budget.json"
HELPERS = """
import time

def busy(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))
    return True
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--keys", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaosnetra-benchmark-") as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        found = pairs(folder, options.steps)
        added = [step - alone for step, alone in found]
        whole, alone = (statistics.median(one) for one in zip(*found, strict=True))
        print(f"a step: {whole:.3f} s; `chaos run` alone: {alone:.3f} s")
        print(f"the conductor adds {statistics.median(added):.3f} s (median of {len(found)} pairs)")
        latencies = sorted(key_latencies(folder, options.keys))
        p99 = latencies[int(len(latencies) * 0.99) - 1]
        print(
            f"a key is answered in {1000 * statistics.median(latencies):.1f} ms "
            f"(median of {len(latencies)}, p99 {1000 * p99:.1f} ms, "
            f"most {1000 * latencies[-1]:.1f} ms)"
        )


def plan(folder: Path, steps: list[dict[str, object]]) -> Path:
    path = folder / "day.json"
    roles = [{"role": "conductor", "person": "Ada"}]
    day = {"version": 1, "title": "x", "environment": "local", "roles": roles, "steps": steps}
    path.write_text(json.dumps(day))
    return path


def pairs(folder: Path, count: int) -> list[tuple[float, float]]:
    """Seconds of a step, and of the same run alone right after it."""
    experiment = os.path.relpath(BUDGETS, folder)
    path = plan(folder, [{"name": "one", "experiment": experiment}])
    return [(step_alone(path, folder / f"days-{n}"), run_alone(folder)) for n in range(count)]


def step_alone(path: Path, days: Path) -> float:
    """Seconds of the only step of a day, from its announcement to its end, as the record says."""
    subprocess.run(
        [PROGRAM, "gameday", "run", str(path), "--yes", "--folder", str(days)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (day,) = days.iterdir()
    at = {}
    for line in (day / "record.jsonl").read_text().splitlines():
        entry = json.loads(line)
        at[entry["kind"]] = entry["monotonic_seconds"]
    return float(at["step.finished"] - at["checked"])


def run_alone(folder: Path) -> float:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(BUDGETS)],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return time.monotonic() - began


def key_latencies(folder: Path, count: int) -> list[float]:
    """Seconds until each typed character is on the terminal, while a run goes on."""
    (folder / "benchmark_helpers.py").write_text(HELPERS)
    provider = {
        "type": "python",
        "module": "benchmark_helpers",
        "func": "busy",
        "arguments": {"seconds": 20 + count * 0.12},
    }
    probe = {"type": "probe", "name": "busy", "tolerance": True, "provider": provider}
    journal = {"type": "python", "module": "chaosnetra.controls.journal"}
    experiment = {
        "title": "Busy",
        "description": "Keeps a core busy.",
        "controls": [{"name": "journal", "provider": journal}],
        "runtime": {"rollbacks": {"strategy": "always"}},
        "steady-state-hypothesis": {"title": "busy", "probes": [probe]},
        "method": [],
        "rollbacks": [],
    }
    (folder / "busy.json").write_text(json.dumps(experiment))
    path = plan(folder, [{"name": "busy", "experiment": "busy.json"}])
    master, slave = pty.openpty()
    conductor = subprocess.Popen(
        [PROGRAM, "gameday", "run", str(path), "--folder", str(folder / "typed"), "--new"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "TERM": "xterm-256color", "COLUMNS": "80"},
    )
    os.close(slave)
    try:
        for question, answer in (
            (b"Who is present?", b"\r"),
            (b"Read it out", b"\r"),
            (b"Go, or no-go", b"go\r"),
            (b"does it hold?", b"-\r"),
            (b"phase: baseline (busy)", b"o"),
            (b"observation: ", b""),
        ):
            expect(master, re.escape(question))
            os.write(master, answer)
        found = []
        typed = ""
        letters = random.Random(0)  # the end of what was typed is like nothing before it
        for _ in range(count):
            time.sleep(0.05)
            typed = (typed + letters.choice("abcdefghijklmnopqrstuvwxyz"))[-12:]
            began = time.monotonic()
            os.write(master, typed[-1].encode())
            expect(master, re.escape(typed.encode()))
            found.append(time.monotonic() - began)
        return found
    finally:
        conductor.terminate()
        while conductor.poll() is None:
            drain(master)
        os.close(master)


_seen = {"raw": b""}


def expect(master: int, pattern: bytes) -> None:
    until = time.monotonic() + 60
    while not re.search(pattern, _seen["raw"]):
        if time.monotonic() > until:
            raise SystemExit(f"{pattern!r} did not come: {_seen['raw'][-2000:]!r}")
        drain(master)
    _seen["raw"] = b""


def drain(master: int) -> None:
    if select.select([master], [], [], 0.2)[0]:
        try:
            _seen["raw"] += os.read(master, 65536)
        except OSError:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
