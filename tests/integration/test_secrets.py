"""Secrets reach neither journal nor events nor log, whoever prints them."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos

pytestmark = pytest.mark.usefixtures("nothing_left")

HELPERS = """
def echo(text=None, secrets=None, configuration=None):
    return {"text": text, "secrets": secrets, "configuration": configuration}

def fail(text):
    raise RuntimeError(f"cannot use {text}")
"""


@pytest.fixture(autouse=True)
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret_helpers.py").write_text(HELPERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def activity(kind: str, function: str, **arguments: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "name": function,
        "provider": {
            "type": "python",
            "module": "secret_helpers",
            "func": function,
            "arguments": arguments,
            "secrets": ["vault"],
        },
    }


def experiment(method: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "title": "secrets",
        "description": "secrets",
        "runtime": {"rollbacks": {"strategy": "always"}},
        "controls": [
            {
                "name": "journal",
                "provider": {"type": "python", "module": "chaosnetra.controls.journal"},
            }
        ],
        "steady-state-hypothesis": {
            "title": "well",
            "probes": [
                {
                    "type": "probe",
                    "name": "root",
                    "tolerance": True,
                    "provider": {
                        "type": "python",
                        "module": "os.path",
                        "func": "lexists",
                        "arguments": {"path": "/"},
                    },
                }
            ],
        },
        "method": method,
        "rollbacks": [],
        **more,
    }


def assert_not_written(run: ChaosRun, *values: str) -> None:
    events = (run.folder / "journal.events.jsonl").read_text()
    log = (run.folder / "chaostoolkit.log").read_text()
    for value in values:
        assert value not in (run.journal_text or "")
        assert value not in events
        assert value not in run.output
        assert value not in log


def test_secrets_of_the_experiment_are_masked(run_chaos: RunChaos) -> None:
    made = experiment(
        [activity("probe", "echo", text="token is ${token}"), activity("probe", "fail", text="x")],
        secrets={"vault": {"token": {"type": "env", "key": "VAULT_TOKEN"}}},
    )
    run = run_chaos(made, VAULT_TOKEN="tok-12345-abcde")
    assert_not_written(run, "tok-12345-abcde")
    assert run.journal["run"][0]["output"]["text"] == "token is ***"


def test_what_the_core_copies_into_a_dynamic_configuration_is_taken_out(
    run_chaos: RunChaos,
) -> None:
    made = experiment(
        [activity("probe", "echo", text="x")],
        secrets={"vault": {"pin": {"type": "env", "key": "VAULT_PIN"}}},
        configuration={"dynamic": {**activity("probe", "echo", text="y"), "name": "dynamic"}},
    )
    run = run_chaos(made, VAULT_PIN="pi9")
    provider = run.journal["experiment"]["configuration"]["dynamic"]["provider"]
    assert provider["secrets"] == ["vault"]


def test_values_under_a_telling_key_of_the_configuration_are_masked(run_chaos: RunChaos) -> None:
    made = experiment(
        [activity("probe", "echo", text="${service_password} ${broker}")],
        configuration={
            "service_password": {"type": "env", "key": "SERVICE_PASSWORD"},
            "broker": {"type": "env", "key": "BROKER"},
        },
    )
    run = run_chaos(
        made, SERVICE_PASSWORD="open-sesame-1", BROKER="amqp://guest:rabbit-pass@h:5672/v"
    )
    assert_not_written(run, "open-sesame-1", "rabbit-pass")


def test_a_secret_in_an_error_text_is_masked(run_chaos: RunChaos) -> None:
    run = run_chaos(
        experiment([activity("action", "fail", text="key-from-outside-77")]),
        PAYMENT_API_KEY="key-from-outside-77",
    )
    assert run.returncode == 1
    assert_not_written(run, "key-from-outside-77")
    assert "cannot use ***" in run.section["reason"]


def test_a_plain_word_in_a_variable_called_token_does_not_spoil_the_journal(
    run_chaos: RunChaos,
) -> None:
    run = run_chaos(experiment([activity("probe", "echo", text="enabled")]), TOKEN_MODE="enabled")
    assert run.journal["run"][0]["output"]["text"] == "enabled"
