"""Hostile input, the short form; `python -m tests.long.fuzz` goes on for as long as one likes."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.long.fuzz import (
    CALLS_A_ROUND,
    EXPERIMENT,
    PACKAGE,
    RUNS_A_ROUND,
    TRACEBACK,
    Fuzz,
    as_text,
    mutate,
    package_frames,
    processes_of,
    strict_json,
)
from tests.support.helpers import wait_until

pytestmark = pytest.mark.usefixtures("nothing_left")

SEED = 1


@pytest.mark.parametrize("area", CALLS_A_ROUND)
def test_hostile_data_is_refused_in_one_line_or_taken(area: str, tmp_path: Path) -> None:
    fuzz = Fuzz(SEED, tmp_path / "failures")
    for index in range(2 * CALLS_A_ROUND[area]):
        fuzz.case(area, index)
    assert fuzz.report.failures == []
    assert fuzz.report.cases[area] == 2 * CALLS_A_ROUND[area]


@pytest.mark.parametrize("area", RUNS_A_ROUND)
def test_hostile_experiments_end_without_a_traceback_of_ours(area: str, tmp_path: Path) -> None:
    fuzz = Fuzz(SEED, tmp_path / "failures")
    for index in range(6):
        fuzz.case(area, index)
    assert fuzz.report.failures == []


def test_hostile_experiments_on_real_parts_leave_nothing(tmp_path: Path) -> None:
    fuzz = Fuzz(SEED, tmp_path / "failures")
    with fuzz.stack:
        for index in range(4):  # the last brings a stand of its own
            fuzz.case("real", index)
    assert fuzz.report.failures == []


def test_the_same_seed_makes_the_same_case() -> None:
    data = strict_json(EXPERIMENT.read_text())

    def made(seed: int) -> list[bytes]:
        rng = random.Random(f"{seed}:real:1")
        return [as_text(rng, mutate(rng, data)) for _ in range(20)]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_only_tracebacks_with_a_frame_of_the_package_count() -> None:
    frame = f'  File "{Path(PACKAGE) / "run.py"}", line 1, in x'
    other = '  File "/somewhere/chaoslib/run.py", line 1, in x'
    assert package_frames(f"{TRACEBACK}\n{other}\nKeyError: 1") == []
    assert package_frames(f"{TRACEBACK}\n{other}\n{frame}\nKeyError: 1") == [frame.strip()]
    logged = f"--- Logging error ---\n{TRACEBACK}\n{other}\nCall stack:\n{frame}\nArguments: ()"
    assert package_frames(logged) == []
    assert package_frames(f"{logged}\n{TRACEBACK}\n{frame}") == [frame.strip()]


def test_a_process_that_is_left_is_found(tmp_path: Path) -> None:
    """Else the check for them shows nothing."""
    child = subprocess.Popen(["sleep", "30"], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    try:
        wait_until(lambda: processes_of(tmp_path), 20, "the child")
    finally:
        child.kill()
        child.wait(timeout=20)
    assert processes_of(tmp_path) == []
