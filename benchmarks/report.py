"""Time and memory of `chaosnetra report` on a journal with very many attempts.

    python benchmarks/report.py [--attempts 200000] [--connections 0] [--wire] [--runs 3]
        [--most-seconds S] [--most-mb M]

Makes a journal as `chaos run` writes one (indented JSON, each startup with the steps that it told,
a fifth of those under the fault failed, with the chain of causes), runs the command as a process
that writes all three formats, and prints its wall-clock seconds, its processor seconds and its peak
resident memory. The same seed makes the same journal. It ends with 1 where the median or the peak
is above what is given.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SEED = 20261101
STARTUPS_A_CHECK = 1000
BUDGETS = {
    "initialization_seconds": 25.0,
    "table_setup_seconds": 10.0,
    "connection_seconds": 15.0,
    "pool_seconds": 15.0,
    "health_check_seconds": 10.0,
}
ERROR = (
    "CRITICAL STARTUP FAILURE: phase 3 (database): Database initialization timeout after 2.5s in "
    "staging environment"
)


# Step, budgets around it, round trips and statements: as the reference orchestrator tells them.
STEPS = (
    ("first_table_check", ["table_setup"], 24, 7),
    ("second_table_check", ["schema_validation"], 15, 9),
    ("schema_validation", ["schema_validation"], 77, 69),
    ("finalize", ["critical_path", "health_check"], 22, 17),
)


def steps(rng: random.Random, failed: bool) -> list[dict[str, Any]]:
    """All four; of a failed startup the first, cut short."""
    return [
        {
            "step": name,
            "budgets": budgets,
            "round_trips": round_trips,
            "statements": statements,
            "answered": rng.randint(0, statements) if failed else statements,
            "connected_seconds": round(rng.uniform(0.01, 0.3), 4),
            "seconds": 1.0 if failed else round(rng.uniform(0.03, 0.5), 4),
        }
        for name, budgets, round_trips, statements in STEPS[: 1 if failed else None]
    ]


def wire(rng: random.Random, seconds: float) -> dict[str, Any]:
    """What was seen of a startup on two connections, each of some statements."""
    connections = [
        {
            "number": number,
            "opened_seconds": round(seconds * number / 4, 4),
            "ended_seconds": None,
            "end": "open",
            "reached": "session",
            "session_seconds": round(seconds * number / 3.9, 4),
            "encryption": "declined",
            "round_trips": 22,
            "setup_round_trips": 4,
            "waited_seconds": round(seconds / 4, 4),
            "user": "app",
            "database": "orders",
            "sqlstate": None,
            "sent_bytes": 5_000,
            "received_bytes": 40_000,
        }
        for number in (1, 2)
    ]
    each = seconds / 45
    waits = [[round(each * n, 4), round(each * (n + rng.random()), 4)] for n in range(44)]
    statements = [
        {
            "text": f"VACUUM settings_{n}",
            "times": 3,
            "round_trips": 3,
            "waited_seconds": round(each, 4),
            "most_in_a_row": 3,
        }
        for n in range(10)
    ]
    waited = round(sum(end - start for start, end in waits), 4)
    return {
        "seconds": seconds,
        "connections": connections,
        "connection_count": 2,
        "most_at_once": 2,
        "sessions": 2,
        "given_up": {},
        "refused": 0,
        "round_trips": 44,
        "setup_round_trips": 8,
        "serial_round_trips": 44,
        "serial_setup_round_trips": 8,
        "waited_seconds": waited,
        "own_seconds": round(seconds - waited, 4),
        "waits": waits,
        "statements": statements,
        "statement_count": 10,
        "executions": 30,
        "repeated": [],
        "errors": [],
        "error_count": 0,
        "unread": 0,
        "complete": True,
        "standing": {
            "doing": "by_itself",
            "seconds": 0.1,
            "text": "at work by itself for 0.1 s",
            "connection": 2,
            "round_trip": None,
            "statement": statements[0]["text"],
            "ended": None,
            "ended_ago_seconds": None,
            "sqlstate": None,
        },
    }


# Observations of a launch that keep their lists: the first, and those of what was not ready.
WHOLE, WHOLE_NOT_READY = 20, 100


def shorten(listed: list[dict[str, Any]]) -> None:
    """Leave out lists of observations, as a launch of many startups does."""
    not_ready = [one for one in listed if one["status"] != "ready"][:WHOLE_NOT_READY]
    whole = {one["number"] for one in [*listed[:WHOLE], *not_ready]}
    for one in listed:
        if one["number"] not in whole and "wire" in one:
            lists = ("connections", "waits", "statements", "repeated", "errors")
            one["wire"] |= {name: [] for name in lists}


def startup(
    rng: random.Random, number: int, failure_share: float, is_observed: bool
) -> dict[str, Any]:
    phases = {
        "init": round(rng.uniform(0.0005, 0.002), 4),
        "dependencies": round(rng.uniform(0.003, 0.03), 4),
        "database": round(0.3 + rng.lognormvariate(-1.5, 0.5), 4),
    }
    failed = rng.random() < failure_share
    if failed:
        phases["database"] = round(rng.uniform(1.0, 1.3), 4)
    else:
        phases |= {"cache": 0.0, "services": 0.0001, "websocket": 0.0}
        phases["finalize"] = round(rng.uniform(0.01, 0.05), 4)
    boot = round(rng.uniform(0.03, 0.12), 4)
    error = {
        "text": ERROR,
        "error_class": "StartupError",
        "sqlstate": None,
        "causes": [
            f"StartupError: {ERROR}",
            "BudgetExpired: the table_setup budget of 1 s ran out",
        ],
        "budget": "table_setup",
        "budget_seconds": 1.0,
    }
    seconds = round(boot + sum(phases.values()), 4)
    seen = {"output": [f"line {n}" for n in range(30)] if failed else None}
    return {
        **(seen | {"wire": wire(rng, seconds)} if is_observed else {}),
        "number": number,
        "status": "failed" if failed else "ready",
        "seconds": seconds,
        "boot_seconds": boot,
        "phase": "database" if failed else "finalize",
        "phases_after_failure": [],
        "phase_seconds": phases,
        "steps": steps(rng, failed),
        "exit_code": 3 if failed else None,
        "signal": None if failed else 15,
        "ended_by": "itself" if failed else "launcher",
        "exit_reason": "startup_failed" if failed else None,
        "error": error if failed else None,
        "cause_kept": True if failed else None,
        "answered": not failed,
        "checks": {"refused": rng.randint(5, 60)},
        "processes_left": 0,
    }


def connection(rng: random.Random, number: int) -> dict[str, Any]:
    slow = rng.random() < 0.1
    return {
        "number": number,
        "intended_seconds": round(number * 0.001, 6),
        "lag_seconds": 0.0,
        "outcome": "timed_out" if slow else "ok",
        "seconds": 3.0 if slow else round(rng.lognormvariate(-3, 1), 6),
        "connect_seconds": None,
        "query_seconds": None,
        "censored": slow,
        "sqlstate": None,
        "error_class": "TimeoutError" if slow else None,
        "error": "no answer within 3 s" if slow else None,
    }


def check(name: str, key: str, listed: list[dict[str, Any]], good: str) -> dict[str, Any]:
    attempts = len(listed)
    failures = sum(good not in (one.get("status"), one.get("outcome")) for one in listed)
    held = failures <= attempts * 0.1
    output = {
        "held": held,
        "expected": f"at most 10% of {attempts} {key} fail or time out",
        "observed": f"{attempts - failures} of {attempts} {good}",
        "attempts": attempts,
        "failures": failures,
        "max_failure_rate": 0.1,
        "startup_timeout_seconds": 24.0,
        "error": ERROR if failures else None,
        key: listed,
    }
    run = {
        "activity": {"type": "probe", "name": name, "tolerance": True},
        "output": output,
        "status": "succeeded",
        "start": "2026-11-01T00:00:00+00:00",
        "end": "2026-11-01T00:00:10+00:00",
        "duration": 10.0,
        "tolerance_met": held,
    }
    return {"steady_state_met": held, "probes": [run]}


def make_journal(attempts: int, connections: int, is_observed: bool) -> dict[str, Any]:
    rng = random.Random(SEED)

    def launch(count: int, failure_share: float) -> dict[str, Any]:
        listed = [
            startup(rng, number, failure_share, is_observed) for number in range(1, count + 1)
        ]
        shorten(listed)
        return check("startups-succeed", "startups", listed, "ready")

    each = min(STARTUPS_A_CHECK, max(1, attempts // 4))
    during = [launch(each, 0.2) for _ in range(max(0, attempts // each - 3))]
    if connections:
        listed = [connection(rng, number) for number in range(1, connections + 1)]
        during.append(check("connections-succeed", "connections", listed, "ok"))
    probe = {"type": "probe", "name": "startups-succeed"}
    return {
        "experiment": {
            "title": "Very many startups",
            "steady-state-hypothesis": {"title": "they succeed", "probes": [probe]},
            "method": [{"type": "action", "name": "add-latency"}],
        },
        "status": "completed",
        "deviated": True,
        "start": "2026-11-01T00:00:00+00:00",
        "end": "2026-11-01T01:00:00+00:00",
        "duration": 3600.0,
        "steady_states": {
            "before": launch(each, 0.0),
            "after": launch(each, 0.2),
            "during": during,
        },
        "run": [],
        "rollbacks": [],
        "chaosnetra": {
            "version": 1,
            "recovery": launch(each, 0.0),
            "profile": {
                "name": "issue-1263",
                "date": "2025-09-15",
                "budgets": BUDGETS,
                "pool": {"size": 5, "max_overflow": 10, "timeout_seconds": 15.0},
            },
            "time_scale": 0.1,
        },
    }


def run(journal: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds, of these on a processor, and MB of one run of the command."""
    outputs = [f"-o{folder / name}" for name in ("report.html", "report.md", "report.xml")]
    command = [str(Path(sys.executable).with_name("chaosnetra")), "report", str(journal), *outputs]
    started = time.perf_counter()
    pid = os.spawnv(os.P_NOWAIT, command[0], command)  # noqa: S606 - for its resource usage
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"the command failed: wait status {status}")
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / per_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=0, help="besides the startups")
    parser.add_argument("--wire", action="store_true", help="the startups were observed")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most-seconds", type=float, default=math.inf)
    parser.add_argument("--most-mb", type=float, default=math.inf)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = folder / "journal.json"
        with journal.open("w", encoding="utf-8") as file:
            json.dump(make_journal(given.attempts, given.connections, given.wire), file, indent=2)
        found = [run(journal, folder) for _ in range(given.runs)]
        size = journal.stat().st_size / 2**20
        page = (folder / "report.html").stat().st_size / 2**10
    seconds = [one[0] for one in found]
    peak = max(one[2] for one in found)
    print(
        f"{given.attempts + given.connections:,} attempts, "
        f"journal {size:.0f} MB, page {page:.0f} KB: "
        f"{statistics.median(seconds):.2f} s (median of {len(found)}, {min(seconds):.2f} to "
        f"{max(seconds):.2f}), of it {statistics.median(one[1] for one in found):.2f} s on a "
        f"processor, peak memory {peak:.0f} MB"
    )
    if statistics.median(seconds) > given.most_seconds or peak > given.most_mb:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
