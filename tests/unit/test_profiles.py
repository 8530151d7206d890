"""The shipped profiles, and profiles of one's own."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.errors import InvalidInput, UnknownProfile, changed_by
from chaosnetra.profiles import (
    ALIASES,
    OrchestratorBehaviour,
    Profile,
    known_profiles,
    load_profile,
)

# initialization, table_setup, connection, pool, health_check
BUDGETS = {
    "before-1263": (8, 5, 3, 5, 3),
    "issue-1263": (25, 10, 15, 15, 10),
    "issue-1263-development": (30, 15, 20, 30, 10),
    "issue-1263-test": (25, 10, 15, 20, 5),
    "issue-1263-production": (90, 45, 60, 70, 30),
    "issue-1278-first": (75, 25, 35, 45, 20),
    "issue-1278": (90, 30, 45, 50, 25),
    "after-1278": (95, 35, 75, 60, 30),
}
# size, max_overflow, timeout, recycle
POOLS = {
    "before-1263": (15, 25, 60, 3600),
    "issue-1263": (15, 25, 60, 3600),
    "issue-1263-development": (5, 10, 30, 3600),
    "issue-1263-test": (5, 10, 30, 3600),
    "issue-1263-production": (15, 25, 60, 3600),
    "issue-1278-first": (10, 15, 90, 3600),
    "issue-1278": (12, 18, 90, 1800),
    "after-1278": (10, 15, 120, 1800),
}
ENVIRONMENTS = {
    "issue-1263-development": "development",
    "issue-1263-test": "test",
    "issue-1263-production": "production",
}

OWN: dict[str, Any] = {
    "name": "mine", "date": "2026-01-01", "environment": "laptop", "description": "One of my own.",
    "budgets": {
        "initialization_seconds": 1, "table_setup_seconds": 2.5, "connection_seconds": 3,
        "pool_seconds": 4, "health_check_seconds": 5,
    },
    "pool": {"size": 2, "max_overflow": 0, "timeout_seconds": 1.5, "recycle_seconds": 60},
    "infrastructure": {},
}  # fmt: skip


def own(tmp_path: Path, **changes: Any) -> str:
    """A profile file; `section__key=value` changes a key of a section."""
    data = copy.deepcopy(OWN)
    for place, value in changes.items():
        *sections, key = place.split("__")
        part = data
        for section in sections:
            part = part[section]
        part[key] = value
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    return str(path)


def test_all_shipped_profiles_are_known_and_sorted() -> None:
    assert known_profiles() == sorted([*BUDGETS, *ALIASES])


@pytest.mark.parametrize("name", ALIASES)
def test_another_name_is_the_same_profile_in_neutral_words(name: str) -> None:
    made, same = load_profile(name), load_profile(ALIASES[name][0])
    assert (made.name, made.source) == (name, name)
    assert "issue" not in made.description
    assert (made.budgets, made.pool, made.infrastructure, made.orchestrator) == (
        same.budgets,
        same.pool,
        same.infrastructure,
        same.orchestrator,
    )


@pytest.mark.parametrize("name", BUDGETS)
def test_budgets_are_those_of_the_history(name: str) -> None:
    budgets = load_profile(name).budgets
    assert (
        budgets.initialization_seconds,
        budgets.table_setup_seconds,
        budgets.connection_seconds,
        budgets.pool_seconds,
        budgets.health_check_seconds,
    ) == BUDGETS[name]


@pytest.mark.parametrize("name", POOLS)
def test_pools_are_those_of_the_history(name: str) -> None:
    pool = load_profile(name).pool
    assert (pool.size, pool.max_overflow, pool.timeout_seconds, pool.recycle_seconds) == POOLS[name]
    assert pool.reset_on_return == "rollback"


@pytest.mark.parametrize("name", BUDGETS)
def test_each_shipped_profile_says_what_it_is(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == profile.source == name
    assert profile.environment == ENVIRONMENTS.get(name, "staging")
    assert profile.date.startswith("2025-09-")
    assert profile.description.endswith(".")
    assert profile.startup_deadline_seconds == 240
    assert profile.budgets.schema_validation_seconds is None


REMEDIED = {"issue-1278", "after-1278"}


@pytest.mark.parametrize("name", BUDGETS)
def test_the_orchestrator_fails_as_it_did_at_the_time(name: str) -> None:
    behaviour = load_profile(name).orchestrator
    assert behaviour.graceful_startup is (name not in REMEDIED)
    assert behaviour.timeout_message_names == ("expired" if name in REMEDIED else "initialization")


def test_without_a_word_on_it_the_orchestrator_fails_and_says_why(tmp_path: Path) -> None:
    assert load_profile(own(tmp_path)).orchestrator == OrchestratorBehaviour(
        graceful_startup=False, timeout_message_names="expired"
    )


def test_a_file_may_say_half_of_it(tmp_path: Path) -> None:
    behaviour = load_profile(own(tmp_path, orchestrator={"graceful_startup": True})).orchestrator
    assert behaviour == OrchestratorBehaviour(True, "expired")


def test_budgets_are_found_by_name() -> None:
    budgets = load_profile("issue-1263").budgets
    assert budgets.seconds("table_setup") == 10
    assert budgets.seconds("schema_validation") is None
    with pytest.raises(AttributeError):
        budgets.seconds("patience")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownProfile) as caught, changed_by("CHAOSNETRA_PROFILE"):
        load_profile("issue-1279")
    message = str(caught.value)
    assert message.startswith("unknown profile 'issue-1279'")
    assert all(name in message for name in BUDGETS)
    assert message.endswith("; set CHAOSNETRA_PROFILE")


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = own(tmp_path)
    profile = load_profile(path)
    assert isinstance(profile, Profile)
    assert (profile.name, profile.source) == ("mine", path)
    assert (profile.budgets.table_setup_seconds, profile.pool.timeout_seconds) == (2.5, 1.5)


def test_a_file_of_ones_own_may_leave_out_what_has_a_default(tmp_path: Path) -> None:
    profile = load_profile(own(tmp_path))
    assert profile.budgets.validation_seconds is None
    assert profile.budgets.critical_path_seconds is None
    assert profile.pool.pre_ping is True
    assert profile.startup_deadline_seconds == 240


def test_a_path_need_not_end_in_json(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text(json.dumps(OWN))
    assert load_profile(str(path)).name == "mine"


def test_a_file_sets_its_own_startup_deadline(tmp_path: Path) -> None:
    path = own(tmp_path, infrastructure={"cloud_run": {"startup_deadline_seconds": 60}})
    assert load_profile(path).startup_deadline_seconds == 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets__patience_seconds": 3}, "budgets has unknown keys patience_seconds"),
        ({"extra": 1}, "has unknown keys extra; known are name, date"),
        ({"source": "x"}, "has unknown keys source"),
        ({"pool__sise": 3}, r"pool has unknown keys sise \(did you mean size\?\); known are size,"),
        ({"budgets": {}}, "budgets lacks initialization_seconds, table_setup_seconds"),
        ({"pool": {"size": 1}}, "pool lacks max_overflow, timeout_seconds, recycle_seconds"),
        ({"budgets": [1]}, "budgets must be a JSON object"),
        ({"pool": None}, "pool must be a JSON object"),
        ({"infrastructure": []}, "infrastructure must be an object"),
        ({"name": ""}, "name must be text, got ''"),
        ({"date": 20250915}, "date must be text, got 20250915"),
        ({"budgets__table_setup_seconds": -1}, r"budgets.table_setup_seconds must be at least 0"),
        ({"budgets__table_setup_seconds": None}, r"table_setup_seconds must be a number"),
        ({"budgets__validation_seconds": "long"}, r"validation_seconds must be a number"),
        ({"pool__size": 0}, r"pool.size must be at least 1"),
        ({"pool__size": 1.5}, r"pool.size must be a whole number"),
        ({"pool__max_overflow": -1}, r"pool.max_overflow must be at least 0"),
        ({"pool__recycle_seconds": "never"}, r"pool.recycle_seconds must be a number"),
        ({"pool__pre_ping": "yes"}, r"pool.pre_ping must be true or false"),
        ({"pool__reset_on_return": "none"}, r"pool.reset_on_return must be rollback or commit"),
        ({"orchestrator": None}, "orchestrator must be a JSON object"),
        ({"orchestrator": {"gracefull": True}}, "orchestrator has unknown keys gracefull"),
        ({"orchestrator": {"graceful_startup": "yes"}},
         r"orchestrator.graceful_startup must be true or false, got 'yes'"),
        ({"orchestrator": {"timeout_message_names": "all"}},
         r"timeout_message_names must be expired or initialization, got 'all'"),
        ({"orchestrator": {"timeout_message_names": ["expired"]}},
         r"timeout_message_names must be expired or initialization"),
    ],
)  # fmt: skip
def test_a_file_with_a_mistake_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_profile(own(tmp_path, **changes))


@pytest.mark.parametrize("section", [["startup_deadline_seconds", 60], "60", 60, None], ids=repr)
def test_an_infrastructure_section_that_is_no_object_is_refused(
    tmp_path: Path, section: Any
) -> None:
    path = own(tmp_path, infrastructure={"cloud_run": section})
    with pytest.raises(InvalidInput, match="infrastructure must be an object of objects"):
        load_profile(path)


def test_a_missing_key_is_named_with_the_setting(tmp_path: Path) -> None:
    data = {key: value for key, value in OWN.items() if key != "pool"}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    with (
        pytest.raises(InvalidInput, match="lacks pool; set CHAOSNETRA_PROFILE"),
        changed_by("CHAOSNETRA_PROFILE"),
    ):
        load_profile(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"null", "must be a JSON object"),
        (b"[1, 2]", "must be a JSON object"),
        (b'"issue-1278"', "must be a JSON object"),
        (b"\xff\xfe\x00", "can't decode"),
    ],
)
def test_garbage_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        load_profile(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"profile file .*absent\.json': .*No such file"):
        load_profile(str(tmp_path / "absent.json"))


def test_a_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="profile file"):
        load_profile(f"{tmp_path}/")


def test_json_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("[" * 100_000)
    with pytest.raises(InvalidInput, match="not valid JSON"):
        load_profile(str(path))


@pytest.mark.parametrize("path", ["a\0b.json", "~nosuchuser/mine.json"])
def test_a_path_that_cannot_be_one_is_refused(path: str) -> None:
    with (
        pytest.raises(InvalidInput, match=r"profile file .*; set CHAOSNETRA_PROFILE"),
        changed_by("CHAOSNETRA_PROFILE"),
    ):
        load_profile(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_profile_is_read_whatever_its_editor_wrote_it_in(tmp_path: Path, encoding: str) -> None:
    path = Path(own(tmp_path, description="Größe 1 €"))
    data = json.loads(path.read_text())
    path.write_bytes(json.dumps(data, ensure_ascii=False).encode(encoding))
    assert load_profile(str(path)).description == "Größe 1 €"
