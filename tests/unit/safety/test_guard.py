"""What the guard lets through, and what it says when it does not."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput, NotAllowed
from chaosnetra.safety.allowlist import looks_like_production
from chaosnetra.safety.guard import Guard
from chaosnetra.settings import Settings

LIST: dict[str, Any] = {
    "version": 1, "project": "acme-staging", "project_number": "314159265358",
    "region": "europe-west1", "service": "orchestrator", "job": "startups",
    "cloud_sql_instance": "acme-staging:europe-west1:main", "database_host": "10.20.0.3",
    "database_name": "netra",
}  # fmt: skip
OPTED_IN = {"chaosnetra": "allowed"}
DATABASE = "postgresql://netra:secret@10.20.0.3/netra"


@dataclass(frozen=True)
class Resource:
    name: str
    labels: Mapping[str, str] = field(default_factory=lambda: dict(OPTED_IN))


def service(
    project: str = "acme-staging",
    region: str = "europe-west1",
    name: str = "orchestrator",
    labels: Mapping[str, str] = OPTED_IN,
    kind: str = "services",
) -> Resource:
    return Resource(f"projects/{project}/locations/{region}/{kind}/{name}", labels)


def settings(**configuration: Any) -> Settings:
    return Settings.from_configuration(
        {"environment": "staging", "database_url": DATABASE, **configuration}, {}
    )


MakeGuard = Callable[..., Guard]


@pytest.fixture
def guard(tmp_path: Path) -> MakeGuard:
    """A guard by an allow-list with changes; a change to None leaves the key out."""

    def make(**changes: Any) -> Guard:
        path = tmp_path / "allow.json"
        data = {key: value for key, value in {**LIST, **changes}.items() if value is not None}
        path.write_text(json.dumps(data))
        return Guard.for_settings(settings(allow_list=str(path)))

    return make


def test_without_an_allow_list_nothing_may_be_touched() -> None:
    with pytest.raises(NotAllowed, match="set allow_list in the experiment's configuration or CHA"):
        Guard.for_settings(settings())


def test_locally_everything_is_let_through() -> None:
    made = Guard.for_settings(Settings.from_configuration({"time_to_live_seconds": 60}, {}))
    made.check_resource(service(project="prod", labels={}))
    made.check_resource(service(kind="jobs", labels={}))
    made.check_database(DatabaseAddress.parse("postgresql://prod/prod"))
    made.check_cap("instances", 1000)
    made.check_cap("tasks", 10_000)
    made.check_time()
    assert made.check_connections(500, 1) == 500
    assert 59 < made.deadline.remaining_seconds <= 60


def test_what_is_named_is_let_through_by_the_projects_id_and_by_its_number(
    guard: MakeGuard,
) -> None:
    made = guard()
    for project in ("acme-staging", "314159265358"):
        made.check_resource(service(project))
        made.check_resource(service(project, kind="jobs", name="startups"))
    made.check_database(DatabaseAddress.parse(DATABASE))
    made.check_cloud_sql_instance("acme-staging:europe-west1:main")


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (service(project="acme-staging-2"), "project acme-staging-2 is not in the allow-list"),
        (service(project="314159265359"), "project 314159265359 is not in the allow-list"),
        (service(region="europe-west4"), "region europe-west4 is not in the allow-list"),
        (service(name="orchestrator2"), "service orchestrator2 is not in the allow-list"),
        (service(labels={}), "service orchestrator is not labelled chaosnetra=allowed.*no such la"),
        (service(labels={"chaosnetra": "no"}), "not labelled.*it has chaosnetra=no"),
        (Resource("orchestrator"), "is not the full name"),
    ],
)
def test_another_service_is_refused(guard: MakeGuard, resource: Resource, message: str) -> None:
    with pytest.raises(NotAllowed, match=message) as caught:
        guard().check_resource(resource)
    assert "\n" not in str(caught.value)


def test_a_job_is_not_a_service(guard: MakeGuard) -> None:
    with pytest.raises(NotAllowed, match="job orchestrator is not in the allow-list"):
        guard().check_resource(service(kind="jobs"))


def test_a_database_behind_a_socket_is_allowed_by_the_folder_of_its_socket(
    guard: MakeGuard,
) -> None:
    folder = "/cloudsql/acme-staging:europe-west1:main"
    name = DatabaseAddress.parse(DATABASE).database
    address = DatabaseAddress.parse(f"postgresql:///{name}?host={folder}")
    guard(database_host=folder).check_database(address)
    with pytest.raises(NotAllowed, match=f"database host {folder} is not in the allow-list"):
        guard().check_database(address)


@pytest.mark.parametrize("key", ["service", "job", "database_host", "cloud_sql_instance"])
def test_what_is_left_out_of_the_list_is_refused(guard: MakeGuard, key: str) -> None:
    made = guard(**{key: None})
    checks: dict[str, Callable[[], object]] = {
        "service": lambda: made.check_resource(service()),
        "job": lambda: made.check_resource(service(kind="jobs", name="startups")),
        "database_host": lambda: made.check_database(DatabaseAddress.parse(DATABASE)),
        "cloud_sql_instance": lambda: made.check_cloud_sql_instance(LIST[key]),
    }
    with pytest.raises(NotAllowed, match="is not in the allow-list"):
        checks[key]()


def test_another_database_is_refused(guard: MakeGuard) -> None:
    for url in ("postgresql://10.20.0.4/netra", "postgresql://10.20.0.3/other"):
        with pytest.raises(NotAllowed, match="is not in the allow-list"):
            guard().check_database(DatabaseAddress.parse(url))


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"project": "acme-prod"}, lambda made: made.check_resource(service("acme-prod"))),
        ({"project": "acme-prod"}, lambda made: made.check_resource(service("314159265358"))),
        ({"service": "live-api"}, lambda made: made.check_resource(service(name="live-api"))),
        (
            {"database_host": "db.prd2.internal"},
            lambda made: made.check_database(
                DatabaseAddress.parse("postgresql://db.prd2.internal/netra")
            ),
        ),
        (
            {"cloud_sql_instance": "p:r:production"},
            lambda made: made.check_cloud_sql_instance("p:r:production"),
        ),
    ],
)
def test_what_looks_like_production_is_refused_although_it_is_listed(
    guard: MakeGuard, changes: dict[str, str], check: Callable[[Guard], object]
) -> None:
    with pytest.raises(NotAllowed, match="looks like production by its name"):
        check(guard(**changes))


@pytest.mark.parametrize("word", ["prod", "PROD", "production", "live", "prd", "prod1", "prods"])
@given(before=st.from_regex(r"[a-z]{0,5}", fullmatch=True), mark=st.sampled_from("-_.:/ "))
def test_a_word_for_production_is_seen_wherever_it_is_a_part(
    word: str, before: str, mark: str
) -> None:
    for name in (word, f"{before}{mark}{word}", f"{word}{mark}{before}", f"a{mark}{word}{mark}b"):
        assert looks_like_production(name)


@pytest.mark.parametrize(
    "name", ["product", "delivery", "olive", "liveness", "nonprod", "products-staging", "staging"]
)
def test_a_word_that_only_holds_one_is_none(name: str) -> None:
    assert not looks_like_production(name)


def test_caps_are_the_files(guard: MakeGuard) -> None:
    made = guard(caps={"instances": 4, "tasks": 20, "connections": 30, "seconds": 60})
    made.check_cap("instances", 4)
    made.check_cap("tasks", 20)
    assert made.check_connections(30, 100) == 30
    for check, message in (
        (
            lambda: made.check_cap("instances", 5),
            "5 instances are more than the cap of 4: ask for less",
        ),
        (lambda: made.check_cap("tasks", 21), "21 tasks are more than the cap of 20"),
        (lambda: made.check_connections(31, 100), "31 connections are more than the cap of 30"),
        (lambda: made.check_connections(30, 42), "more than 70% of the 42 free slots.* 29: ask"),
    ):
        with pytest.raises(NotAllowed, match=message):
            check()
    assert 58 < made.deadline.remaining_seconds <= 60


def test_after_the_deadline_nothing_is_begun(guard: MakeGuard) -> None:
    made = guard(caps={"seconds": 1e-9})
    with pytest.raises(NotAllowed, match="are over, so nothing more is begun: raise seconds"):
        made.check_time()


@given(free=st.integers(0, 6000), wanted=st.integers(0, 6000))
def test_never_more_than_the_share_of_the_free_slots(free: int, wanted: int) -> None:
    from chaosnetra.durations import Deadline
    from chaosnetra.safety.allowlist import AllowList

    allowed = AllowList("p", "1", "r")
    made = Guard(allowed, 1, Deadline.after(1))
    try:
        assert made.check_connections(wanted, free) <= min(100, 0.7 * free)
    except NotAllowed:
        assert wanted > min(100, int(0.7 * free))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"version": 1}', "lacks project, project_number, region"),
        ('{"version": 2}', "version must be 1"),
        ('{"version": true}', "version must be 1"),
        (
            '{"version": 1, "services": []}',
            "services .did you mean service..; known are version, project",
        ),
        (
            '{"versoin": 1, "project": "p"}',
            "versoin .did you mean version..; known are version, project",
        ),
        ('{"version": 1, "version": 1}', "version is there twice"),
        (json.dumps({**LIST, "project": 5}), "project must be text, got 5"),
        (json.dumps({**LIST, "project_number": "p"}), "project_number must be digits"),
        (json.dumps({**LIST, "label": {}}), "label must be an object of one label"),
        (json.dumps({**LIST, "label": {"a": ""}}), "label must be an object of one label"),
        (json.dumps({**LIST, "caps": []}), "caps must be a JSON object"),
        (json.dumps({**LIST, "caps": {"instances": 0}}), "caps.instances must be at least 1"),
        (json.dumps({**LIST, "caps": {"instances": "x"}}), "caps.instances must be a number"),
        (json.dumps({**LIST, "caps": {"share_of_free_slots": 1.1}}), "must be at most 1"),
        (json.dumps({**LIST, "caps": {"cpus": 1}}), "caps has unknown keys cpus"),
        ("\ud800", "cannot be read"),
    ],
)
def test_a_list_that_is_not_as_it_must_be_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "allow.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidInput, match=message) as caught:
        Guard.for_settings(settings(allow_list=str(path)))
    assert "set allow_list in the experiment's configuration" in str(caught.value)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be read"):
            Guard.for_settings(settings(allow_list=str(path)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(
    changes=st.dictionaries(st.sampled_from([*LIST, "label", "caps"]), JSON, max_size=3),
    caps=st.dictionaries(st.sampled_from(["instances", "tasks", "seconds"]), JSON, max_size=2),
)
def test_whatever_is_in_the_file_it_is_a_list_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any], caps: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-allow.json"
    path.write_text(json.dumps({**LIST, "caps": caps, **changes}))
    made, said = None, ""
    try:
        made = Guard.for_settings(settings(allow_list=str(path)))
    except InvalidInput as error:
        said = str(error)
    assert "\n" not in said
    if made is not None:
        assert made.allowed is not None
        assert made.allowed.project == LIST["project"] or "project" in changes
        assert 0 < made.seconds <= 86_400


def test_the_watchdog_ends_a_run_at_the_guards_deadline(
    guard: MakeGuard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chaosnetra.running import resources
    from chaosnetra.running.run import Run

    guard(caps={"seconds": 77})
    given: list[float] = []

    class Recorder(resources.WatchdogProcess):
        def __init__(self, time_to_live_seconds: float) -> None:
            given.append(time_to_live_seconds)
            super().__init__(time_to_live_seconds)

    monkeypatch.setattr(resources, "WatchdogProcess", Recorder)
    resources.Resources(settings(allow_list=str(tmp_path / "allow.json")), Run()).stop()
    assert given == [77]
