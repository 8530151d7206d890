"""How many cores there are for startups, by what limits them."""

import os
from pathlib import Path

import pytest

from chaosnetra.processes.cpu_meter import CpuMeter, usable_cores

NO_PROCESS = 2**31 - 2
FREE = usable_cores("/no/such/folder")


def groups(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "100001 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "100000 0\n"}, None),
        ({"cpu.max": ""}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_container_has_no_more_cores_than_its_limit(
    tmp_path: Path, files: dict[str, str], most: int | None
) -> None:
    assert usable_cores(groups(tmp_path, files)) == (FREE if most is None else min(FREE, most))


def test_there_is_at_least_one_core() -> None:
    assert 1 <= FREE <= (os.cpu_count() or 1)


def test_nothing_is_known_of_a_process_that_is_gone() -> None:
    meter = CpuMeter(NO_PROCESS)
    meter.read()
    assert meter.use is None
