"""What a folder, a program and the output of a start say of what a service needs."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.settings import Settings
from chaosnetra.trying.conduct import MOST_STARTS
from chaosnetra.trying.corrections import LONGEST_SAID, asks_for_migrations, correction
from chaosnetra.trying.guessing import guess_environment, guess_preparation, guess_python
from chaosnetra.trying.reading import Source, own_program, sources_of
from chaosnetra.trying.variables import TEMPLATES, USUAL, Form

ASYNC = "postgresql+asyncpg://{url_without_scheme}"


def found(folder: Path, *command: str, path: str | None = None) -> dict[str, str]:
    """What the folder and the command name, beside the usual variables."""
    templates, named_in = guess_environment(sources_of(folder, command, path))
    return {name: template for name, template in templates.items() if name in named_in}


def program(path: Path, text: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def test_an_environment_file_names_the_variables_and_shows_their_forms(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "SECRET_KEY=x\nDATABASE_URL=postgresql+asyncpg://me:secret@db/shop\n"
        "DB_HOST=db\nREDIS_URL=redis://h\n"
    )
    (tmp_path / "app.py").write_text('URL = os.environ["DATABASE_URL"]\n')
    assert found(tmp_path) == {"DATABASE_URL": ASYNC, "DB_HOST": "{host}"}


def test_the_default_in_the_code_shows_the_form_also_on_the_next_line(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        'URL = os.getenv(\n    "STORE_DB_URL",\n    "postgresql+asyncpg://localhost/shop",\n)\n'
        'HOST = os.getenv("PG_HOST")\nOTHER = "jdbc:postgresql://h/d"\n'
    )
    assert found(tmp_path) == {"STORE_DB_URL": ASYNC, "PG_HOST": "{host}"}


def test_fields_of_pydantics_settings_are_variables(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(
        "class Settings(BaseSettings):\n"
        '    model_config = SettingsConfigDict(env_prefix="SHOP_")\n'
        "    database_url: PostgresDsn\n    debug: bool = False\n"
    )
    assert found(tmp_path) == {"SHOP_DATABASE_URL": "{url}"}


def test_a_service_of_springs_gets_springs_variables_and_port(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.jar", "w") as archive:
        archive.writestr("BOOT-INF/lib/spring-boot-3.4.0.jar", b"")
    templates = found(tmp_path, "java", "-jar", "shop.jar")
    assert templates["SPRING_DATASOURCE_URL"] == TEMPLATES[Form.JDBC]
    assert templates["SPRING_DATASOURCE_PASSWORD"] == "{password}"
    assert templates["SERVER_PORT"] == "{service_port}"


def test_classes_of_a_class_path_are_read(tmp_path: Path) -> None:
    text = b"\xca\xfe\x00\x08\x00\x0cSTOCK_DB_URL\x01\x00\x1ejdbc:postgresql://localhost/x\x00"
    program(tmp_path / "classes" / "Stock.class", text)
    assert found(tmp_path, "java", "-cp", f"none.jar{os.pathsep}classes", "Stock") == {
        "STOCK_DB_URL": TEMPLATES[Form.JDBC]
    }


def test_a_compiled_program_is_searched_for_names_in_use(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "serve", b"\x7fELF\x00AWS_REGIONDATABASE_URLRUN_MIGRATIONSHOME\x00")
    (tmp_path / "empty").mkdir()
    assert found(tmp_path / "empty", "serve", path=str(tmp_path / "bin")) == {
        "DATABASE_URL": "{url}",
        "RUN_MIGRATIONS": "1",
    }


def test_the_package_of_a_python_script_is_read(tmp_path: Path) -> None:
    script = b"#!/usr/bin/env python3\nfrom track.cli import main\n"
    program(tmp_path / "bin" / "track", script)
    program(
        tmp_path / "lib/python3.12/site-packages/track/cli.py", b'x = env("TRACK_DATABASE_URI")'
    )
    (tmp_path / "empty").mkdir()
    assert found(tmp_path / "empty", "track", path=str(tmp_path / "bin")) == {
        "TRACK_DATABASE_URI": "{url}"
    }


def test_a_page_that_was_built_for_browsers_names_nothing(tmp_path: Path) -> None:
    """As mlflow's does, in a script that has all words of a language."""
    page = tmp_path / "js" / "build" / "static" / "js"
    page.mkdir(parents=True)
    (page / "6741.chunk.js").write_text("const words=['DB_NAME', 'SQL_HOST']")
    (tmp_path / "js" / "server.js").write_text("connect(process.env.SHOP_DB_URL)")
    assert found(tmp_path) == {"SHOP_DB_URL": "{url}"}


def test_an_empty_folder_gets_the_usual_variables(tmp_path: Path) -> None:
    templates, named_in = guess_environment(sources_of(tmp_path, ["no-such-program"], None))
    assert tuple(templates) == USUAL
    assert named_in == {}


@given(st.lists(st.builds(Source, st.just("x"), st.text(), st.booleans(), st.booleans())))
def test_whatever_files_hold_the_guess_is_a_setting(sources: list[Source]) -> None:
    templates, named_in = guess_environment(sources)
    assert set(named_in) <= set(templates)
    Settings.from_configuration({"target_environment": templates}, {})


def test_no_value_of_an_environment_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://me:hunter22@db.example/d?a=b\n")
    assert found(tmp_path) == {"DATABASE_URL": "postgres://{url_without_scheme}"}


