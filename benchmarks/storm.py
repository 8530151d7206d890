"""Connections a second of the connection storm, beside `pgbench -C` on the same server.

    python benchmarks/storm.py [--pairs 9] [--connections 50] [--rounds 6]

Both open as many connections at once as there are clients, authenticate with SCRAM, ask
`SELECT 1` and close, again and again. pgbench gets a thread for each client: in one thread it
opens its connections one after the other. Each pair runs one after the other, in turn; the
median of the ratios is what counts.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import tempfile
import time
from importlib import resources
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.attempts import AttemptOutcome
from chaosnetra.postgres.storm import StormPlan, run_storm
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.postgres_programs import PACKAGE

PGBENCH = resources.files(PACKAGE) / "pginstall" / "bin" / "pgbench"


def pgbench_rate(address: DatabaseAddress, script: Path, connections: int, rounds: int) -> float:
    done = subprocess.run(
        [
            str(PGBENCH),
            "--no-vacuum",
            "--connect",
            f"--file={script}",
            f"--client={connections}",
            f"--jobs={connections}",
            f"--transactions={rounds}",
            f"--host={address.host}",
            f"--port={address.port}",
            f"--username={address.user}",
            address.database,
        ],
        env={**os.environ, "PGPASSWORD": address.password},
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if not found or f"processed: {connections * rounds}/" not in done.stdout:
        raise SystemExit(f"pgbench failed: {done.stdout}{done.stderr}")
    return float(found[1])


def storm_rate(address: DatabaseAddress, connections: int, rounds: int) -> float:
    plan = StormPlan(connections, 0.0, 0.0, slow_after_seconds=60.0, timeout_seconds=60.0)

    async def run() -> float:
        started = time.perf_counter()
        for _ in range(rounds):
            attempts = await run_storm(address, plan, "benchmark")
            bad = [attempt for attempt in attempts if attempt.outcome is not AttemptOutcome.OK]
            if bad:
                raise SystemExit(f"the storm failed: {bad[0]}")
        return connections * rounds / (time.perf_counter() - started)

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    connections, rounds = given.connections, given.rounds
    server = start_postgres()
    try:
        address = server.database
        with tempfile.TemporaryDirectory() as name:
            script = Path(name) / "select.sql"
            script.write_text("SELECT 1;\n")
            ours, theirs = [], []
            storm_rate(address, connections, 1)  # both find a server that has served
            pgbench_rate(address, script, connections, 1)
            for number in range(given.pairs):
                for turn in (number % 2, 1 - number % 2):
                    if turn:
                        ours.append(storm_rate(address, connections, rounds))
                    else:
                        theirs.append(pgbench_rate(address, script, connections, rounds))
    finally:
        server.stop()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{connections} at once: storm {statistics.median(ours):.0f}/s, "
        f"pgbench -C {statistics.median(theirs):.0f}/s, "
        f"ratio {statistics.median(ratios):.2f} (median of {given.pairs} pairs, "
        f"{min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
