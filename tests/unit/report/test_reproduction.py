"""The commands that run an experiment again do so with the same settings."""

import json
import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from chaoslib import convert_vars
from chaoslib.configuration import load_configuration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.profiles import _DATA
from chaosnetra.redaction import Redactor
from chaosnetra.report.reproduction import Reproduction, reproduction
from chaosnetra.running.recorded import recorded_configuration, recorded_settings
from chaosnetra.settings import Settings
from tests.support.journals import journal
from tests.support.programs import captured


def env(key: str, default: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "env", "key": key, "default": default, **more}


CONFIGURATION: dict[str, Any] = {
    "profile": env("MY_PROFILE", "issue-1278"),
    "connector": env("CHAOSNETRA_CONNECTOR", "emulator"),
    "time_scale": env("CHAOSNETRA_TIME_SCALE", "auto"),
    "latency_ms": env("CHAOSNETRA_LATENCY_MS", "500"),
    "count": env("CHAOSNETRA_COUNT", "5", env_var_type="int"),
    "database_state": "fresh",
    "of_a_probe": {"type": "probe", "name": "p", "provider": {"type": "python"}},
}


def ran(
    environ: dict[str, str], variables: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Settings, dict[str, Any]]:
    """The journal of a run with that environment and those of `--var`."""
    with pytest.MonkeyPatch.context() as patched:
        for name, text in environ.items():
            patched.setenv(name, text)
        loaded = load_configuration(CONFIGURATION, dict(variables or {}))
    loaded["of_a_probe"] = 7
    made = Settings.from_configuration(loaded, environ)
    data = journal(
        configuration=recorded_configuration(loaded, CONFIGURATION),
        settings=recorded_settings(made, loaded, environ),
        options={},
        profile={"name": made.profile.name, "source": made.profile.source},
        environment=made.environment,
        time_scale=made.time_scale,
        seed=made.seed,
        target=made.target.shown,
    )
    data["experiment"]["configuration"] = CONFIGURATION
    return data, made, loaded


def again(data: dict[str, Any], path: str = "journal.json") -> Reproduction:
    return reproduction(Journal(Path(path), normalized(data), 1))


def played(commands: tuple[str, ...]) -> tuple[Settings, dict[str, Any]]:
    """What a run of the command would be started with, by a shell's rules."""
    words = shlex.split(commands[1])
    at = words.index("chaos")
    environ = dict(word.split("=", 1) for word in words[:at])
    given = [words[n + 1] for n, word in enumerate(words) if word == "--var"]
    with pytest.MonkeyPatch.context() as patched:
        for name, text in environ.items():
            patched.setenv(name, text)
        loaded = load_configuration(CONFIGURATION, convert_vars(given))
    loaded["of_a_probe"] = 7
    return Settings.from_configuration(loaded, environ), loaded


@pytest.mark.parametrize(
    ("environ", "variables"),
    [
        ({}, {}),
        ({"MY_PROFILE": "issue-1263", "CHAOSNETRA_PROFILE": "before-1263"}, {}),
        ({"CHAOSNETRA_CONNECTOR": "none", "CHAOSNETRA_COUNT": "9"}, {}),
        ({"CHAOSNETRA_LATENCY_MS": "12.5", "CHAOSNETRA_TIME_SCALE": "0.123456789"}, {}),
        ({"CHAOSNETRA_COUNT": "9"}, {"count": 3, "database_state": "shared"}),
        (
            {
                "CHAOSNETRA_TARGET": "sh -c 'echo \"it'\\''s $HOME\"; sleep 1'",
                "CHAOSNETRA_TARGET_ENVIRONMENT": '{"DB": "{host}", "MODE": "a \'b\' $c\\n"}',
                "CHAOSNETRA_READINESS": "log:ready (now|later) `x`",
                "CHAOSNETRA_READINESS_TIMEOUT_SECONDS": "2.5",
                "CHAOSNETRA_STARTUP_TIMEOUT_SECONDS": "30",
                "CHAOSNETRA_DATABASE_URL": "postgresql://user@h/d",
                "CHAOSNETRA_TOXIPROXY_URL": "http://h:8474",
                "CHAOSNETRA_TOXIPROXY_SERVER": "embedded",
                "CHAOSNETRA_SEED": "7",
            },
            {},
        ),
        ({"CHAOSNETRA_TARGET": "shop.main:app", "CHAOSNETRA_STARTUP_METHOD": "fork"}, {}),
    ],
)
def test_the_command_gives_the_same_settings(
    environ: dict[str, str], variables: dict[str, Any]
) -> None:
    data, made, loaded = ran(environ, variables)
    found = again(data)
    settings_again, loaded_again = played(found.commands)
    directory = None if made.target.is_reference else Path.cwd()
    assert settings_again.target.directory == directory
    target = {"target": made.target, "target_directory": made.target_directory}
    assert {**vars(settings_again), **target} == vars(made)
    assert settings_again.target.shown == made.target.shown
    others = loaded.keys() - {"time_scale"}
    assert {key: loaded_again[key] for key in others} == {key: loaded[key] for key in others}
    assert found.remark is None


