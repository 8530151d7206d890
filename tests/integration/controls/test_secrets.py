"""Secrets reach neither journal nor events nor log, whoever prints them."""

from typing import Any

import pytest

from tests.conftest import ChaosRun, RunChaos
from tests.support import experiments
from tests.support.experiments import exists

pytestmark = pytest.mark.usefixtures("nothing_left", "user_modules")

USER_MODULES = {
    "secret_helpers": """
def echo(text=None, secrets=None, configuration=None):
    return {"text": text, "secrets": secrets, "configuration": configuration}

def fail(text):
    raise RuntimeError(f"cannot use {text}")

class Fatal(BaseException):
    pass

def die(text):
    raise Fatal(f"cannot go on with {text}")

def lose_the_session(text):
    from chaosnetra.controls import ending

    def close(record):
        raise OSError(f"no session {text}")

    ending._close_session = close
"""
}


def activity(kind: str, function: str, **arguments: Any) -> dict[str, Any]:
    made = experiments.activity(kind, "secret_helpers", function, **arguments)
    made["provider"]["secrets"] = ["vault"]
    return made


def experiment(method: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return experiments.experiment(*method, probes=[exists("/", tolerance=True)], **more)


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


def test_a_run_that_is_refused_writes_no_secret(run_chaos: RunChaos) -> None:
    """Its settings are: the control learns them before it looks at them."""
    header = {"Authorization": "Bearer tok-12345-abcde"}
    service = {"type": "http", "url": "http://127.0.0.1:9", "headers": header}
    ours = activity("action", "echo")
    ours["provider"] = {
        "type": "python",
        "module": "chaosnetra.toxiproxy.actions",
        "func": "add_latency",
        "arguments": {"latency_ms": 10},
    }
    made = experiment(
        [{"type": "probe", "name": "service", "provider": service}, ours],
        configuration={
            "database_url": "postgresql://anna:open%2dsesame@127.0.0.1:1/d",
            "profile": "nope",
            "spare_password": {"type": "env", "key": "NETRA_SPARE", "default": "in-reserve-1"},
        },
        secrets={"vault": {"token": {"type": "env", "key": "VAULT_TOKEN"}}},
    )
    run = run_chaos(made, VAULT_TOKEN="vault-12345", NETRA_SPARE="in-use-2222")
    assert (run.returncode, run.section["cause"]) == (1, "settings refused")
    known = ("open%2dsesame", "open-sesame", "tok-12345-abcde", "in-reserve-1", "in-use-2222")
    written = [run.journal_text or "", run.output]
    written += [path.read_text() for path in run.folder.glob("*.log")]
    assert [text for text in known for one in written if text in one] == []
    # What only names a secret is no secret.
    assert run.journal["experiment"]["secrets"]["vault"]["token"]["key"] == "VAULT_TOKEN"
    assert run.journal["experiment"]["configuration"]["profile"] == "nope"


def test_a_run_whose_end_fails_writes_no_secret(run_chaos: RunChaos) -> None:
    """The core writes the journal as it is then."""
    made = experiment(
        [activity("action", "lose_the_session", text="${service_password}")],
        configuration={"service_password": "open-sesame-1"},
    )
    run = run_chaos(made)
    assert run.returncode == 1
    assert "no session ***" in run.section["reason"]
    assert_not_written(run, "open-sesame-1")


def test_a_run_with_data_too_deep_to_be_looked_through_writes_no_secret(
    run_chaos: RunChaos,
) -> None:
    deep: Any = "open-sesame-1"
    for _ in range(600):
        deep = [deep]
    made = experiment(
        [activity("probe", "echo", text="x")],
        configuration={"service_password": "open-sesame-1", "deep": deep},
    )
    run = run_chaos(made)
    assert run.returncode == 1
    assert "RecursionError" in run.section["reason"]
    for text in (run.journal_text or "", run.output):
        assert "open-sesame-1" not in text


def test_a_traceback_that_python_itself_prints_is_masked(run_chaos: RunChaos) -> None:
    made = experiment(
        [activity("action", "die", text="${service_password}")],
        configuration={"service_password": "open-sesame-1"},
    )
    run = run_chaos(made)
    assert "Fatal: cannot go on with ***" in run.output
    assert_not_written(run, "open-sesame-1")


def test_what_a_target_is_given_and_prints_is_masked(run_chaos: RunChaos) -> None:
    given = '{"API_TOKEN": "tok-12345-abcde", "MODE": "careful"}'
    run = run_chaos(
        experiment([activity("probe", "echo", text="tok-12345-abcde careful 482915")]),
        CHAOSNETRA_TARGET_ENVIRONMENT=given,
    )
    assert_not_written(run, "tok-12345-abcde")
    assert run.journal["run"][0]["output"]["text"] == "*** careful 482915"


def test_a_secret_that_is_a_number_is_masked(run_chaos: RunChaos) -> None:
    made = experiment(
        [activity("probe", "echo", text="pin 482915")], secrets={"vault": {"pin": 482915}}
    )
    run = run_chaos(made)
    assert_not_written(run, "482915")
    assert run.journal["run"][0]["output"]["secrets"] == {"pin": "***"}
