"""A search's journal: written, read again, and refused when it is something else."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import Unreadable
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.record import (
    FILE,
    Search,
    StartModel,
    read_search,
    search_file,
    write_search,
)
from tests.support.searches import forecast, search, trial

MADE = search(
    trial(20, 0, 1, baseline_seconds=(0.5, 0.6), under_fault_seconds=(1.0,)),
    trial(384, 5, 2),
    forecast=forecast(400),
    model=StartModel(0.1, 7),
    variables=("count",),
    operating_point=20.0,
)


def written(folder: Path, made: Search = MADE) -> Path:
    path = folder / FILE
    write_search(path, made, conclude(made).to_json())
    return path


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_search(path) == MADE
    assert conclude(read_search(path)) == conclude(MADE)
    assert search_file(tmp_path) == search_file(path) == path


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"version": None},
        {"span": {"lower": 2000, "upper": 20, "whole": False}},
        {"span": {"lower": float("nan"), "upper": 20, "whole": False}},
        {"span": 3},
        {"trials": [{}]},
        {"trials": None},
        {"precision": 7},
        {"precision": "much"},
        {"resolution": -1},
        {"forecast": {"value": 1}},
        {"trials": [{**MADE.to_json()["trials"][0], "failures": 6}]},
        {"trials": [{**MADE.to_json()["trials"][0], "failures": "1"}]},
        {"trials": [{**MADE.to_json()["trials"][0], "applied": float("inf")}]},
        {"trials": [{**MADE.to_json()["trials"][0], "baseline_seconds": ["x"]}]},
    ],
)
def test_what_no_search_writes_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = written(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    with pytest.raises(Unreadable, match=FILE) as raised:
        read_search(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        read_search(path)
    assert search_file(path) is None
    assert search_file(tmp_path / "nothing") is None
