"""The settings of a run."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, UnknownProfile
from chaosnetra.settings import REFERENCE_TARGET, SETTINGS, Settings, setting_hint
from chaosnetra.templates import fill_template


def settings(environ: dict[str, str] | None = None, **configuration: Any) -> Settings:
    return Settings.from_configuration(configuration, environ or {})


def test_everything_has_a_default() -> None:
    made = settings()
    assert (made.profile.name, made.environment) == ("issue-1278", "local")
    assert made.database is None
    assert made.toxiproxy_url is None
    assert (made.toxiproxy_listen_host, made.target.import_path) == ("127.0.0.1", REFERENCE_TARGET)
    assert made.target.is_reference
    assert made.target_environment == {"DATABASE_URL": "{url}"}
    assert (made.readiness_timeout_seconds, made.startup_timeout_seconds) == (5, 240)
    assert (made.database_state, made.state_folder) == ("auto", None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"database_url": "postgresql://h/d"}, "the Cloud SQL connector needs to know an instance"),
        ({"cloud_sql_instance": "p:r:i"}, "and not as whom"),
    ],
)
def test_the_connector_needs_to_know_where_and_as_whom(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        settings(cloud_sql_path="connector", **given)
    made = settings(
        cloud_sql_path="connector", database_url="postgresql://h/d", cloud_sql_instance="p:r:i"
    )
    assert made.database is not None
    assert made.database.cloud_sql_instance == "p:r:i"
    assert made.database.at("127.0.0.1", 5).cloud_sql_instance == ""


def test_no_configuration_is_like_an_empty_one() -> None:
    assert Settings.from_configuration(None, {}) == settings()


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        ("profile", "issue-1263", "profile", "issue-1263"),
        ("time_scale", "0.5", "time_scale", "0.5"),
        ("database_url", "postgresql://h/d", "database", "h:5432"),
        ("toxiproxy_url", "http://h:8474", "toxiproxy_url", "http://h:8474"),
        ("toxiproxy_listen_host", "0.0.0.0", "toxiproxy_listen_host", "0.0.0.0"),  # noqa: S104
        ("target", "shop.main:app", "target", "shop.main:app"),
        ("target_environment", '{"DB": "{host}"}', "target_environment", '{"DB": "{host}"}'),
        ("readiness", "log:ready", "readiness", "log:ready"),
        ("readiness_timeout_seconds", "2.5", "readiness_timeout_seconds", "2.5"),
        ("startup_timeout_seconds", "30", "startup_timeout_seconds", "30.0"),
        ("database_state", "fresh", "database_state", "fresh"),
    ],
)
def test_each_setting_comes_from_either_place(
    key: str, value: str, field: str, expected: str
) -> None:
    by_configuration = settings(**{key: value})
    by_variable = settings({f"CHAOSNETRA_{key.upper()}": value})
    assert by_configuration == by_variable
    got = getattr(by_configuration, field)
    shown = {
        "profile": lambda: got.name,
        "database": lambda: got.network_address,
        "target": lambda: got.shown,
        "target_environment": lambda: json.dumps(got),
    }.get(field, lambda: str(got))()
    assert shown == expected


def test_the_configuration_beats_the_environment_variable() -> None:
    environ = {"CHAOSNETRA_PROFILE": "issue-1263", "CHAOSNETRA_DATABASE_STATE": "fresh"}
    made = settings(environ, profile="after-1278")
    assert (made.profile.name, made.database_state) == ("after-1278", "fresh")


def test_this_processs_environment_is_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOSNETRA_PROFILE", "before-1263")
    assert Settings.from_configuration({}).profile.name == "before-1263"


def test_every_setting_has_a_variable_and_a_meaning() -> None:
    for key, setting in SETTINGS.items():
        assert setting.key == key
        assert setting.variable == f"CHAOSNETRA_{key.upper()}"
        assert setting.meaning


def test_keys_of_others_are_left_alone() -> None:
    assert settings(somebody_elses="x", count=5) == settings()


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, 0.1),
        ({"time_scale": "auto"}, 0.1),
        ({"time_scale": ""}, 0.1),
        ({"time_scale": None}, 0.1),
        ({"target": REFERENCE_TARGET}, 0.1),
        ({"target": "shop:app"}, 1),
        ({"target": "./start.sh --now"}, 1),
        ({"target": "shop:app", "time_scale": 0.25}, 0.25),
        ({"time_scale": 1}, 1),
        ({"time_scale": 10}, 10),
    ],
)
def test_time_is_scaled_for_the_reference_and_not_for_ones_own(
    configuration: dict[str, Any], expected: float
) -> None:
    made = settings(**configuration)
    assert made.time_scale == expected
    assert made.scaled(90) == pytest.approx(90 * expected)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("profile", "issue-1", "unknown profile 'issue-1'"),
        ("profile", "", "unknown profile ''"),
        ("profile", ["issue-1263"], "profile must be text"),
        ("environment", "production", "environment must be local or staging, got 'production'"),
        ("environment", "", "environment must be local"),
        ("cloud_sql_instance", "instance", "must be project:region:instance, got 'instance'"),
        ("cloud_sql_path", "socket", "cloud_sql_path must be address or connector"),
        ("monitoring", "yes", "monitoring must be off or on"),
        ("monitoring_wait_seconds", -1, "monitoring_wait_seconds must be at least 0"),
        ("barrier_seconds", -1, "barrier_seconds must be at least 0"),
        ("barrier_seconds", "soon", "barrier_seconds must be a number"),
        ("job_hold_seconds", -1, "job_hold_seconds must be at least 0"),
        ("time_scale", 0, "time_scale must be more than 0"),
        ("time_scale", -1, "time_scale must be more than 0"),
        ("time_scale", 10.5, "time_scale must be at most 10"),
        ("time_scale", "fast", "time_scale must be a number"),
        ("time_scale", "nan", "time_scale must be a finite number"),
        ("time_scale", True, "time_scale must be a number, got True"),
        ("database_url", "mysql://h/d", "must begin with postgresql://"),
        ("database_url", {"host": "h"}, "database_url must be text"),
        ("toxiproxy_url", "https://h:8474", "must look like http://host:8474"),
        ("toxiproxy_url", "h:8474", "must look like http://host:8474"),
        ("toxiproxy_url", "http://", "must look like http://host:8474"),
        ("toxiproxy_url", "http://h:8474/proxies", "must look like http://host:8474"),
        ("toxiproxy_url", "http://h:port", "toxiproxy_url must look like"),
        ("toxiproxy_url", "http://[h", "toxiproxy_url must look like"),
        ("toxiproxy_server", "go", "toxiproxy_server must be auto or real or embedded, got 'go'"),
        ("target", "sh -c 'never closed", "cannot be split into words"),
        ("target", 5.5j, "target must be text"),
        ("target_directory", "/no/such/folder", "'/no/such/folder' is not a directory"),
        ("target_environment", "{", "target_environment is not valid JSON"),
        ("target_environment", "[]", "target_environment must be a JSON object of texts"),
        ("target_environment", {"PORT": 5432}, "must be a JSON object of texts"),
        ("target_environment", None, "must be a JSON object of texts"),
        ("target_environment", {"DB": "{hots}"}, r"target_environment\[DB\] refers to hots"),
        ("readiness_timeout_seconds", 0, "readiness_timeout_seconds must be more than 0"),
        ("startup_method", "thread", "startup_method must be auto or fork or spawn"),
        ("readiness_timeout_seconds", "soon", "readiness_timeout_seconds must be a number"),
        ("startup_timeout_seconds", -1, "startup_timeout_seconds must be at least 0"),
        ("startup_timeout_seconds", "inf", "startup_timeout_seconds must be a finite number"),
        ("database_state", "new", "database_state must be auto or shared or fresh, got 'new'"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(key: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        settings(**{key: value})
    assert setting_hint(key) in str(caught.value)
    assert f"CHAOSNETRA_{key.upper()}" in str(caught.value)


@pytest.mark.parametrize("directory", ["~nosuchuser", "~nosuchuser/shop", "a\0b"])
def test_a_directory_that_cannot_be_one_is_refused(directory: str) -> None:
    with pytest.raises(InvalidInput, match=r"is not a directory; set target_directory in "):
        settings(target="shop:app", target_directory=directory)


def test_an_environment_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(InvalidInput, match="target_environment is not valid JSON"):
        settings(target_environment="[" * 100_000)


@pytest.mark.parametrize("host", ["", "  ", None])
def test_proxies_listen_on_this_machine_only_when_no_host_is_given(host: str | None) -> None:
    assert settings(toxiproxy_listen_host=host).toxiproxy_listen_host == "127.0.0.1"


def test_an_unknown_profile_is_told_apart() -> None:
    with pytest.raises(UnknownProfile):
        settings(profile="issue-1")


def test_the_startup_limit_is_the_profiles_unless_given(tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "name": "mine",
        "date": "2026-01-01",
        "environment": "laptop",
        "description": "Mine.",
        "budgets": {
            f"{name}_seconds": 1
            for name in ("initialization", "table_setup", "connection", "pool", "health_check")
        },
        "pool": {"size": 1, "max_overflow": 0, "timeout_seconds": 1, "recycle_seconds": 1},
        "infrastructure": {"cloud_run": {"startup_deadline_seconds": 77}},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    assert settings(profile=str(path)).startup_timeout_seconds == 77
    assert settings(profile=str(path), startup_timeout_seconds=5).startup_timeout_seconds == 5


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://toxi", "http://toxi:8474"),
        ("http://toxi/", "http://toxi:8474"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        (" http://toxi:1 ", "http://toxi:1"),
    ],
)
def test_toxiproxys_address_is_brought_to_one_form(url: str, expected: str) -> None:
    assert settings(toxiproxy_url=url).toxiproxy_url == expected


@pytest.mark.parametrize("text", ["shop.main:app", "app:app", "_a.b_1:create_app"])
def test_module_and_name_are_a_target_for_uvicorn(text: str) -> None:
    target = settings(target=text).target
    assert (target.import_path, target.command, target.shown) == (text, (), text)
    assert not target.is_reference


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("./start.sh", ("./start.sh",)),
        ("node server.js --port {port}", ("node", "server.js", "--port", "{port}")),
        ("sh -c 'sleep 1; true'", ("sh", "-c", "sleep 1; true")),
        ("http://h:80", ("http://h:80",)),
    ],
)
def test_everything_else_is_a_command_line(text: str, command: tuple[str, ...]) -> None:
    target = settings(target=text).target
    assert target.import_path is None
    assert target.command == command


def test_directory_and_python_belong_to_the_target(tmp_path: Path) -> None:
    target = settings(
        target="shop:app", target_directory=str(tmp_path), target_python="python3.12"
    ).target
    assert (target.directory, target.python) == (tmp_path, "python3.12")


def test_home_is_expanded_in_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "shop").mkdir()
    target = settings(target="shop:app", target_directory="~/shop").target
    assert target.directory == tmp_path / "shop"


@pytest.mark.parametrize(
    ("target", "readiness"),
    [
        ("", "http://127.0.0.1:{port}/ready"),
        ("shop:app", "tcp://127.0.0.1:{port}"),
        ("./start.sh", "exit"),
    ],
)
def test_readiness_goes_by_the_kind_of_target(target: str, readiness: str) -> None:
    assert settings(target=target).readiness == readiness
    assert settings(target=target, readiness="log:up").readiness == "log:up"


@pytest.mark.parametrize(
    ("target", "given_method", "platform", "method"),
    [
        ("", "", "linux", "fork"),
        ("", "auto", "linux", "fork"),
        ("", "auto", "darwin", "spawn"),
        ("", "spawn", "linux", "spawn"),
        ("shop:app", "auto", "linux", "spawn"),
        ("shop:app", "fork", "linux", "fork"),
        ("./start.sh", "auto", "linux", "spawn"),
        ("./start.sh", "spawn", "linux", "spawn"),
    ],
)
def test_startups_are_forked_where_that_is_safe_or_asked_for(
    monkeypatch: pytest.MonkeyPatch, target: str, given_method: str, platform: str, method: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    asked = {"startup_method": given_method} if given_method else {}
    assert settings(target=target, **asked).startup_method == method


def test_a_command_cannot_be_forked() -> None:
    with pytest.raises(InvalidInput, match=r"needs a module:app target.*STARTUP_METHOD"):
        settings(target="./start.sh", startup_method="fork")


@pytest.mark.parametrize(
    "variables", [{"A=B": "x"}, {"": "x"}, {"A": "\0"}, {"A\0": "x"}, {"A": "\ud800"}], ids=repr
)
def test_what_cannot_be_an_environment_variable_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be an environment variable.*_ENVIRONMENT"):
        settings(target_environment=variables)


def test_the_password_is_not_in_the_representation() -> None:
    made = settings(
        database_url="postgresql://u:hunter22@h/d", target_environment={"SECRET": "hunter22"}
    )
    assert "hunter22" not in repr(made)


def test_a_template_may_use_every_placeholder() -> None:
    template = (
        "{url} {host} {port} {user} {password} {database} {user_quoted} {password_quoted} {{}} { }"
    )
    assert settings(target_environment={"ALL": template}).target_environment == {"ALL": template}


def test_placeholders_are_filled_and_other_braces_stay() -> None:
    values = {"host": "h", "port": "1"}
    assert fill_template("x", '{"at": "{host}:{port}", "o": {}}', values) == (
        '{"at": "h:1", "o": {}}'
    )


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    assert fill_template("x", "{password}", {"password": "{host}", "host": "h"}) == "{host}"


def test_unknown_placeholders_are_listed_with_the_known() -> None:
    with pytest.raises(InvalidInput) as caught:
        fill_template("url", "{b}{a}{host}", {"port": "1", "host": "h"})
    assert str(caught.value) == "url refers to a, b; known are host, port"


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b"]), st.text()))
def test_text_without_placeholders_is_left_as_it_is(text: str, values: dict[str, str]) -> None:
    plain = text.replace("{", "(")
    assert fill_template("x", plain, values) == plain


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(
    st.fixed_dictionaries(
        {}, optional={key: JSON for key in SETTINGS if key not in ("profile", "target_directory")}
    )
)
def test_any_configuration_gives_settings_or_invalid_input(configuration: dict[str, Any]) -> None:
    try:
        made = Settings.from_configuration(configuration, {})
    except InvalidInput:
        return
    assert 0 < made.time_scale <= 10


def test_a_password_in_the_toxiproxy_url_is_refused_and_not_shown() -> None:
    for url in ("http://u:hidden@h:8474", "http://u:hidden/x@h", "http://h:hidden"):
        with pytest.raises(InvalidInput) as caught:
            Settings.from_configuration({"toxiproxy_url": url}, {})
        assert "hidden" not in str(caught.value)


def test_an_unknown_home_in_target_python_is_refused() -> None:
    configuration = {"target": "json:app", "target_python": "~nosuchuser/python"}
    with pytest.raises(InvalidInput, match="CHAOSNETRA_TARGET_PYTHON"):
        Settings.from_configuration(configuration, {})


STAGING = {"environment": "staging", "database_url": "postgresql://h/d"}


def test_nothing_is_scaled_in_staging_but_in_a_rehearsal() -> None:
    real = settings(**STAGING)
    assert (real.time_scale, real.in_staging, real.is_rehearsal) == (1, True, False)
    rehearsal = settings(environment="staging", cloud_run_endpoint="127.0.0.1:8080")
    assert (rehearsal.time_scale, rehearsal.is_rehearsal) == (0.1, True)
    assert settings(time_scale="1", **STAGING).time_scale == 1


def test_the_emulator_stands_where_the_real_connector_does_not() -> None:
    assert settings(connector="auto").connector == "emulator"
    assert settings(connector="auto", **STAGING).connector == "none"
    assert settings(connector="emulator", **STAGING).connector == "emulator", "in each task's path"
    assert settings().connector == "none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_scale": 0.1}, "time_scale must be 1 in staging"),
        ({"time_scale": "0"}, "time_scale must be more than 0"),
        ({"database_url": ""}, "no database is named, and in staging none is started; set data"),
        ({"toxiproxy_url": "http://h:8474"}, "what stands before the database is the run's own"),
        ({"database_state": "fresh"}, "in staging no copy of the database is made"),
    ],
)
def test_staging_refuses_what_belongs_to_a_stand(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        settings(**{**STAGING, **changes})


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        ({}, 0.2),
        ({"time_scale": "1"}, 2),
        ({"dwell_seconds": "5"}, 0.5),
        ({"dwell_seconds": 0}, 0),
        # A service of one's own knows no time scale.
        ({"target": "true", "time_scale": "0.1"}, 2),
        ({"target": "true", "time_scale": "0.1", "dwell_seconds": "5"}, 5),
    ],
)
def test_the_dwell_is_scaled_with_what_knows_the_scale(
    configuration: dict[str, Any], seconds: float
) -> None:
    settings = Settings.from_configuration(configuration, {})
    assert settings.real_dwell_seconds == pytest.approx(seconds)


@pytest.mark.parametrize("wrong", ["-1", "601", "nan", "soon", "2s"])
def test_a_dwell_out_of_bounds_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="dwell_seconds"):
        Settings.from_configuration({"dwell_seconds": wrong}, {})
