# ruff: noqa: T201
"""Proves that a search in staging finds what the same search finds locally.

    python -m tests.long.two_searches [--profile issue-1263 …] [--count 3] [--folder DIR]

Searches `vpc_latency.json` over its latency on a stand of its own, and in a rehearsal against that
stand's Cloud Run endpoint, where the latency is in the task of each startup. Both intervals have to
agree, and nothing may be left. It takes some five minutes for each profile. Exit code 1 where they
do not agree.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chaosnetra.processes.signals import ended_as_by_ctrl_c
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.record import FILE, Search, read_search
from chaosnetra.search.response import Estimate
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
PROGRAM = str(Path(sys.executable).with_name("chaosnetra"))
PROFILES = ("issue-1263", "issue-1278")
LEAST_MS, MOST_MS = 100, 2000
PRECISION = 0.15
MOST_TRIALS = 12
SEARCH_SECONDS = 900
# What a rehearsal has beside the names of its endpoint; nothing of it scales the service.
REHEARSED = {
    "CHAOSNETRA_ENVIRONMENT": "staging",
    "CHAOSNETRA_JOB_CONNECTIONS": "5",
    "CHAOSNETRA_JOB_HOLD_SECONDS": "0",
}


@contextmanager
def stand(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A stand with a local endpoint, and the variables of a rehearsal on it."""
    up = called(["stand", "up", "--cloud-run"], environment)
    if up.returncode:
        raise SystemExit(up.stderr)
    (endpoint,) = re.findall(r"Cloud Run, local: ([^,]+),", up.stdout)
    (allowed,) = re.findall(r"allow-list to rehearse staging with: (.+)", up.stdout)
    try:
        yield {
            **REHEARSED,
            "CHAOSNETRA_CLOUD_RUN_ENDPOINT": endpoint,
            "CHAOSNETRA_ALLOW_LIST": allowed,
        }
    finally:
        called(["stand", "down"], environment)


def called(words: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SEARCH_SECONDS,
        check=False,
    )


def searched(name: str, folder: Path, environment: Mapping[str, str]) -> Search:
    """A search with what it says; in staging consented to by the hash of its plan."""
    words = ["search", str(EXPERIMENT), "--vary", "latency_ms"]
    words += ["--from", str(LEAST_MS), "--to", str(MOST_MS), "--precision", str(PRECISION)]
    words += ["--trials", str(MOST_TRIALS), "--output-folder", str(folder)]
    given = dict(environment)
    if "CHAOSNETRA_ENVIRONMENT" in given:
        planned = called([*words, "--plan", "--format", "json"], given)
        if planned.returncode:
            raise SystemExit(planned.stdout + planned.stderr)
        plan = json.loads(planned.stdout)
        print(f"{name}: at most {plan['executions']} executions, {plan['connections']} connections")
        given["CHAOSNETRA_CONSENT"] = plan["hash"]
    began = time.monotonic()
    done = called(words, given)
    print(f"{name}, {time.monotonic() - began:.0f} s:\n{done.stdout}{done.stderr}", flush=True)
    if done.returncode:
        raise SystemExit(f"{name}: exit code {done.returncode}")
    return read_search(folder / FILE)


def point_of(search: Search) -> Estimate:
    point = conclude(search).point
    if point is None or point.low is None or point.high is None:
        raise SystemExit("a search has no interval")
    return point


def agree(one: Estimate, other: Estimate) -> bool:
    """Whether two intervals have values in common."""
    return (one.low or 0) <= (other.high or 0) and (other.low or 0) <= (one.high or 0)


def proven(profile: str, count: int, folder: Path) -> bool:
    """Whether both searches of a profile agree, and nothing is left."""
    state = folder / "state"
    environment = {
        "XDG_STATE_HOME": str(state),
        "CHAOSNETRA_PROFILE": profile,
        "CHAOSNETRA_COUNT": str(count),
    }
    with stand(environment) as rehearsal:
        local = searched(f"{profile} locally", folder / f"{profile}-local", environment)
        there = searched(
            f"{profile} rehearsed", folder / f"{profile}-rehearsed", {**environment, **rehearsal}
        )
    left = list((state / "chaosnetra" / "runs").glob("*.ledger.jsonl"))
    found, other = point_of(local), point_of(there)
    compared = [str(folder / f"{profile}-{where}") for where in ("local", "rehearsed")]
    print(called(["compare", *compared], environment).stdout, flush=True)
    fine = agree(found, other) and not left
    word = "agree" if fine else f"DO NOT AGREE{', and something is left' if left else ''}"
    print(
        f"{profile}: {found.low:.0f} to {found.high:.0f} ms locally, {other.low:.0f} to "
        f"{other.high:.0f} ms rehearsed: they {word}",
        flush=True,
    )
    return fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", nargs="+", default=list(PROFILES))
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with ended_as_by_ctrl_c(), tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        wrong = [one for one in given.profile if not proven(one, given.count, folder)]
    if wrong:
        raise SystemExit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
