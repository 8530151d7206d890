"""`chaosnetra whatif`: its output, what it says is not tested, and its exit codes."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.cli import netra
from chaosnetra.wire.observation import Statement
from tests.long.fuzz.hostile import as_text, mutate
from tests.support.measured import PROFILE
from tests.support.observations import connection, observation
from tests.support.startup_courses import ALONE, BOOT, TRIPS, calibrating, connector, launch, seen

LOCK = "SELECT pg_advisory_lock(?)"
HAD_CONNECTOR = {"samples": [], "events": []}


def call(*arguments: object) -> Result:
    return CliRunner().invoke(netra, ["whatif", *map(str, arguments)])


def written(folder: Path, *journals: dict[str, Any]) -> Path:
    for number, data in enumerate(journals):
        (folder / f"{number}.json").write_text(json.dumps(data))
    return folder


def asked(*arguments: object) -> Any:
    done = call(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def in_turn(waits: Sequence[float], text: str = LOCK) -> Any:
    """A launch of startups that wait so long for the answers to a statement."""
    return launch(
        [
            replace(seen(waited_before=seconds), statements=(Statement(text, 1, 1, seconds, 1),))
            for seconds in waits
        ]
    )


@pytest.mark.parametrize(
    ("waits", "text"),
    [
        ((0.01, 0.41, 0.81, 1.21, 1.61), LOCK),
        ((0.0, 0.0, 0.0, 0.1, 0.2), LOCK),  # some come when it is free
        ((0.01, 0.41, 0.81, 1.21, 1.61), "CREATE TABLE IF NOT EXISTS a (id int)"),
    ],
)
def test_of_startups_that_take_turns_no_success_is_told_beyond_what_was_seen(
    waits: Sequence[float], text: str, tmp_path: Path
) -> None:
    written(tmp_path, calibrating(before=in_turn(waits, text), after=in_turn(waits, text)))
    said = asked(tmp_path, "--instances", 1000)
    assert (said["success_share"], said["ready"], said["seconds"]) == (None, None, None)
    assert said["turns"]["statement"] == text
    assert said["turns"]["each_seconds"] == pytest.approx((waits[-1] - waits[0]) / 4)
    shown = call(tmp_path, "--instances", 1000).stdout
    assert shown.startswith("**Not told for 1,000 instances: startups take turns")
    assert "are ready" not in shown
    assert asked(tmp_path, "--instances", 5)["success_share"] == 1


@pytest.mark.parametrize(
    ("waits", "text"),
    [
        ((0.30, 0.31, 0.32, 0.33, 0.34), LOCK),  # all wait equally long
        ((0.01, 0.01, 0.02, 0.02, 0.9), "SELECT a FROM b"),  # one alone does
        ((0.01, 0.05, 0.08, 0.12, 0.16), "SELECT a FROM b"),  # as on a busy machine
    ],
)
def test_startups_that_do_not_take_turns_are_told_of(
    waits: Sequence[float], text: str, tmp_path: Path
) -> None:
    written(tmp_path, calibrating(before=in_turn(waits, text), after=in_turn(waits, text)))
    said = asked(tmp_path, "--instances", 20, "--connector-slots", 0)
    assert (said["turns"], said["success_share"]) == (None, 1)


def about(said: Any, words: str) -> bool:
    return any(words in one["text"] for one in said["untested"])


def test_within_what_the_journals_have_nothing_is_untested(tmp_path: Path) -> None:
    folder = written(tmp_path, calibrating(5), calibrating(10))
    said = asked(folder, "--instances", 10, "--connector-slots", 0)
    assert (said["success_share"], said["untested"]) == (1.0, [])
    assert (said["seconds"]["p50"], said["error"]["launches"]) == (pytest.approx(ALONE, abs=0.1), 4)
    assert said["error"]["time_share"] < 0.1
    assert said["calibration"]["round_trips"] == TRIPS
    assert said["resources"]["connector_slots"] is None
    text = call(folder, "--instances", 10, "--connector-slots", 0).output
    assert text.startswith("**10 of 10 instances are ready (100.0%, ± 10%)**")
    assert "extrapolates" not in text
    assert "given up after 60 s" in text
    assert "nothing yet; next are max_connections of the database, 5% taken" in text


def test_beyond_them_it_says_what_is_not_tested(tmp_path: Path) -> None:
    folder = written(tmp_path, calibrating(5))
    done = call(folder, "--instances", 1000, "--latency-ms", 50, "--connector-slots", 20)
    assert done.exit_code == 0, done.output
    assert (
        "This extrapolates: see what is not tested, below; that error is of up to 5 " in done.output
    )
    for words in (
        "1,000 instances: at most 5 started at once in the journals",
        "50 ms more for each round trip: the journals have at most 0 ms",
        "startups that wait for a slot of the connector: in the journals none waited",
        "up to 20 s that the profile's connector makes a new connection wait under pressure",
        "a service without a limit of its own",
        "What limits first: the connector's slots",
    ):
        assert words in done.output


def test_options_change_what_instances_start_through(tmp_path: Path) -> None:
    folder = written(tmp_path, calibrating(5))
    few = asked(folder, "--instances", 40, "--connector-slots", 0, "--max-connections", 23)
    assert (few["ready"], few["failed"]) == (20, {"max_connections": 20})
    assert few["first_failure"]["limit"] == "max_connections"
    assert few["first_failure"]["seconds"] == pytest.approx(BOOT, abs=0.1)
    assert about(few, "53300")
    late = asked(folder, "--instances", 5, "--connector-slots", 0, "--latency-ms", 100)
    assert late["seconds"]["p50"] == pytest.approx(ALONE + TRIPS * 0.1, abs=0.1)
    pooled = asked(folder, "--instances", 5, "--pool", 1)
    assert not about(pooled, "a pool of")
    without = asked(folder, "--instances", 5)["resources"]
    assert without["max_connections"]["available"] == 197
    assert without["connector_slots"] is None
    written(tmp_path, calibrating(5, connector=HAD_CONNECTOR))
    profile = asked(folder, "--instances", 5)["resources"]
    assert profile["connector_slots"]["available"] == 50


def own_service(**facts: Any) -> dict[str, Any]:
    """A journal of somebody's own service, by the default profile; see `chaosnetra init`."""
    found = calibrating(3, settings={"target": "python service.py"}, **facts)
    probe = {
        "func": "startups_succeed",
        "module": "chaosnetra.startup.probes",
        "arguments": {"count": "${count}"},
    }
    slow = {"func": "add_latency", "arguments": {"latency_ms": "${slow}"}}
    found["experiment"] |= {
        "configuration": {"count": 3, "slow": {"type": "env", "key": "SLOW", "default": "9"}},
        "steady-state-hypothesis": {"title": "h", "probes": [{"name": "p", "provider": probe}]},
        "method": [{"type": "action", "name": "a", "provider": slow}],
    }
    found["chaosnetra"]["experiment_file"] = "experiments/startup.json"
    return found


