"""The probe of failures, against real startups of the reference orchestrator and of others."""

import os
import re
import sys
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.evidence.verdict.violations import unanswered_by
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from chaosnetra.startup.probes import failures_are_explained, startups_succeed
from chaosnetra.toxiproxy.actions import add_timeout, disable_proxy
from tests.conftest import RunChaos
from tests.support.experiments import HELD, experiment, ours, process

Configuration = dict[str, Any]


@pytest.fixture
def configuration(postgres: PostgresServer, toxiproxy_server: ToxiproxyServer) -> Configuration:
    return {
        "database_url": postgres.database.url,
        "toxiproxy_url": toxiproxy_server.url,
        "time_scale": "0.05",
    }


def explained(configuration: Configuration, **arguments: Any) -> dict[str, Any]:
    return failures_are_explained(count=2, configuration=configuration, **arguments)


def test_startups_that_are_ready_have_nothing_to_explain(configuration: Configuration) -> None:
    result = explained(configuration)
    assert (result["held"], result["ready"], result["failures"]) == (True, 2, 0)
    assert result["exit_code"] == 3  # the orchestrator's own
    told = {one["reason"]: (one["told"], one["status"]) for one in result["told_apart"]}
    assert told == {"not_imported": (True, "failed"), "port_in_use": (True, "failed")}


def test_a_refused_database_is_explained_by_the_remedied_orchestrator(
    configuration: Configuration,
) -> None:
    disable_proxy(configuration=configuration)
    result = explained(configuration)
    assert (result["held"], result["failed"], result["failures"]) == (True, 2, 0)
    for startup in result["startups"]:
        assert (startup["exit_code"], startup["exit_reason"]) == (3, "startup_failed")
        assert (startup["phase"], startup["answered"]) == ("database", False)
        assert startup["phases_after_failure"] == []
        assert any("ConnectionResetError" in cause for cause in startup["error"]["causes"])
    # The other two end with the same code, and are told apart.
    assert {one["exit_code"] for one in result["told_apart"]} <= {1, 3}
    assert all(one["told"] for one in result["told_apart"])


def test_a_refused_database_is_swallowed_by_the_older_one(configuration: Configuration) -> None:
    configuration["profile"] = "issue-1263"
    disable_proxy(configuration=configuration)
    result = explained(configuration)
    assert (result["held"], result["degraded"], result["failures"]) == (False, 2, 2)
    assert result["phase"] == "database"
    assert result["error"].startswith("it serves although phase database failed: ")
    succeeded = startups_succeed(count=1, configuration=configuration)
    assert (succeeded["held"], succeeded["degraded"]) == (False, 1)


def test_a_startup_that_is_ready_under_a_fatal_fault_is_a_violation(
    configuration: Configuration,
) -> None:
    configuration["target"] = "true"
    assert explained(configuration, fault_is_fatal=True)["held"] is True
    disable_proxy(configuration=configuration)
    assert explained(configuration)["held"] is True
    result = explained(configuration, fault_is_fatal="true")
    assert (result["held"], result["ready"], result["failures"]) == (False, 2, 2)
    assert re.fullmatch(r"it is ready under .*, where it must fail", result["error"])
    with pytest.raises(ActivityFailed, match="fault_is_fatal must be true or false, got 'perhaps'"):
        explained(configuration, fault_is_fatal="perhaps")


def test_a_hang_is_explained_by_the_remedied_orchestrator(configuration: Configuration) -> None:
    add_timeout(timeout_ms=0, configuration=configuration)
    result = explained(configuration)
    assert (result["held"], result["failed"]) == (True, 2)
    budgets = {startup["error"]["budget"] for startup in result["startups"]}
    assert budgets == {"table_setup"}


def test_the_older_orchestrator_names_another_budget(configuration: Configuration) -> None:
    configuration["profile"] = "issue-1263"
    add_timeout(timeout_ms=0, configuration=configuration)
    result = explained(configuration)
    assert (result["held"], result["failed"], result["failures"]) == (False, 2, 2)
    assert (result["budget"], result["budget_seconds"]) == ("table_setup", 0.5)
    assert result["error"].startswith(
        "the table_setup budget of 0.5 s ran out, which its message does not name: "
    )
    assert "initialization timeout after 1.25s" in result["error"]


def test_a_command_has_no_contrasts(configuration: Configuration) -> None:
    configuration["target"] = "sh -c 'echo FATAL: no; exit 3'"
    result = explained(configuration)
    assert (result["held"], result["told_apart"]) == (False, [])
    assert "for a reason that is not known" in result["error"]


