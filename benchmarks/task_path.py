"""What a task's path costs: until it is ready, in memory, and a round trip.

    python benchmarks/task_path.py [--rounds 9]

Against a PostgreSQL of its own; without uvloop, which the image of a job need not have. The path
is observer and toxics in one process, without a toxic. Exit code 1: beyond what is promised.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from chaosnetra.stand.postgres import start_postgres
from chaosnetra.task_path.check import added_seconds
from chaosnetra.task_path.conduct import require_answer
from chaosnetra.task_path.path import begin_path
from chaosnetra.task_path.variables import named_database

READY_SECONDS = 0.5
MEMORY_BYTES = 60 << 20
ADDED_SECONDS = 0.15e-3
QUERIES = 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    server = start_postgres()
    ready, memory, added = [], [], []
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
                    added.append(asyncio.run(added_seconds(path, QUERIES)))
                    memory.append(path.ask("memory"))
    finally:
        server.stop()
    ready_seconds, most = statistics.median(ready), max(memory)
    median_added = statistics.median(added)
    print(f"ready      {ready_seconds:.3f} s   (median of {rounds}; most {max(ready):.3f})")
    print(f"memory     {most / (1 << 20):.1f} MiB")
    print(f"round trip +{1000 * median_added:.3f} ms   (most {1000 * max(added):.3f})")
    within = (
        ready_seconds <= READY_SECONDS and most <= MEMORY_BYTES and median_added <= ADDED_SECONDS
    )
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
