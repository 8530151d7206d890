"""What exactly is started."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import InvalidInput
from chaosnetra.settings import REFERENCE_TARGET, Settings
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.target_plan import make_plan, make_prepare_plan

DATABASE = DatabaseAddress("127.0.0.1", 7000, "anna", "p/w", "shop")


def plan(
    environ: dict[str, str] | None = None, schema: str | None = None, **configuration: Any
) -> LaunchPlan:
    environ = {"PATH": os.defpath, **(environ or {})}
    return make_plan(Settings.from_configuration(configuration, {}), environ, schema)


def program(folder: Path, name: str = "start.sh") -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_reference_orchestrator_runs_under_uvicorn_with_its_lifespan() -> None:
    made = plan()
    command = made.command_for(8123, DATABASE)
    assert command[:4] == [sys.executable, "-m", "uvicorn", REFERENCE_TARGET]
    assert command[command.index("--port") + 1] == "8123"
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--lifespan") + 1] == "on"
    assert (made.shown, made.readiness.text) == (REFERENCE_TARGET, "http://127.0.0.1:{port}/ready")


def test_a_readiness_by_log_sees_what_uvicorn_says_of_a_startup() -> None:
    def level(readiness: str) -> str:
        command = plan(readiness=readiness).command
        return command[command.index("--log-level") + 1]

    assert level("log:Application startup complete") == "info"
    assert level("tcp://127.0.0.1:{port}") == "warning"


def test_what_startups_are_forked_from_imports_uvicorn_and_the_target() -> None:
    made = plan(startup_method="fork")
    assert made.imports[0] == "uvicorn"
    assert made.imports[-1] == REFERENCE_TARGET.partition(":")[0]
    # The same command either way: a copy runs what stands after the interpreter.
    assert made.command == plan(startup_method="spawn").command


@pytest.mark.parametrize(
    "configuration", [{"startup_method": "spawn"}, {"target": "sh -c true", "readiness": "exit"}]
)
def test_a_new_process_imports_for_itself(configuration: dict[str, str]) -> None:
    assert plan(**configuration).imports == ()


def test_each_start_gets_a_command_of_its_own() -> None:
    made = plan(target="sh -c 'serve {port}; echo {port} {other}'", readiness="exit")
    assert made.command_for(1, DATABASE)[1:] == ["-c", "serve 1; echo 1 {other}"]
    assert made.command_for(2, DATABASE)[1:] == ["-c", "serve 2; echo 2 {other}"]


def test_a_command_gets_the_address_of_the_stands_database() -> None:
    words = "--db {url} --dsn={dsn} --at {host}:{database_port} --port {port} --also={service_port}"
    made = plan(target=f"sh start {words}", readiness="exit")
    assert made.command_for(8123, DATABASE)[2:] == [
        *("--db", "postgresql://anna:p%2Fw@127.0.0.1:7000/shop"),
        "--dsn=host=127.0.0.1 port=7000 user=anna password='p/w' dbname=shop",
        *("--at", "127.0.0.1:7000", "--port", "8123", "--also=8123"),
    ]


@pytest.mark.parametrize(
    "word", ["{url}", "{dsn}", "--dsn=postgresql://{user}:{password}@{host}/x"]
)
def test_a_command_never_shows_the_password_of_ones_own_database(word: str) -> None:
    mine = {"database_url": "postgresql://anna:p%2Fw@h/shop", "readiness": "exit"}
    with pytest.raises(InvalidInput, match=r"in its command.*sh -c") as caught:
        plan(target=f"sh start {word} --port {{port}}", **mine)
    assert "CHAOSNETRA_TARGET_ENVIRONMENT" in str(caught.value)
    plan(target="sh start {host}:{database_port}/{database}", **mine)
    plan(target=f"sh start {word}", **{**mine, "database_url": "postgresql://anna@h/shop"})


def prepare_plan(**configuration: Any) -> LaunchPlan:
    settings = Settings.from_configuration(configuration, {})
    return make_prepare_plan(settings, {"PATH": os.defpath}, plan(**configuration))


@pytest.mark.parametrize("key", ["target", "prepare_command"])
def test_a_placeholder_that_nothing_fills_is_refused(key: str) -> None:
    given = {"target": "sh start", "readiness": "exit", key: "sh start --port={prot}"}
    with pytest.raises(InvalidInput, match=rf"{key} has {{prot}} .*known are .*port") as caught:
        prepare_plan(**given)
    assert f"CHAOSNETRA_{key.upper()}" in str(caught.value)


def test_what_prepares_the_database_has_the_targets_environment_and_ends() -> None:
    made = prepare_plan(target="sh start", readiness="tcp://h:1", prepare_command="sh -c migrate")
    assert made.command_for(1, DATABASE)[1:] == ["-c", "migrate"]
    assert made.readiness.on_exit
    assert made.environment_for(1, DATABASE)["DATABASE_URL"] == DATABASE.url


def test_variables_of_a_shell_and_programs_are_no_placeholders() -> None:
    words = "${url} {{url}} {} {a,b} 'print(f\"{host} {user} {other}\")'"
    made = plan(target=f"sh start {words}", readiness="exit")
    assert made.command_for(1, DATABASE)[2:] == [
        *("${url}", "{{url}}", "{}", "{a,b}"),
        'print(f"{host} {user} {other}")',
    ]


def test_the_environment_holds_the_port_and_the_proxied_database() -> None:
    environment = plan().environment_for(8123, DATABASE)
    assert environment["PORT"] == "8123"
    assert environment["DATABASE_URL"] == "postgresql://anna:p%2Fw@127.0.0.1:7000/shop"


def test_templates_are_filled_for_each_start() -> None:
    made = plan(
        target_environment={
            "PGHOST": "{host}",
            "PGPORT": "{port}",
            "SERVER_PORT": "{service_port}",
            "ASYNC": "postgresql+asyncpg://{url_without_scheme}",
            "DSN": "postgresql+asyncpg://{user_quoted}:{password_quoted}@{host}/{database}",
            "PLAIN": "{password}",
        }
    )
    environment = made.environment_for(8123, DATABASE)
    assert (environment["PGHOST"], environment["PGPORT"]) == ("127.0.0.1", "7000")
    assert environment["SERVER_PORT"] == "8123"
    assert environment["ASYNC"] == "postgresql+asyncpg://anna:p%2Fw@127.0.0.1:7000/shop"
    assert environment["DSN"] == "postgresql+asyncpg://anna:p%2Fw@127.0.0.1/shop"
    assert environment["PLAIN"] == "p/w"
    assert "DATABASE_URL" not in environment
    other = made.environment_for(8124, DATABASE.at("127.0.0.1", 7001))
    assert (other["PORT"], other["PGPORT"]) == ("8124", "7001")


def test_a_template_goes_before_the_environment() -> None:
    environment = plan({"DATABASE_URL": "direct", "LANG": "C"}).environment_for(1, DATABASE)
    assert environment["DATABASE_URL"].endswith("@127.0.0.1:7000/shop")
    assert environment["LANG"] == "C"


def test_our_own_variables_are_not_handed_on() -> None:
    environ = {
        "CHAOSNETRA_DATABASE_URL": "postgresql://u:hunter22@direct/d",
        "CHAOSNETRA_TARGET": "x",
        "CHAOSNETRA_SCHEMA": "from elsewhere",
        "CHAOSNETRA_PROFILE": "from elsewhere",
        "CHAOSNETRA_TIME_SCALE": "7",
        "OTHER": "kept",
    }
    environment = plan(environ, profile="issue-1263").environment_for(1, DATABASE)
    ours = {name: text for name, text in environment.items() if name.startswith("CHAOSNETRA_")}
    assert ours == {"CHAOSNETRA_PROFILE": "issue-1263", "CHAOSNETRA_TIME_SCALE": "0.1"}
    assert environment["OTHER"] == "kept"
    assert "hunter22" not in str(environment)


def test_the_schema_is_handed_on_where_there_is_one() -> None:
    assert plan(schema="s1").environment_for(1, DATABASE)["CHAOSNETRA_SCHEMA"] == "s1"
    assert "CHAOSNETRA_SCHEMA" not in plan().environment_for(1, DATABASE)


def test_the_time_scale_is_handed_on_exactly() -> None:
    environment = plan(time_scale=0.3).environment_for(1, DATABASE)
    assert float(environment["CHAOSNETRA_TIME_SCALE"]) == 0.3


def test_a_profile_file_is_handed_on_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path(sys.modules["chaosnetra.profiles"].__file__ or "").parent / "data"
    (tmp_path / "mine.json").write_text((source / "issue-1263.json").read_text())
    environment = plan(profile="mine.json").environment_for(1, DATABASE)
    assert environment["CHAOSNETRA_PROFILE"] == str(tmp_path / "mine.json")


def test_a_module_in_the_targets_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "shop_of_this_test.py").write_text("app = None\n")
    made = plan(target="shop_of_this_test:app", target_directory=str(tmp_path))
    assert made.directory == tmp_path
    assert made.command_for(1, DATABASE)[3] == "shop_of_this_test:app"


def test_a_module_in_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop_of_this_test").mkdir()
    (tmp_path / "shop_of_this_test" / "__init__.py").write_text("")
    assert plan(target="shop_of_this_test.main:app").shown == "shop_of_this_test.main:app"


def test_looking_for_a_module_does_not_import_it(tmp_path: Path) -> None:
    (tmp_path / "explosive_of_this_test.py").write_text("raise SystemExit('imported')\n")
    plan(target="explosive_of_this_test:app", target_directory=str(tmp_path))
    assert "explosive_of_this_test" not in sys.modules


def test_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no module 'absent_shop'") as caught:
        plan(target="absent_shop.main:app", target_directory=str(tmp_path))
    for words in (str(tmp_path), "CHAOSNETRA_TARGET", "CHAOSNETRA_TARGET_DIRECTORY"):
        assert words in str(caught.value)


def test_with_a_python_of_its_own_the_module_is_its_business() -> None:
    made = plan(target="absent_shop:app", target_python=sys.executable)
    assert made.command_for(1, DATABASE)[0] == sys.executable


def test_a_python_given_by_a_relative_path_is_handed_on_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "venv").mkdir()
    (tmp_path / "shop").mkdir()
    path = program(tmp_path / "venv", "python")
    for given in ("venv/python", "./venv/python"):
        made = plan(target="absent_shop:app", target_python=given, target_directory="shop")
        assert made.command_for(1, DATABASE)[0] == str(path)


def test_home_is_expanded_in_the_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = program(tmp_path, "python")
    made = plan(target="absent_shop:app", target_python="~/python")
    assert made.command_for(1, DATABASE)[0] == str(path)


def test_a_python_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"target_python '/no/python' .*TARGET_PYTHON"):
        plan(target="shop:app", target_python="/no/python")


def test_a_program_is_found_on_the_path_that_was_given(tmp_path: Path) -> None:
    path = program(tmp_path, "serve-of-this-test")
    made = plan({"PATH": str(tmp_path)}, target="serve-of-this-test --now")
    assert made.command_for(1, DATABASE) == [str(path), "--now"]


def test_a_program_with_a_path_is_found_in_the_targets_directory(tmp_path: Path) -> None:
    path = program(tmp_path)
    made = plan(target="./start.sh", target_directory=str(tmp_path))
    assert made.command_for(1, DATABASE) == [str(path)]


def test_a_program_with_a_path_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = plan(target=f"./{program(tmp_path).name}")
    assert made.command_for(1, DATABASE) == [str(tmp_path / "start.sh")]


@pytest.mark.parametrize("target", ["no-such-program-here", "./absent.sh", "''"])
def test_a_program_that_is_not_there_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput, match=r"there is no program .*CHAOSNETRA_TARGET"):
        plan(target=target)


def test_a_file_that_may_not_be_run_is_no_program(tmp_path: Path) -> None:
    program(tmp_path).chmod(0o644)
    with pytest.raises(InvalidInput, match="no program"):
        plan(target="./start.sh", target_directory=str(tmp_path))


def test_a_readiness_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(InvalidInput, match="readiness must be"):
        plan(readiness="soon")


def test_limits_come_from_the_settings() -> None:
    assert plan(readiness_timeout_seconds=2.5).readiness_timeout_seconds == 2.5
