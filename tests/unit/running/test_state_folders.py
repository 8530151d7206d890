"""Folders that each start has to itself, in the settings and in the plan."""

import sys
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.settings import Settings
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.target_plan import make_plan

ADDRESS = DatabaseAddress("127.0.0.1", 5432, "netra", "secret", "netra")


def settings(**given: Any) -> Settings:
    return Settings.from_configuration(given, {})


def plan(**given: Any) -> LaunchPlan:
    return make_plan(settings(**given), {"PATH": "/usr/bin:/bin"}, None)


def test_each_start_gets_its_folder_in_environment_and_command() -> None:
    made = plan(
        target=f"{sys.executable} serve.py --cache {{state_folder}}/cache --port {{port}}",
        target_environment={"HOME": "{state_folder}", "DATABASE_URL": "{url}"},
    )
    assert made.keeps_state
    one, other = made.in_folder(Path("/tmp/one")), made.in_folder(Path("/tmp/other"))
    assert one.command_for(80, ADDRESS)[2:] == ["--cache", "/tmp/one/cache", "--port", "80"]
    assert other.environment_for(80, ADDRESS)["HOME"] == "/tmp/other"
    assert other.environment_for(80, ADDRESS)["DATABASE_URL"] == ADDRESS.url


def test_a_target_that_asks_for_none_gets_none() -> None:
    made = plan(target=f"{sys.executable} serve.py")
    assert not made.keeps_state
    assert made.in_folder(None) is made


def test_a_folder_that_nothing_refers_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing refers to it; set .*\{state_folder\}"):
        settings(state_folder=str(tmp_path))
    given = {"target_environment": {"CACHE": "{state_folder}"}, "state_folder": str(tmp_path)}
    assert settings(**given).state_folder == tmp_path


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="state_folder '/no/such' is not a directory"):
        settings(target_environment={"CACHE": "{state_folder}"}, state_folder="/no/such")