def test_a_service_has_no_limit_of_a_profile_that_nobody_named(tmp_path: Path) -> None:
    folder = written(tmp_path, own_service())
    said = asked(folder, "--instances", 400)
    assert (said["ready"], said["failed"]) == (400, {})
    assert said["resources"]["connector_slots"] is None
    assert said["resources"]["max_connections"]["available"] is None
    assert said["system"]["pool_timeout_seconds"] is None
    assert about(said, "a database that gives 400 connections at once: what it has is not known")
    text = call(folder, "--instances", 400).output
    assert "connector: none (the journals' runs had none; --connector-slots names one)" in text
    assert "(without a bound: the journals do not tell the service's; give --max-conn" in text
    few = asked(folder, "--instances", 40, "--connector-slots", 30)["system"]
    assert few["connector"]["pressure_delay_seconds"] == 0
    assert few["connector_from"] == "--connector-slots"
    named = calibrating(3, settings={"target": "python service.py", "profile": "issue-1263"})
    written(tmp_path, named)
    of_profile = asked(folder, "--instances", 5)["system"]
    assert of_profile["max_connections_from"] == "profile issue-1263"


def test_what_tests_it_works_for_the_experiment_of_the_journal(tmp_path: Path) -> None:
    text = call(written(tmp_path, own_service()), "--instances", 40, "--latency-ms", 20).output
    for check in (
        "chaos run --var count=N experiments/startup.json, with more than 3",
        "chaos run --var slow=20 experiments/startup.json",
    ):
        assert f"to test it: {check}\n" in text
    assert "CHAOSNETRA_" not in text


