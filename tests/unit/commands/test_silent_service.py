"""What `verdict`, `recommend`, `compare` and `report` say of a service that prints nothing.

Its journals hold what was seen on the wire, and a reader has nothing else to go by.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from chaosnetra.wire.observation import Observation
from tests.support import seen_on_the_wire as wire

BLACK_HOLE = (
    "on the wire: it closed its only connection after waiting 5.0 s for the answer to its startup "
    "message; it gave up after 5.0 s of waiting for one answer, in 3 of 3"
)


def called(command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(netra, [command, *map(str, arguments)])


def written(folder: Path, name: str, data: dict[str, Any]) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(data))
    return path


def failing(seen: Observation) -> dict[str, Any]:
    under = [wire.failed(number, seen) for number in range(1, 4)]
    return wire.run_of_a_silent_service(under, wire.black_holed())


def holding(rows: int, each: float = 0.1005) -> dict[str, Any]:
    """A run under 100 ms of latency, of a service that asks for so many rows one by one."""
    before = [wire.outcome(number, wire.ready(rows=rows)) for number in range(1, 4)]
    under = [wire.outcome(number, wire.ready(each, rows=rows)) for number in range(1, 4)]
    return wire.run_of_a_silent_service(under, wire.latency(0.1), before)


def test_the_verdict_says_what_it_waited_for_and_when_it_gave_up(tmp_path: Path) -> None:
    journal = written(tmp_path, "journal", failing(wire.black_hole()))
    done = called("verdict", journal)
    assert done.exit_code == 1, done.output
    assert BLACK_HOLE in done.output
    (found,) = json.loads(called("verdict", "--format", "json", journal).output)["violations"]
    assert found["own_limit"] == "it gave up after 5.0 s of waiting for one answer, in 3 of 3"
    assert found["waited_for"].startswith("it closed its only connection after waiting 5.0 s")


def test_the_verdict_names_an_error_that_the_service_hides(tmp_path: Path) -> None:
    done = called("verdict", written(tmp_path, "journal", failing(wire.no_slot())))
    assert "SQLSTATE 53300: it ended with exit code 1 and printed nothing" in done.output


def test_a_report_says_it_in_each_format(tmp_path: Path) -> None:
    journal = written(tmp_path, "journal", failing(wire.black_hole()))
    files = [tmp_path / f"report.{kind}" for kind in ("html", "md", "xml")]
    outputs = [word for file in files for word in ("-o", file)]
    assert called("report", journal, *outputs).exit_code == 0
    for file in files:
        text = file.read_text()
        assert "it closed its only connection after waiting 5.0 s for the answer" in text, file
        assert "gave up after 5.0 s of waiting for one answer, in 3 of 3" in text, file


def test_recommend_says_what_to_change(tmp_path: Path) -> None:
    journal = written(tmp_path, "journal", holding(33))
    done = called("recommend", journal)
    assert done.exit_code == 0, done.output
    assert "executed 33 times in a row, in 33 round trips → one statement for all" in done.output
    assert "without 32 of these round trips each startup would save 3.22 s" in done.output
    assert "   - check: `chaos run latency.json`" in done.output


def test_recommend_says_what_it_lacks(tmp_path: Path) -> None:
    data = failing(wire.black_hole())
    for state in ("before", "after"):
        for told in data["steady_states"][state]["probes"][0]["output"]["startups"]:
            del told["wire"]
    done = called("recommend", written(tmp_path, "journal", data))
    assert done.exit_code == 2
    assert "its journal has no observation of the wire: run it again with this version" in (
        done.output
    )


@pytest.mark.parametrize("place", ["wire", "connections", "standing", "serial_round_trips"])
@pytest.mark.parametrize("value", [None, "x", [1], {"a": 1}, -5, float("inf"), [[]]], ids=repr)
def test_whatever_stands_for_an_observation_is_told_without_a_traceback(
    place: str, value: Any, tmp_path: Path
) -> None:
    data = holding(33)
    for state in ("before", "after"):
        for told in data["steady_states"][state]["probes"][0]["output"]["startups"]:
            if place == "wire":
                told["wire"] = value
            else:
                told["wire"][place] = value
    journal = written(tmp_path, "journal", data)
    for arguments in (["verdict", journal], ["recommend", journal], ["compare", journal, journal]):
        done = called(*map(str, arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert done.exit_code in (0, 2)


def test_compare_says_what_became_of_round_trips_and_statements(tmp_path: Path) -> None:
    before, after = holding(33), holding(1)
    for state in ("before", "after"):
        for told in after["steady_states"][state]["probes"][0]["output"]["startups"]:
            told["wire"]["statements"][0]["text"] = "SELECT $1 FROM orders WHERE id = ANY($2)"
    sides = written(tmp_path, "before", before), written(tmp_path, "after", after)
    done = called("compare", *sides)
    assert done.exit_code == 0, done.output
    assert (
        "- on the wire without the fault: round trips one after the other 40 before, 8 after; time "
        "of its own 0.5 s before, 0.5 s after; waited for answers 0.02 s before, 0.004 s after "
        "(medians of 3 and 3 startups that were ready)\n"
        "- on the wire without the fault: 1 statement is not executed any more: SELECT $1 FROM "
        "orders WHERE id = $2\n"
        "- on the wire without the fault: 1 statement is executed only now: SELECT $1 FROM orders "
        "WHERE id = ANY($2)\n"
    ) in done.output
    assert "- on the wire under the fault: round trips one after the other 40 before" in (
        done.output
    )
    (found,) = json.loads(called("compare", "--format", "json", *sides).output)["experiments"]
    assert found["wire"][0]["before"]["serial_round_trips"] == 40
    assert found["wire"][0]["statements_went"] == [wire.ORDERS]


def test_compare_says_nothing_of_a_wire_that_only_one_side_has(tmp_path: Path) -> None:
    before, after = holding(33), holding(33)
    for state in ("before", "after"):
        for told in after["steady_states"][state]["probes"][0]["output"]["startups"]:
            del told["wire"]
    done = called("compare", written(tmp_path, "before", before), written(tmp_path, "after", after))
    assert done.exit_code == 0, done.output
    assert "on the wire" not in done.output
