"""What differs in how runs were made: refused, or told beside their comparison."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosnetra.cli import netra
from chaosnetra.evidence.compare.changes import Change
from chaosnetra.evidence.compare.comparison_text import comparison_text
from tests.support.comparisons import (
    FAST,
    add_latency,
    compared,
    in_environment,
    only,
    run,
    with_method,
)


def toxic(latency: int) -> dict[str, Any]:
    parameters = {"kind": "toxic", "type": "latency", "attributes": {"latency": latency}}
    return {"name": "t", "parameters": parameters, "effect": None}


def in_state(data: dict[str, Any], mode: str) -> dict[str, Any]:
    for check in (data["steady_states"]["before"], data["steady_states"]["after"]):
        check["probes"][0]["output"]["database_state"] = {"mode": mode}
    return data


APPLY = {
    "type": "action",
    "name": "inject",
    "provider": {
        "type": "python",
        "module": "chaosnetra.pressure.actions",
        "func": "apply_pressure",
        "arguments": {
            "local": add_latency("${latency_ms}")["provider"],
            "staging": {"module": "m", "func": "scale_service", "arguments": {}},
        },
    },
}

INCOMPARABLE = [
    ("target", run(FAST, target="python a.py"), run(FAST, target="python b.py"),
     "not comparable: the target was python a.py before and python b.py after"),
    ("faults", with_method(run(FAST), add_latency(500)), with_method(run(FAST), add_latency(50)),
     ("not comparable: what was injected was add_latency(latency_ms 500) before and "
     "add_latency(latency_ms 50) after")),
    ("faults",
     with_method(run(FAST, configuration={"latency_ms": "500"}, environment="local"), APPLY),
     with_method(run(FAST, configuration={"latency_ms": "50"}, environment="local"), APPLY),
     ("not comparable: what was injected was add_latency(latency_ms 500) before and "
     "add_latency(latency_ms 50) after")),
    ("faults", with_method(run(FAST, faults=[toxic(500)]), add_latency("${latency_ms}")),
     with_method(run(FAST, faults=[toxic(50)]), add_latency("${latency_ms}")),
     ("not comparable: what Toxiproxy did at time scale 0.1 was "
     'latency {"latency": 500} before and latency {"latency": 50} after')),
    ("count", run(FAST), run(FAST * 2, attempts=10),
     "not comparable: how many startups tried at once was 5 before and 10 and 5 after"),
    ("database_state", in_state(run(FAST), "shared"), in_state(run(FAST), "fresh"),
     "not comparable: the database state was shared before and fresh after"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "before", "after", "line"), INCOMPARABLE)
def test_what_makes_a_comparison_meaningless_is_refused_unless_it_is_allowed(
    kind: str, before: dict[str, Any], after: dict[str, Any], line: str, tmp_path: Path
) -> None:
    found = only(before, after)
    assert found.change is Change.UNPROVEN
    assert found.refused[0] == line
    assert [*found.rates, *found.times, *found.regressions] == []
    for name, data in (("before", before), ("after", after)):
        (tmp_path / name).write_text(json.dumps(data))
    sides = [str(tmp_path / name) for name in ("before", "after")]
    refused = CliRunner().invoke(netra, ["compare", *sides])
    assert refused.exit_code == 2, refused.output
    assert refused.output.startswith("**Not all could be compared**\n- t: not comparable: ")
    assert f"\nTo compare all the same: `--allow {kind}`\n" in refused.output
    allowed = CliRunner().invoke(netra, ["compare", *sides, "--allow", kind])
    assert allowed.exit_code == 0, allowed.output
    assert allowed.output.startswith("**No regression**")
    assert line.removeprefix("not comparable: ")[:20] in allowed.output


def test_a_worse_result_of_another_target_is_no_regression() -> None:
    found = only(run(FAST, target="a"), run([], target="b"))
    assert found.regressions == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (run(FAST, target="a"), run(FAST)),
        (run(FAST), in_state(run(FAST), "fresh")),
        (with_method(run(FAST), add_latency("500", name="one")),
         with_method(run(FAST), add_latency(500.0, name="another"))),
        (with_method(run(FAST), add_latency("${latency_ms}")),
         with_method(run(FAST), add_latency(50))),
        (with_method(run(FAST, configuration={"ms": "5"}), add_latency("${ms}")),
         with_method(run(FAST, configuration={"ms": 5, "x": 1}), add_latency("${ms}"))),
    ],
    ids=["unknown target", "unknown state", "written otherwise", "not resolved", "same value"],
)  # fmt: skip
def test_what_is_the_same_or_not_known_is_compared(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = only(before, after)
    assert found.refused == []
    assert found.change is Change.STILL_HOLDS


def test_local_and_staging_are_compared_and_what_differs_is_told() -> None:
    local = with_method(
        run(FAST, environment="local", configuration={"latency_ms": "50"}, target="a"), APPLY
    )
    staging = with_method(
        run(FAST, environment="staging", configuration={"latency_ms": "50"}, target="b"), APPLY
    )
    found = only(local, staging)
    assert found.change is Change.STILL_HOLDS
    lines = [one.line for one in found.differences]
    assert "the target was a before and b after" in lines
    assert (
        "what was injected was add_latency(latency_ms 50) before and scale_service() after" in lines
    )


@pytest.mark.parametrize(
    ("there", "set_up", "note"),
    [
        (138, 4, "round trips agree: 138 one after the other in both environments"),
        (137, 3, "round trips agree: 134 one after the other in both environments, beside 4 and 3"),
        (137, 4, "round trips must agree in both environments, and do not (138 and 137 one after "),
        (130, 4, "round trips must agree in both environments, and do not (138 and 130 one after "),
    ],
)
def test_of_one_fault_in_two_environments_the_path_and_round_trips_are_told(
    there: int, set_up: int, note: str
) -> None:
    local = in_environment("local", 138, 4, "fork")
    staging = in_environment("staging", there, set_up, "job", launch={"path": {}})
    found = only(local, staging)
    assert found.change is Change.STILL_HOLDS
    same = "the environment was local before and staging after: other machines, the same pressure"
    assert found.notes[0] == same
    assert found.notes[1].startswith(note)
    lines = [one.line for one in found.differences]
    path = "the path of the startups to their database was this machine's before and each task's"
    assert f"{path} own after" in lines
    staging["chaosnetra"]["plan"] = {"environment": "staging, rehearsed"}
    assert only(local, staging).notes[0] == (
        "the environment was local before and a rehearsal of staging after: the same pressure"
    )
    staging["chaosnetra"]["time_scale"] = 1
    found = only(local, staging)
    assert found.notes[0].startswith("startup times were not compared: the time scale was")
    assert found.notes[2].startswith(note)
    assert [one.when for one in found.wire] == ["without the fault", "under the fault"]


def test_of_settings_only_those_that_differ_are_told() -> None:
    def settings(limit: str, host: str) -> dict[str, Any]:
        environment = {f"PG{number}": "{placeholder}" for number in range(40)}
        given = {"target_environment": {**environment, "PGHOST": host}}
        return given | {"readiness": "exit", "startup_timeout_seconds": limit}

    before, after = settings("20", "{host}"), settings("35", "a, b=c")
    (found,) = only(run(FAST, settings=before), run(FAST, settings=after)).differences
    assert found.line == (
        "what was set other than by default was startup_timeout_seconds=20, "
        "target_environment.PGHOST={host} before and startup_timeout_seconds=35, "
        "target_environment.PGHOST=a, b=c after"
    )


def test_what_else_differs_is_told_beside_the_comparison() -> None:
    profile = {"name": "p", "budgets": {"table_setup_seconds": 5}}
    before = run(FAST, settings={"readiness": "exit"}, profile=profile)
    other = {**profile, "budgets": {"table_setup_seconds": 25}}
    after = run(FAST, settings={"connector": "emulator"}, profile=other)
    after["experiment"]["steady-state-hypothesis"]["title"] = "another"
    found = only(before, after)
    assert found.change is Change.STILL_HOLDS
    assert [one.line for one in found.differences] == [
        "the content of profile p differs",
        "the steady state of the experiment differs",
        "what was set other than by default was readiness=exit before and connector=emulator after",
    ]
    assert "- the content of profile p differs" in comparison_text(compared([before], [after]))


def test_where_there_is_none_of_it_that_is_said_in_a_word() -> None:
    """Not with an empty place, nor as if a setting were a thing that can be empty."""
    (settings,) = only(run(FAST, settings={}), run(FAST, settings={"seed2": "1"})).differences
    assert (
        settings.line == "what was set other than by default was nothing before and seed2=1 after"
    )
    mixed = [run(FAST, settings={}), run(FAST, settings={"readiness": "exit"})]
    (found,) = compared(mixed, [run(FAST, settings={})]).experiments
    lines = [one.line for one in found.differences]
    said = "what was set other than by default was nothing and readiness=exit before and nothing"
    assert lines == [f"{said} after"]


def test_the_answer_that_a_tolerance_judged_is_no_difference() -> None:
    before, after = run(FAST), run(FAST)
    for value, data in ((1, before), (2, after)):
        provider = {"func": "held", "arguments": {"value": value}}
        hypothesis = data["experiment"]["steady-state-hypothesis"]
        hypothesis["probes"] = [{"tolerance": {"type": "probe", "provider": provider}}]
    assert only(before, after).differences == []


def test_several_targets_on_one_side_are_not_taken_together() -> None:
    mixed = [run(FAST, target="a"), run(FAST, target="b")]
    (found,) = compared(mixed, mixed).experiments
    assert found.refused == ["not comparable: the target was a and b before and a and b after"]
