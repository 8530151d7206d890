# ruff: noqa: T201
"""Proves what `chaosnetra whatif` states: predictions against startups that are then measured.

    python -m tests.long.predicted [--predicted 10 20 40] [--folder DIR]

A service that waits more than it computes, so that a machine bears many of it, is started 3 and 6
at once, without a fault and through a connector of four slots. Calibrated with these journals
alone, the model predicts larger numbers, which are then started: without a fault, and through the
same slots, for which most of them wait. Median and 90th percentile have to lie within the stated
error of what was measured, or within the share of it that the machine took, which is known at
least. Exit code 1 when one does not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.whatif.calibration import calibrated, limits_of
from chaosnetra.whatif.error import LaunchPrediction, predicted, predictions, stated
from chaosnetra.whatif.launches import measured
from tests.support.experiments import HELD, experiment, ours

CALIBRATING = (3, 6)
RUN_SECONDS = 900
SLOTS = 4
# libpq alone, by ctypes: a driver's imports would keep the cores busy.
SERVICE = """
import ctypes
import os
import time

time.sleep(0.6)
libpq = ctypes.CDLL(os.environ["LIBPQ"])
libpq.PQconnectdb.restype = libpq.PQexec.restype = ctypes.c_void_p
connection = ctypes.c_void_p(libpq.PQconnectdb(os.environ["DATABASE_URL"].encode()))
if libpq.PQstatus(connection):
    raise SystemExit("cannot reach the database")
for statement in [*["SELECT 1"] * 12, "SELECT pg_sleep(0.3)"]:
    libpq.PQexec(connection, statement.encode())
time.sleep(1)
libpq.PQexec(connection, b"SELECT 1")
libpq.PQfinish(connection)
time.sleep(0.3)
print("ready to serve", flush=True)
time.sleep(600)
"""


def libpq() -> Path:
    """The library that psycopg brings with it."""
    found = find_spec("psycopg_binary")
    if found is None or found.origin is None:
        raise SystemExit("psycopg[binary] is not installed")
    return next(Path(found.origin).parent.with_name("psycopg_binary.libs").glob("libpq-*"))


def made(folder: Path) -> dict[str, Any]:
    """The experiment."""
    (folder / "service.py").write_text(SERVICE)
    probe = ours("probe", "startup", "startups_succeed", count="${count}", max_failure_rate=0.5)
    limits = {
        "instances": 1, "maximum_instances": 1, "connections_per_instance": SLOTS,
        "pressure_threshold": 1, "pressure_delay_seconds": 0, "queue_timeout_seconds": 60,
    }  # fmt: skip
    return experiment(
        ours("action", "connector", "limit_connector", limits=limits),
        probes=[{**probe, "tolerance": HELD}],
        rollbacks=[ours("action", "connector", "restore_connector")],
        title="startups through eight slots",
        configuration={
            "target": f"{sys.executable} -I -S {folder / 'service.py'}",
            "target_environment": json.dumps({"DATABASE_URL": "{url}", "LIBPQ": str(libpq())}),
            "readiness": "log:ready to serve",
            "dwell_seconds": 0,
            "startup_timeout_seconds": 60,
            "connector": "emulator",
            "count": {"type": "env", "key": "CHAOSNETRA_COUNT", "default": "5"},
        },
    )


def run(folder: Path, count: int) -> Path:
    """The journal of a run with so many startups at once."""
    journal = folder / f"{count}.json"
    command = [str(Path(sys.executable).with_name("chaos")), "--no-version-check", "run"]
    with journal.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [*command, "--journal-path", str(journal), str(folder / "experiment.json")],
            cwd=folder,
            env={**os.environ, "CHAOSNETRA_COUNT": str(count)},
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    return journal


def compared(seen: Sequence[Path], larger: Sequence[Path]) -> Iterator[LaunchPrediction]:
    """Each launch of the larger numbers, predicted from the journals that were seen."""
    launches = measured(map(read_journal, seen)).launches
    limits = limits_of(launches)
    calibration = calibrated(launches, limits)
    if calibration is None:
        raise SystemExit("nothing was seen of the startups: see the logs beside the journals")
    for launch in measured(map(read_journal, larger)).launches:
        yield predicted(launch, calibration, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predicted", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = (given.folder or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "experiment.json").write_text(json.dumps(made(folder)))
        seen = [run(folder, count) for count in CALIBRATING]
        error = stated(list(predictions(measured(map(read_journal, seen)).launches, 0)))
        if error is None:
            raise SystemExit("the model states no error")
        print(f"stated: {error.time_share:.1%} of startup times, {error.launches} launches")
        found = list(compared(seen, [run(folder, count) for count in given.predicted]))
    missed = False
    for one in found:
        said, was = (
            " and ".join(f"{seconds:.2f} s" for seconds in times)
            for times in (one.predicted_seconds, one.measured_seconds)
        )
        slots = f", {one.slots} slots" if one.slots else ""
        allowed = [
            max(error.seconds(seconds), one.machine_share * seconds)
            for seconds in one.predicted_seconds
        ]
        within = " and ".join(f"{seconds:.2f} s" for seconds in allowed)
        machine = f"without the machine's {one.machine_share:.0%}"
        print(f"{one.where}, {one.count}{slots}: {said}, ± {within}; measured {was}, {machine}")
        missed |= any(off > most for (_, off), most in zip(one.misses, allowed, strict=True))
    if not found or missed:
        raise SystemExit("a prediction is further off than stated")


if __name__ == "__main__":
    main()