@pytest.mark.parametrize(("ready", "untested"), [(True, False), (False, True)])
def test_a_latency_beside_another_fault_was_seen_where_startups_were_ready(
    ready: bool, untested: bool, tmp_path: Path
) -> None:
    found = launch([seen(latency=0.2)] * 3, added_round_trip_ms=200.0)
    if not ready:
        for one in found["output"]["startups"]:
            one["status"] = "timed_out"
    effect = {"quantity": "q", "expected": 1, "observed": 1, "in_effect": True}
    beside = [
        {"name": kind, "parameters": {"kind": kind, "type": "latency"}, "effect": effect}
        for kind in ("toxic", "connections held")
    ]
    data = own_service(faults=beside)
    data["steady_states"]["after"]["probes"] = [found]
    folder = written(tmp_path, data)
    said = asked(folder, "--instances", 3, "--latency-ms", 20)
    assert about(said, "20 ms more for each round trip") is untested
    beside_another = "at most 0 ms, and 200 ms beside another fault, under which none was ready"
    assert about(said, beside_another) is untested


def test_a_figure_below_its_error_is_said_not_to_be_known(tmp_path: Path) -> None:
    short = launch([seen(waited_before=0.0)] * 3)
    long = launch([seen(own=9.0)] * 3)
    folder = written(tmp_path, calibrating(before=short, after=long))
    text = call(folder, "--instances", 3).output
    times = text.splitlines()[1]
    assert times.startswith("Startup times: not known; the model may be ")
    assert "±" not in times


def test_who_has_a_slot_at_once_and_is_delayed_waits_in_no_queue(tmp_path: Path) -> None:
    folder = written(tmp_path, calibrating(5, connector=HAD_CONNECTOR))
    delayed = asked(folder, "--instances", 40)["resources"]["connector_slots"]
    assert delayed["most"] < delayed["available"]
    text = call(folder, "--instances", 40).output
    assert "; a new connection waits " in text
    assert "up to 0 wait" not in text
    few = call(folder, "--instances", 40, "--connector-slots", 20).output
    assert "; up to 20 wait, the longest " in few


def test_a_pool_that_is_smaller_than_what_was_opened_at_once(tmp_path: Path) -> None:
    both = [
        connection(1, 0.5, None, session=0.6, trips=20, waited_seconds=0.5),
        connection(2, 0.5, None, session=0.6, trips=20, waited_seconds=0.5),
    ]
    beside = observation(2.0, both, [(0.5, 1.0)], serial_round_trips=20)
    found = launch([beside] * 4)
    folder = written(tmp_path, calibrating(before=found, after=found))
    wide, narrow = (
        asked(folder, "--instances", 4, "--connector-slots", 0, "--pool", size) for size in (2, 1)
    )
    assert wide["seconds"]["p50"] == pytest.approx(2.0)
    assert narrow["seconds"]["p50"] > 2.3
    assert (about(wide, "a pool of"), about(narrow, "a pool of 1: startups opened 2")) == (
        False, True,
    )  # fmt: skip
    assert wide["resources"]["max_connections"]["most"] == 8
    assert narrow["resources"]["max_connections"]["most"] == 4