def test_directory_profile_and_python_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "it's here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "python").symlink_to(sys.executable)
    (here / "mine.json").write_text((_DATA / "issue-1278.json").read_text())
    data, made, _ = ran(
        {
            "CHAOSNETRA_TARGET": "shop.main:app",
            "CHAOSNETRA_TARGET_PYTHON": "./python",
            "MY_PROFILE": "./mine.json",
        }
    )
    monkeypatch.chdir(tmp_path)
    settings_again, _ = played(again(data).commands)
    assert settings_again.target.directory == here
    assert settings_again.target.python == str(here / "python")
    assert settings_again.profile == made.profile


def test_places_that_the_experiment_has_written_out_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("service", "state"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    places = {
        "target": "sh start.sh {state_folder}",
        "target_directory": "service",
        "state_folder": "./state",
    }
    made = Settings.from_configuration(places, {})
    data = journal(
        configuration=recorded_configuration(places, places),
        settings=recorded_settings(made, places, {}),
        options={},
    )
    data["experiment"]["configuration"] = places
    words = shlex.split(again(data).commands[1])
    given = [words[n + 1] for n, word in enumerate(words) if word == "--var"]
    assert sorted(given) == [
        f"state_folder={tmp_path}/state",
        f"target_directory={tmp_path}/service",
    ]
    monkeypatch.chdir("/")
    loaded = load_configuration(places, convert_vars(given))
    assert Settings.from_configuration(loaded, {}).target.directory == tmp_path / "service"


def test_what_is_secret_is_named_and_not_shown() -> None:
    environ = {
        "CHAOSNETRA_TARGET_ENVIRONMENT": '{"API_KEY": "hunter-two-22", "MODE": "fast"}',
        "CHAOSNETRA_DATABASE_URL": "postgresql://user:opensesame1@h/d",
    }
    data, _, _ = ran(environ)
    data["experiment"]["secrets"] = {"shop": {"key": env("SHOP_KEY")}}
    redactor = Redactor()
    redactor.learn(environ)
    found = again(redactor.data(data))
    text = "\n".join((*found.commands, *found.variables))
    assert "hunter-two-22" not in text
    assert "opensesame1" not in text
    assert "***" not in text
    assert found.variables == (
        'CHAOSNETRA_TARGET_ENVIRONMENT (a JSON object with API_KEY beside {"MODE": "fast"})',
        "CHAOSNETRA_DATABASE_URL",
        "SHOP_KEY",
    )


def test_a_journal_of_an_earlier_version_names_what_it_does_not_hold() -> None:
    data, _, _ = ran({})
    for key in ("configuration", "settings", "options"):
        del data["chaosnetra"][key]
    found = again(data)
    assert found.commands[1] == (
        "MY_PROFILE=issue-1278 CHAOSNETRA_ENVIRONMENT=local CHAOSNETRA_TIME_SCALE=0.1 "
        "CHAOSNETRA_SEED=0 CHAOSNETRA_TARGET=chaosnetra.orchestrator.app:app chaos run "
        "experiment.json"
    )
    assert found.variables == ("CHAOSNETRA_CONNECTOR", "CHAOSNETRA_LATENCY_MS", "CHAOSNETRA_COUNT")


@pytest.mark.parametrize(
    ("key", "declared", "value"),
    [
        ("password", "open", "abc"),
        ("p", env("DB_PASS"), "abc"),
        ("pin", env("SHOP_TOKEN"), 12),
        ("where", env("SHOP_URL"), "postgresql://user:abc@h/d"),
        ("where", env("SHOP_DSN"), "host=h password=abc"),
        ("more", env("SHOP"), '{"api_key": "abc"}'),
        ("more", {}, {"inside": {"secret": "x"}}),
    ],
    ids=repr,
)
def test_a_secret_is_not_recorded_however_short_it_is(key: str, declared: Any, value: Any) -> None:
    assert recorded_configuration({key: value}, {key: declared}) == {key: "***"}
    environ = {"CHAOSNETRA_TARGET_ENVIRONMENT": json.dumps({key: json.dumps(value)})}
    if key == "password":
        environ["CHAOSNETRA_DATABASE_URL"] = "postgresql://u:abc@h/d"
        made = recorded_settings(Settings.from_configuration({}, environ), {}, environ)
        assert made["target_environment"] == {"password": "***"}
        assert made["database_url"] == "***"


@pytest.mark.parametrize(
    "value", ["500", 5, True, None, "postgresql://user@h/d", "http://h:8474", "{password}", [1]]
)
def test_what_is_no_secret_is_recorded(value: Any) -> None:
    assert recorded_configuration({"some_value": value}) == {"some_value": value}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30))