def test_migrations_are_those_of_the_folder(tmp_path: Path) -> None:
    assert guess_preparation(tmp_path, [], None, None) == ("", "")
    (tmp_path / "alembic.ini").touch()
    command = "/venv/bin/python -m alembic upgrade head"
    assert guess_preparation(tmp_path, [], "/venv/bin/python", None) == (command, "alembic.ini")
    (tmp_path / "manage.py").touch()
    program(tmp_path / "bin" / "gunicorn", b"#!/app/bin/python3.12\n")
    assert guess_preparation(tmp_path, ["gunicorn", "x"], None, str(tmp_path / "bin")) == (
        "/app/bin/python3.12 manage.py migrate --noinput",
        "manage.py",
    )


def test_an_interpreter_that_is_found_as_the_command_is_has_no_path(tmp_path: Path) -> None:
    """So that the tables are made where the service is installed otherwise, as in a pipeline."""
    (tmp_path / "manage.py").touch()
    active = tmp_path / ".venv" / "bin"
    own = program(active / "python3", b"")
    program(active / "gunicorn", f"#!{own}\n".encode())
    for python, begins in ((None, "python3 manage.py"), (str(own), f"{own} manage.py")):
        command, _ = guess_preparation(tmp_path, ["gunicorn", "x"], python, str(active))
        assert command.startswith(begins)


def test_a_program_of_the_folders_own_environment_needs_no_path(tmp_path: Path) -> None:
    """It need not be active, and another one of the same name may be on the PATH."""
    (tmp_path / "manage.py").touch()
    program(tmp_path / ".venv/bin/python", b"")
    program(tmp_path / ".venv/bin/gunicorn", f"#!{tmp_path}/.venv/bin/python3.12\n".encode())
    program(tmp_path / "node_modules/.bin/next", b"")
    assert own_program(tmp_path, "gunicorn") == ".venv/bin/gunicorn"
    assert own_program(tmp_path, "next") == "node_modules/.bin/next"
    for other in ("node", "/usr/bin/gunicorn", "./gunicorn", "app:app"):
        assert own_program(tmp_path, other) == other
    assert guess_preparation(tmp_path, [".venv/bin/gunicorn", "x"], None, None) == (
        ".venv/bin/python manage.py migrate --noinput",
        "manage.py",
    )


def test_the_folders_own_interpreter_comes_first(tmp_path: Path) -> None:
    active = program(tmp_path / "active/bin/python", b"").parent.parent
    environ = {"VIRTUAL_ENV": str(active)}
    assert guess_python(tmp_path, {}) is None
    assert guess_python(tmp_path, environ) == str(active / "bin/python")
    own = program(tmp_path / ".venv/bin/python", b"")
    assert guess_python(tmp_path, environ) == str(own)


GIVEN = {"DATABASE_URL": "{url}", "DB_HOST": "{host}"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("java.sql.SQLException: No suitable driver", TEMPLATES[Form.JDBC]),
        ("InvalidRequestError: The asyncio extension requires an async driver to be used", ASYNC),
        ("pq: SSL is not enabled on the server", "{url}?sslmode=disable"),
    ],
)
def test_what_it_says_points_to_another_form(line: str, expected: str) -> None:
    better = correction(["starting", line], GIVEN)
    assert better is not None
    assert better.said == line
    assert better.environment["DATABASE_URL"] == expected
    assert better.environment["DB_HOST"] == "{host}"
    # It is not tried again.
    assert correction([line], better.environment) is None


def test_each_driver_is_tried_once() -> None:
    given: Mapping[str, str] = GIVEN
    tried: list[Mapping[str, str]] = []
    for missing, then in (("psycopg", "psycopg2"), ("psycopg2", "psycopg"), ("psycopg", "asyncpg")):
        better = correction([f"No module named '{missing}'"], given, (), tried)
        assert better is not None
        assert f"+{then}:" in better.environment["DATABASE_URL"]
        tried.append(given)
        given = better.environment
    assert len(tried) < MOST_STARTS
    assert correction(["No module named 'psycopg'"], given, (), tried) is None


def test_a_long_line_is_quoted_where_it_says_so() -> None:
    line = f"{'server-impl.js - it failed, ' * 9}The server does not support SSL connections"
    better = correction([line], GIVEN)
    assert better is not None
    assert better.said.endswith("The server does not support SSL connections")
    assert len(better.said) <= LONGEST_SAID + 1
    no_table = 'relation "a" does not exist'
    missing = asks_for_migrations([f"{'while filling it, ' * 9}{no_table}{'!' * 200}"])
    assert missing is not None
    assert missing.startswith(f"…{no_table}!")


def test_what_was_given_by_an_option_stays() -> None:
    assert correction(["No suitable driver"], {"A_DB_URL": "{url}"}, ["A_DB_URL"]) is None


@given(st.lists(st.text()), st.sampled_from([*TEMPLATES.values(), ASYNC]))
def test_whatever_it_says_what_is_tried_next_is_another_setting(
    lines: list[str], template: str
) -> None:
    better = correction(lines, {"DATABASE_URL": template})
    if better is not None:
        assert better.environment != {"DATABASE_URL": template}
        Settings.from_configuration({"target_environment": dict(better.environment)}, {})


def test_missing_tables_are_told_from_other_errors() -> None:
    assert asks_for_migrations(["x", 'relation "orders" does not exist']) is not None
    assert asks_for_migrations(["connection refused"]) is None