def test_a_target_that_does_not_import_is_a_wrong_setting(
    configuration: Configuration, tmp_path: Path
) -> None:
    (tmp_path / "netra_broken.py").write_text("import netra_no_such_module")
    configuration |= {"target": "netra_broken:app", "target_directory": str(tmp_path)}
    with pytest.raises(ActivityFailed, match=r"does not import.*CHAOSNETRA_TARGET"):
        explained(configuration)


@pytest.mark.parametrize("code", [0, 256, 2.5, "many"])
def test_an_exit_code_that_is_none_is_refused(configuration: Configuration, code: Any) -> None:
    with pytest.raises(ActivityFailed, match="the argument `exit_code`"):
        explained(configuration, exit_code=code)


def test_startups_tell_the_confidence_that_is_demanded(configuration: Configuration) -> None:
    result = startups_succeed(count=1, min_confidence=0.9, configuration=configuration)
    assert (result["held"], result["min_confidence"]) == (True, 0.9)
    with pytest.raises(ActivityFailed, match="min_confidence"):
        startups_succeed(
            count=1, max_failure_rate=0, min_confidence=0.9, configuration=configuration
        )


@pytest.mark.parametrize("count", [0, -1, 1001, "few"])
def test_a_count_that_is_none_is_refused(configuration: Configuration, count: Any) -> None:
    with pytest.raises(ActivityFailed, match="the argument `count`"):
        failures_are_explained(count=count, configuration=configuration)


def test_a_service_that_prints_no_phases_explains_itself_by_its_cause(
    configuration: Configuration,
) -> None:
    said = "2026/01/02 03:04:05 dial tcp 10.0.0.3:5432: connect: connection refused"
    configuration["target"] = f"sh -c 'echo {said}; exit 1'"
    disable_proxy(configuration=configuration)
    result = explained(configuration, fault_is_fatal=True)  # its code is none that is prescribed
    assert (result["held"], result["failed"], result["failures"]) == (True, 2, 0)
    assert result["startups"][0]["error"]["text"] == said


EARLY = """
import os, socket, time
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(1)
raise SystemExit("cannot reach database")
"""


def test_a_service_that_ends_a_second_after_it_answered_is_not_ready(
    configuration: Configuration, tmp_path: Path
) -> None:
    """By the default dwell, which a service of one's own gets at any time scale."""
    (tmp_path / "early.py").write_text(EARLY)
    configuration["target"] = f"{sys.executable} {tmp_path / 'early.py'}"
    configuration["readiness"] = "tcp://127.0.0.1:{port}"
    result = startups_succeed(count=2, configuration=configuration)
    assert (result["held"], result["ready"], result["failed_after_ready"]) == (False, 0, 2)
    assert (result["dwell_seconds"], result["observed_exit_code"]) == (2, 1)
    assert re.search(
        r"it was ready after \d+\.\d\d s, and ended with exit code 1 [01]\.\d\d s later: cannot",
        result["error"],
    )


@pytest.mark.parametrize(
    ("target", "error"),
    [("sh -c 'kill -9 $PPID; sleep 5'", "PartUnavailable"), ("true", "MachineryFailed")],
)
def test_what_fails_of_our_own_says_that_nothing_was_tried(
    configuration: Configuration, target: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pipe() -> None:
        raise OSError(24, "Too many open files")

    configuration["target"] = target
    if error == "MachineryFailed":
        startups_succeed(count=1, configuration=configuration)
        monkeypatch.setattr("chaosnetra.startup.attempt.os.pipe", no_pipe)
    with pytest.raises(ActivityFailed) as caught:
        startups_succeed(count=1, configuration=configuration)
    # As the core records it.
    exception = format_exception(type(caught.value), caught.value, None)
    assert unanswered_by({"status": "failed", "exception": exception}) == error


def test_a_killed_supervisor_makes_the_run_inconclusive(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer, run_chaos: RunChaos, tmp_path: Path
) -> None:
    mark = tmp_path / "killing"
    target = tmp_path / "target.sh"
    target.write_text(f"test -e {mark} && kill -9 $PPID && sleep 5\nexit 0\n")
    startups = ours("probe", "startup", "startups_succeed", count=1)
    done = run_chaos(
        experiment(
            process("touch", str(mark)),
            configuration={
                "database_url": postgres.database.url,
                "toxiproxy_url": toxiproxy_server.url,
                "target": f"sh {target}",
            },
            probes=[startups | {"name": "startups", "tolerance": HELD}],
            strategy=None,
        ),
        PATH=os.environ["PATH"],
    )
    assert done.returncode == 1, done.output
    assert done.section["verdict"] == "inconclusive", done.section["reason"]
    reason = done.section["reason"]
    assert "so the system was not looked at: the supervisor of a startup was killed" in reason