def test_whatever_a_value_is_the_command_has_it_whole_or_names_it(text: str) -> None:
    data, _, _ = ran({})
    data["chaosnetra"]["configuration"]["latency_ms"] = text
    found = again(data)
    words = shlex.split(found.commands[1])
    whole = f"CHAOSNETRA_LATENCY_MS={text}" in words
    assert whole or text == "500" or "CHAOSNETRA_LATENCY_MS" in found.variables
    assert all("\n" not in line for line in found.commands)


def test_a_shell_runs_the_commands_as_they_are_printed(tmp_path: Path) -> None:
    folder = tmp_path / "a folder; with 'signs' $x"
    folder.mkdir()
    data, _, _ = ran({"CHAOSNETRA_READINESS": "log:it's `up` $HOME"}, {"database_state": "shared"})
    data["chaosnetra"]["options"] = {"--rollback-strategy": "never", "--fail-fast": ""}
    path = folder / "journal.json"
    path.write_text(json.dumps(data))
    stub = tmp_path / "bin" / "chaos"
    stub.parent.mkdir()
    stub.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        'print(json.dumps([sys.argv[1:], os.environ["CHAOSNETRA_READINESS"]]))\n'
    )
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    done = captured(
        ["sh", "-ec", "\n".join(again(data, str(path)).commands)],
        cwd=tmp_path,
        env={"PATH": f"{stub.parent}:{os.environ['PATH']}"},
        check=True,
    )
    arguments, readiness = json.loads(done.stdout)
    assert readiness == "log:it's `up` $HOME"
    assert arguments == [
        *("run", "--var", "database_state=shared", "--rollback-strategy=never", "--fail-fast"),
        "experiment.json",
    ]
    assert json.loads((tmp_path / "experiment.json").read_text()) == data["experiment"]


def test_of_a_run_that_was_refused_it_is_told_what_gave_its_settings() -> None:
    place = {"source": "environment", "place": "CHAOSNETRA_ENVIRONMENT"}
    data = journal(refused="no database is named", sources={"environment": place})
    data["chaosnetra"]["environment"] = None
    found = reproduction(Journal(Path("journal.json"), normalized(data), 1))
    assert "CHAOSNETRA_ENVIRONMENT" in found.variables
