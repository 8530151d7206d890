"""One file, two environments: on the local stand, and against a rehearsal of Cloud Run."""

import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from tests.support.documented import commands_of, run_lines

# What makes the documented commands end sooner; nothing that they show depends on it.
SOONER = {"CHAOSNETRA_JOB_HOLD_SECONDS": "0", "CHAOSNETRA_BARRIER_SECONDS": "1"}
# What one of them has and the other cannot: how simultaneous tasks were, and what they measured.
ONLY_STAGING = {"launch"}
PAGE = "docs/rehearsal.md"
STATUS = "chaosnetra stand status --database-url"
LOGS = 'cat "$XDG_STATE_HOME"/chaosnetra/rehearsal-logs/*/task0.log'


def shape(value: Any) -> Any:
    """Names and kinds of a value, without the value; of a list, its first."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else "other"


@pytest.mark.timeout(500)
@pytest.mark.usefixtures("nothing_left")
def test_journals_of_both_environments_are_comparable(tmp_path: Path) -> None:
    *rehearsal, take_down = commands_of(PAGE, "rehearsal")
    _, check, _ = commands_of(PAGE, "check")
    lines = [*rehearsal, check, STATUS, LOGS, take_down]
    done = run_lines(lines, tmp_path, SOONER, 300)
    up, variables, _, plan, _, there, _, checked, status, logs, _ = done
    assert [one.code for one in done] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], done
    password = DatabaseAddress.parse(status.said.strip()).password
    assert len(password) > 20
    assert [one.line for one in done if password in one.said] == [STATUS]
    assert [line[:4] for line in checked.said.splitlines()].count("ok  ") == 10
    assert "no  " not in checked.said
    assert "STARTUP FAILURE: phase 3 (database)" in logs.said, "what a startup printed"
    assert '{"chaosnetra_startup": {"execution": "startups-' in logs.said
    next_commands = [line.strip() for line in up.said.splitlines() if line.startswith("  ")]
    assert next_commands[0] == variables.line
    assert next_commands[1].startswith("CHAOSNETRA_COUNT=2 chaosnetra plan ")
    assert all(line in there.said for line in ("HELD  ", "  fault         latency"))
    staging, violated = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("staging", "older")
    )
    (violation,) = violated["chaosnetra"]["violations"]
    assert (violation["phase"], violation["budget"]) == ("database", "table_setup")
    planned = staging["chaosnetra"]["plan"]
    assert f"hash: {planned['hash']}" in plan.said
    assert planned["tasks"] == 2
    assert planned["path"]["variables"] == {"DATABASE_URL": "{url}"}
    assert planned["target"]["job"]["etag"]
    check = staging["steady_states"]["after"]["probes"][0]
    # Its startups began at the barrier, and not when they were asked for.
    asked, ended = check["started_seconds"], check["ended_seconds"]
    longest = max(one["seconds"] for one in check["output"]["startups"])
    assert asked < check["output"]["launched_seconds"] < ended - longest
    launch = check["output"]["launch"]
    assert check["output"]["launched_seconds"] - asked >= launch["barrier"]["asked_seconds"]
    assert f"Output of the tasks: {launch['logs']}\n" in there.said
    assert launch["logs"].endswith(f"/rehearsal-logs/{launch['execution'].rpartition('/')[2]}")
    assert not Path(launch["logs"]).exists(), "it goes with the stand"

    compared_lines = commands_of(PAGE, "comparison")
    here, compared = run_lines(compared_lines, tmp_path, {}, 100)
    assert (here.code, compared.code) == (0, 0), (here.said, compared.said)
    local = json.loads((tmp_path / "local.json").read_text())

    assert local["chaosnetra"]["environment"] == "local"
    assert staging["chaosnetra"]["environment"] == "staging"
    for journal in (local, staging):
        assert journal["chaosnetra"]["verdict"] == "held", journal["chaosnetra"]["reason"]
        in_effect = [fault for fault in journal["chaosnetra"]["faults"] if fault["effect"]]
        assert [fault["effect"]["in_effect"] for fault in in_effect] == [True]
        assert [fault["undo"] for fault in in_effect] == ["done"]
        assert [fault["effect"]["quantity"] for fault in in_effect] == ["added_latency_ms"]
        assert (in_effect[0]["tasks"] is None) == (journal is local)
    assert set(staging["chaosnetra"]) - set(local["chaosnetra"]) == {"plan", "cloud_run"}
    assert set(local["chaosnetra"]) <= set(staging["chaosnetra"])

    one, other = (
        journal["steady_states"]["after"]["probes"][0]["output"] for journal in (local, staging)
    )
    assert set(other) - set(one) == ONLY_STAGING
    assert set(one) <= set(other)
    assert set(one["startups"][0]) == set(other["startups"][0])
    assert set(one["phase_seconds_p50"]) == set(other["phase_seconds_p50"])
    for key in ("attempts", "failure_rate", "ready_seconds_p50", "boot_seconds_p50"):
        assert shape(one[key]) == shape(other[key]) == "number"
    for part in ("run", "rollbacks"):
        (mine,), (theirs,) = local[part], staging[part]
        assert mine["activity"] == theirs["activity"]
        assert set(mine["output"]) == set(theirs["output"])
    actions = [journal["run"][0]["output"]["action"] for journal in (local, staging)]
    assert actions == ["chaosnetra.toxiproxy.actions.add_latency"] * 2

    in_json = f"{compared_lines[-1]} --format json"
    (listed,) = run_lines([in_json], tmp_path, {}, 60)
    (experiment,) = json.loads(listed.said)["experiments"]
    assert experiment["change"] == "still holds"
    told, trips = experiment["notes"][-2:]
    assert told == (
        "the environment was local before and a rehearsal of staging after: the same pressure"
    )
    assert trips.startswith("round trips agree: ")
    whats = [difference["what"] for difference in experiment["differences"]]
    assert "the path of the startups to their database" in whats
    assert [change["when"] for change in experiment["wire"]] == [
        "without the fault",
        "under the fault",
    ]
    assert [rate["probe"] for rate in experiment["rates"]] == ["startups-succeed"]
    assert experiment["times"]