def test_a_line_that_is_busy_is_told(tmp_path: Path) -> None:
    heavy = calibrating(5, connector=HAD_CONNECTOR)
    for state in ("before", "after"):
        for one in heavy["steady_states"][state]["probes"][0]["output"]["startups"]:
            one["wire"]["connections"][0]["received_bytes"] = 10**9
    said = asked(written(tmp_path, heavy), "--instances", 5)
    assert said["resources"]["connector_throughput_share"] > 1
    assert about(said, "the connector's throughput")


def test_the_same_seed_says_the_same(tmp_path: Path) -> None:
    folder = written(tmp_path, calibrating(9))
    said = [call(folder, "--instances", 50, "--seed", seed).output for seed in (1, 1)]
    assert said[0] == said[1]


def test_journals_of_something_else_are_refused(tmp_path: Path) -> None:
    folder = written(
        tmp_path, calibrating(), calibrating(target="other"), calibrating(time_scale=2.0)
    )
    done = call(folder, "--instances", 5)
    assert (done.exit_code, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "1.json: its target is 'other', and that of " in lines[0]
    assert "2.json: its time scale is 2" in lines[1]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (calibrating(before=launch([None] * 3), after=launch([None] * 3)), "observed on the wire"),
        (calibrating(before=launch([None]) | {"output": True}, after=launch([])), "no journal"),
        (calibrating(profile={**PROFILE, "infrastructure": {}}), "give --max-connections"),
        (calibrating(profile=None), "does not hold the profile"),
    ],
    ids=["unobserved", "no startups", "no database", "no profile"],
)
def test_without_a_figure_it_says_what_to_do(
    tmp_path: Path, found: dict[str, Any], said: str
) -> None:
    done = call(written(tmp_path, found), "--instances", 5)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--instances", 0), ("--instances", 100_001), ("--latency-ms", "nan"),
        ("--latency-ms", -1), ("--pool", 0), ("--max-connections", 3), ("--connector-slots", -1),
    ],
)  # fmt: skip
def test_values_that_are_none_are_refused(tmp_path: Path, wrong: tuple[str, object]) -> None:
    done = call(written(tmp_path, calibrating()), "--instances", 5, *wrong)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {wrong[0]} must be")


def test_what_is_no_journal_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    assert call(tmp_path / "x.json", "--instances", 5).exit_code == 7


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), output=st.sampled_from(["text", "json"]))
def test_whatever_a_journal_holds_is_answered_without_a_traceback(
    tmp_path: Path, seed: int, output: str
) -> None:
    rng = random.Random(seed)
    (tmp_path / "0.json").write_bytes(as_text(rng, mutate(rng, calibrating(3))))
    done = call(tmp_path / "0.json", "--instances", 20, "--latency-ms", 5, "--format", output)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code in (0, 2, 7)
    assert "\x1b" not in done.output
    assert done.output.strip()


def test_a_service_has_the_connector_that_its_runs_limited(tmp_path: Path) -> None:
    limited = {"kind": "connector", "server": "http://here", **connector(8).to_json()}
    effect = {"quantity": "q", "expected": 1, "observed": 1, "in_effect": True}
    data = own_service(faults=[{"name": "c", "parameters": limited, "effect": effect}])
    said = asked(written(tmp_path, data), "--instances", 5)
    assert said["resources"]["connector_slots"]["available"] == 8
    assert said["system"]["connector_from"] == "limit_connector in the journals"
    more = asked(tmp_path, "--instances", 5, "--connector-slots", 30)["system"]
    assert more["connector_from"].startswith("--connector-slots, the rest is from limit_connector")
    assert more["connector"]["queue_timeout_seconds"] == 3600


def test_a_deployed_service_has_the_connector_that_was_monitored(tmp_path: Path) -> None:
    seen_there = {"connector_instances_of_run": {"before": 2, "after": 3}}
    said = asked(written(tmp_path, calibrating(5, monitoring=seen_there)), "--instances", 5)
    assert said["resources"]["connector_slots"]["available"] == 50
