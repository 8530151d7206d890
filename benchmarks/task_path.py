"""What a task's path costs: until it is ready, in memory, and a round trip.

    python benchmarks/task_path.py [--rounds 9]

Against a PostgreSQL of its own; without uvloop, which the image of a job need not have. The path
is observer and toxics in one process, without a toxic. A task is timed from its start until that
of its startup, with a path and without. Exit code 1: beyond what is promised.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chaosnetra.stand.postgres import start_postgres
from chaosnetra.startup.orders import ORDER_VARIABLE, PathOrder, TaskOrder
from chaosnetra.startup.reports import REPORT_KEY
from chaosnetra.task_path.check import added_seconds
from chaosnetra.task_path.conduct import require_answer
from chaosnetra.task_path.path import begin_path
from chaosnetra.task_path.variables import named_database

READY_SECONDS = 0.5
MEMORY_BYTES = 60 << 20
ADDED_SECONDS = 0.15e-3
QUERIES = 400


def task_seconds(path: PathOrder | None, report_to: str) -> tuple[float, int]:
    """From the start of a task to that of its startup, and most bytes in memory of its process."""
    now = time.time()
    order = TaskOrder(now, 5.0, 1.0, "exit", 1.0, 0.0, 0.0, "nowhere", ordered_at=now, path=path)
    environ = {**os.environ, ORDER_VARIABLE: order.text, "DATABASE_URL": report_to}
    command = [sys.executable, "-m", "chaosnetra.startup.task", "--", "true"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as task:
        assert task.stdout is not None  # noqa: S101 - it is a pipe
        report = json.loads(task.stdout.readline())[REPORT_KEY]
        task.stdout.read()
        _, _, used = os.wait4(task.pid, 0)
        task.returncode = 0
    return report["begun_at"] - now, 1024 * used.ru_maxrss


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    server = start_postgres()
    ready: list[float] = []
    memory: list[int] = []
    added: list[float] = []
    tasks: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "uvloop.py").write_text("raise ImportError('as in an image')\n")
            os.environ["PYTHONPATH"] = os.pathsep.join(
                filter(None, (folder, os.environ.get("PYTHONPATH", "")))
            )
            environ = {"DATABASE_URL": server.database.url}
            named = named_database({"DATABASE_URL": "{url}"}, environ)
            for _ in range(rounds):
                began = time.perf_counter()
                with begin_path(named, seed=0, has_connector=False, longest_seconds=60) as path:
                    require_answer(path)
                    ready.append(time.perf_counter() - began)
                    added.append(added_seconds(path, QUERIES))
                    memory.append(path.ask("memory"))
                for has_path, found in tasks.items():
                    ordered = PathOrder({"DATABASE_URL": "{url}"}) if has_path else None
                    found.append(task_seconds(ordered, server.database.url))
    finally:
        server.stop()
    ready_seconds, most = statistics.median(ready), max(memory)
    median_added = statistics.median(added)
    print(f"ready      {ready_seconds:.3f} s   (median of {rounds}; most {max(ready):.3f})")
    print(f"memory     {most / (1 << 20):.1f} MiB")
    print(f"round trip +{1000 * median_added:.3f} ms   (most {1000 * max(added):.3f})")
    for has_path, found in tasks.items():
        seconds = statistics.median(one for one, _ in found)
        shown = "with a path" if has_path else "without    "
        print(f"task {shown} {seconds:.3f} s, {max(most for _, most in found) / (1 << 20):.1f} MiB")
    within = (
        ready_seconds <= READY_SECONDS and most <= MEMORY_BYTES and median_added <= ADDED_SECONDS
    )
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
