"""What the journal control judges by: probes of the method, recovery, dry runs, clocks, tolerances.

One test a row; each runs `chaos run` as a process of its own, on the installed line.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from tests.conftest import RunChaos
from tests.support.experiments import HELD, ours, process
from tests.support.journals import judged
from tests.support.judged_runs import USER_MODULES, action, assert_judged, call, experiment, probe

__all__ = ["USER_MODULES"]  # for the fixture
pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")


def test_a_steady_state_that_does_not_come_back_is_a_violation(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    counter = str(tmp_path / "calls")
    run = run_chaos(
        experiment([probe("count_up", file=counter, good_until=2)], [action("value", of=1)])
    )
    assert_judged(run, "violated", "no recovery after the rollback")
    assert [violation["stage"] for violation in run.section["violations"]] == ["recovery"]


def test_the_recovery_may_take_the_time_that_it_is_given(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import pathlib\n"
        f"path = pathlib.Path({str(tmp_path / 'calls')!r})\n"
        "def well():\n"
        "    calls = int(path.read_text()) if path.exists() else 0\n"
        "    path.write_text(str(calls + 1))\n"
        "    return calls not in (2, 3, 4)\n"
    )
    well = probe("value")
    well["provider"].update(module="slow", func="well", arguments={})
    run = run_chaos(experiment([well], [action("value", of=1)], recovery_timeout_seconds=20))
    assert_judged(run, "held", "steady state held", returncode=0)
    assert int((tmp_path / "calls").read_text()) == 6


@pytest.mark.parametrize("background", [False, True])
def test_a_probe_of_the_method_outside_its_tolerance_is_a_violation(
    run_chaos: RunChaos, background: bool
) -> None:
    """The core judges the steady state only; beside it a probe that fails is told."""
    judge = {**call("probe", "value", of=0), "tolerance": 1, "background": background}
    by_function = {**call("probe", "missing", file="nowhere"), "tolerance": call("probe", "no")}
    method = [action("value", of=1), judge, by_function, call("probe", "fail", text="no route")]
    run = run_chaos(experiment([probe("value", of=True)], method))
    assert_judged(run, "violated", "steady state violated")
    found = [(each["stage"], each["probe"]) for each in run.section["violations"]]
    assert sorted(found) == [("during", "missing"), ("during", "value")]
    assert "probe 'fail' in the method failed: " in run.section["reason"]
    met = {each["activity"]["name"]: each.get("tolerance_met") for each in run.journal["run"][1:]}
    assert met == {"value": False, "missing": False, "fail": None}
    assert '"value": true' not in json.dumps(run.journal["run"])


def test_a_probe_of_the_method_that_raises_is_a_failed_observation(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment(
            [probe("value", of=True)],
            [action("value", of=1), {**call("probe", "value", of="x"), "tolerance": [1, 5]}],
        )
    )
    assert_judged(run, "inconclusive", "an observation failed")
    assert "tolerance of 'value' cannot judge its output" in run.section["reason"]


def test_a_clock_that_is_set_back_reorders_nothing(run_chaos: RunChaos) -> None:
    """Wall-clock times contradict themselves then; each activity has seconds that do not."""
    well = [probe("value", of=True)]
    run = run_chaos(experiment(well, [action("set_clock", by=-3600), action("value", of=1)]))
    assert_judged(run, "held", "steady state held", returncode=0)
    states = run.journal["steady_states"]
    runs = [*states["before"]["probes"], *run.journal["run"], *states["after"]["probes"]]
    assert [each["start"] for each in runs] != sorted(each["start"] for each in runs)
    seconds = [each[key] for each in runs for key in ("started_seconds", "ended_seconds")]
    assert seconds == sorted(seconds)
    assert all(0 <= each["duration"] < 60 for each in [*runs, run.journal])
    elapsed = [event["elapsed_seconds"] for event in run.events]
    assert elapsed == sorted(elapsed)
    ended = [event for event in run.events if event["event"] == "activity.ended"]
    assert all(event["duration_seconds"] >= 0 for event in ended)


def test_trials_under_a_fault_count_although_the_clock_is_set_back(
    run_chaos: RunChaos, postgres: PostgresServer, toxiproxy_server: ToxiproxyServer
) -> None:
    connects = ours("probe", "postgres", "connections_succeed", count=3, min_confidence=0.95)
    connects["tolerance"] = HELD
    run = run_chaos(
        experiment(
            [connects],
            [
                ours("action", "toxiproxy", "add_latency", latency_ms="400", name="slow"),
                action("set_clock", by=-3600),
            ],
            [ours("action", "toxiproxy", "remove_toxic", name="slow")],
        ),
        CHAOSNETRA_DATABASE_URL=postgres.database.url,
        CHAOSNETRA_TOXIPROXY_URL=toxiproxy_server.url,
    )
    assert_judged(run, "inconclusive", "too few trials for the demanded confidence")
    assert [(each["probe"], each["trials"]) for each in run.section["proofs"]] == [
        ("connections_succeed", 3)
    ]
    (slow,) = [fault for fault in run.section["faults"] if fault["effect"]]
    assert slow["undone_at"] < slow["injected_at"]
    assert 0 < slow["injected_seconds"] < slow["undone_seconds"] < 60


def test_a_run_without_its_pauses_is_judged_as_any_other(
    run_chaos: RunChaos, tmp_path: Path
) -> None:
    fault = str(tmp_path / "fault")
    method, back = [action("touch", file=fault)], [action("remove", file=fault)]
    run = run_chaos(experiment([probe("missing", file=fault)], method, back), "--dry", "pause")
    assert_judged(run, "violated", "steady state violated")


def test_a_dry_run_that_carried_out_what_failed_is_not_success(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment([probe("value", of=True)], [action("fail", text="x")]), "--dry", "probes"
    )
    assert_judged(run, "inconclusive", "injection failed")


def test_a_dry_run_keeps_its_exit_code_and_claims_nothing(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment([probe("value", of=False)], [action("fail", text="x")]), "--dry", "activities"
    )
    assert_judged(run, "inconclusive", "dry run", returncode=0)


def test_a_tolerance_function_needs_no_arguments(run_chaos: RunChaos) -> None:
    """The core would end with a traceback; it puts the answer into them."""
    provider = {"type": "python", "module": "chaosnetra.tolerances", "func": "held"}
    tolerance = {**HELD, "provider": provider}
    met, unmet = {"held": True}, {"held": False, "expected": "more", "observed": "less"}
    run = run_chaos(experiment([probe("value", tolerance, of=met)], []))
    assert run.returncode == 0, run.output
    assert run.section["verdict"] == "held"
    run = run_chaos(experiment([probe("value", tolerance, of=unmet)], []))
    assert run.section["verdict"] == "violated"
    assert "observed less" in run.section["reason"]
    assert "Traceback" not in run.output


def test_arguments_that_no_answer_can_be_put_into_are_told_in_one_line(run_chaos: RunChaos) -> None:
    tolerance = {"type": "probe", "name": "t", "provider": {"type": "process", "path": "true"}}
    tolerance["provider"]["arguments"] = "-x"  # type: ignore[index]  # it is an object
    run = run_chaos(experiment([probe("value", tolerance, of=True)], []))
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "arguments must be an object, got '-x'" in run.section["reason"]
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("path", "verdict"), [("$.a", "held"), ("$.b", "violated"), ("$.a[0:1]", "inconclusive")]
)
def test_a_json_path_of_the_method_is_judged_without_its_package(
    run_chaos: RunChaos, path: str, verdict: str
) -> None:
    tolerance = {"type": "jsonpath", "path": path, "expect": 1}
    look = probe("value", tolerance, of={"a": 1, "b": 2})
    run = run_chaos(experiment([probe("value", of=True)], [action("value", of=1), look]))
    assert run.section["verdict"] == verdict, run.output
    assert "JSONPath" not in run.output
    if verdict == "inconclusive":
        assert "pip install chaostoolkit-lib[jsonpath]" in run.section["reason"]


@pytest.mark.parametrize("of", ["raises", "ends with an error"])
def test_a_configuration_whose_probe_failed_ends_the_run(run_chaos: RunChaos, of: str) -> None:
    """The core goes on with an empty text in its place."""
    asked = call("probe", "fail", text="no") if of == "raises" else process("false", kind="probe")
    made = {
        **experiment([probe("value", of=True)], [action("value", of="${zone}")]),
        "configuration": {"zone": asked},
    }
    run = run_chaos(made)
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    assert "configuration 'zone' has no value, because its probe failed" in run.section["reason"]
    assert run.journal["run"] == []
    made["configuration"] = {"zone": call("probe", "value", of="west")}
    assert run_chaos(made).returncode == 0


def test_the_line_of_a_run_is_that_of_its_journal(run_chaos: RunChaos) -> None:
    """The core puts the answer into a tolerance that is a function; neither tells it."""
    run = run_chaos(experiment([probe("value", call("probe", "no"), of=5)], []))
    assert run.section["verdict"] == "violated"
    assert '"arguments": {}}}; observed 5' in run.section["reason"]
    assert judged(run.journal)[0].reason == run.section["reason"]


@pytest.mark.parametrize("tolerance", [True, {"type": "regex", "pattern": "ok"}], ids=repr)
def test_a_tolerance_that_cannot_judge_an_object_is_blamed_and_not_the_system(
    tolerance: Any, run_chaos: RunChaos
) -> None:
    answer = {"held": True, "expected": "at most 20% fail", "observed": "4 of 4 ready"}
    run = run_chaos(experiment([probe("value", tolerance, of=answer)], []))
    assert (run.returncode, run.section["cause"]) == (1, "a tolerance is wrong")
    assert "the tolerance of 'value' is wrong, not the system" in run.section["reason"]
    assert run.section["violations"] == []
    assert "Traceback" not in run.output
