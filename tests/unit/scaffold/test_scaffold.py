"""What a repository gets for its service, and that nothing of it is lost."""

import json
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.lint.check import lint_file
from chaosnetra.scaffold.building import build_commands
from chaosnetra.scaffold.pipeline import reusable_workflow
from chaosnetra.scaffold.repository_files import (
    GITHUB,
    GITLAB,
    Place,
    check_experiments,
    main_branch,
    next_steps,
    settings_text,
    wanted_files,
)
from chaosnetra.scaffold.service import Service, as_toml, last_try, read_tried, service_of
from chaosnetra.scaffold.writing import Wanted, add_lines, write_new
from chaosnetra.settings.file import read_file
from chaosnetra.trying.experiment import Tried, experiment_of
from tests.support.repository import ROOT


def tried(**configuration: Any) -> Tried:
    given = {
        "target": "app:app",
        "readiness": "http://127.0.0.1:{port}/ready",
        "target_environment": {"DATABASE_URL": "{url}"},
        "startup_timeout_seconds": 35.0,
        **configuration,
    }
    return Tried("app:app", given, 150, 2)


def service(folder: Path, **configuration: Any) -> Service:
    return service_of(tried(**configuration), folder)


def files(made: Service, folder: Path, **which: bool) -> dict[str, str]:
    found = wanted_files(
        made, Place(folder, "experiments"), **{"github": True, "gitlab": True} | which
    )
    return {str(one.path.resolve().relative_to(folder.resolve())): one.text for one in found}


def test_the_files_of_a_repository_are_what_the_toolkits_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    made = files(service(tmp_path), tmp_path)
    assert list(made) == [
        "chaosnetra.toml",
        "experiments/startup.json",
        "experiments/startup_latency.json",
        str(GITHUB),
        str(GITLAB),
        ".gitlab-ci.yml",
    ]
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        if name.startswith("experiments/"):
            assert lint_file(tmp_path / name) == []
            assert json.loads(text)["configuration"] == {"latency_ms": 150, "count": 2}
    assert read_file(tmp_path / "chaosnetra.toml").settings == {
        "target": "app:app",
        "target_directory": str(tmp_path),
        "readiness": "http://127.0.0.1:{port}/ready",
        "startup_timeout_seconds": 35,
        "target_environment": {"DATABASE_URL": "{url}"},
    }
    job = yaml.safe_load(made[str(GITLAB)])["startup"]
    assert any('chaosnetra" ci experiments ' in line for line in job["script"])
    assert yaml.safe_load(made[".gitlab-ci.yml"]) == {"include": [{"local": f"/{GITLAB}"}]}
    told = list(next_steps(Place(tmp_path, "experiments")))
    assert not any("add to" in line for line in told)
    # The package may be on no index.
    assert flow_environment(made[str(GITHUB)])["PACKAGE"] == job["variables"]["PACKAGE"]
    for name in (str(GITHUB), str(GITLAB)):
        assert "git+https://" in made[name]
        assert any(f"set PACKAGE in {name} to a git URL" in line for line in told)


def flow_environment(text: str) -> dict[str, str]:
    environment: dict[str, str] = yaml.safe_load(text)["jobs"]["startup"]["env"]
    return environment


def test_usual_variables_are_set_apart_from_those_that_are_the_services_own(
    tmp_path: Path,
) -> None:
    given = {"DATABASE_URL": "{url}", "SHOP_DB_URL": "{url}", "PGHOST": "{host}"}
    text = settings_text(service(tmp_path, target_environment=given))
    lines = text[text.index("[target_environment]") :].splitlines()
    assert [line.split(" = ")[0] for line in lines if "=" in line] == [
        "SHOP_DB_URL",
        "DATABASE_URL",
        "PGHOST",
    ]
    assert lines[2].startswith("# The usual names for the same database")
    alone = settings_text(service(tmp_path, target_environment={"PGHOST": "{host}"}))
    assert "usual" not in alone


def test_a_pipeline_of_the_repositorys_own_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitlab-ci.yml").write_text("test: {script: make}\n")
    made = files(service(tmp_path), tmp_path, github=False)
    assert ".gitlab-ci.yml" not in made
    (tmp_path / GITLAB).parent.mkdir()
    (tmp_path / GITLAB).write_text(made[str(GITLAB)])
    told = list(next_steps(Place(tmp_path, "experiments")))
    assert any("include: [{ local: /.gitlab/startup.yml }]" in line for line in told)


def test_the_reusable_workflow_is_the_same_text() -> None:
    there = (ROOT / ".github" / "workflows" / "startup.yml").read_text(encoding="utf-8")
    assert there == reusable_workflow()
    flow = yaml.safe_load(there)
    inputs = flow[True]["workflow_call"]["inputs"]  # "on" is true to YAML 1.1
    named = {name for name in inputs if f"inputs.{name}" in there}
    assert named == set(inputs)
    assert "<" not in there.replace("<<", "")


@pytest.mark.parametrize("name", ["a", "a/b"])
def test_a_service_in_a_folder_of_its_repository(tmp_path: Path, name: str) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / name
    folder.mkdir(parents=True)
    found = wanted_files(service(folder), Place(folder, "chaos"), github=True, gitlab=False)
    made = {one.path.resolve(): one.text for one in found}
    flow = yaml.safe_load(made[tmp_path / GITHUB])
    job = flow["jobs"]["startup"]
    assert job["defaults"]["run"]["working-directory"] == name
    paths = [step["with"]["path"] for step in job["steps"] if "artifact" in step.get("uses", "")]
    assert paths == [f"{name}/baseline", f"{name}/evidence"]
    assert job["env"]["EXPERIMENTS"] == "chaos"
    assert folder / "chaos" / "startup.json" in made


@pytest.mark.parametrize(
    ("present", "configuration", "image", "commands"),
    [
        ([], {}, "python", []),
        (["package.json", "package-lock.json"], {"target": "node server.js"}, "node", ["npm ci"]),
        (["pom.xml", "mvnw"], {"target": "java -jar x"}, "eclipse-temurin", ["./mvnw"]),
        (["go.mod"], {"target": "./shop"}, "golang", ["go build"]),
        (["requirements.txt"], {"target": "gunicorn shop.wsgi"}, "python", ["python3 -m pip"]),
        (
            ["pyproject.toml"],
            {},
            "python",
            ['"$HOME/chaosnetra/bin/python" -m pip install --quiet .'],
        ),
        (
            ["requirements.txt"],
            {"target_python": "{folder}/.venv/bin/python"},
            "python",
            ["python3 -m venv .venv", ".venv/bin/python -m pip"],
        ),
        (
            ["requirements.txt", "package.json"],
            {"target": "{folder}/.venv/bin/gunicorn x"},
            "python",
            ["python3 -m venv .venv", ".venv/bin/python -m pip", "npm install"],
        ),
    ],
)
def test_a_pipeline_builds_by_what_is_in_the_folder(
    tmp_path: Path,
    present: list[str],
    configuration: dict[str, str],
    image: str,
    commands: list[str],
) -> None:
    (tmp_path / ".git").mkdir()
    for name in present:
        (tmp_path / name).touch()
    given = {key: value.replace("{folder}", str(tmp_path)) for key, value in configuration.items()}
    made = service(tmp_path, **given)
    found = build_commands(made, tmp_path)
    assert len(found) == len(commands)
    assert all(one.startswith(begins) for one, begins in zip(found, commands, strict=True))
    # The container has what builds it, what runs it, and a Python for chaosnetra.
    job = yaml.safe_load(files(made, tmp_path)[str(GITLAB)])["startup"]
    assert job["image"].partition(":")[0] == image
    got = job["script"][0].split()
    assert ("python3-venv" in got) is (image != "python")
    assert ("npm" in got) is (image == "python" and "package.json" in present)


def test_nothing_of_this_machine_and_no_secret_is_written(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    made = service(
        tmp_path,
        target=f"{tmp_path}/start --config {tmp_path}/etc/shop.conf 'a b'",
        prepare_command=f"{tmp_path}/.venv/bin/python manage.py migrate",
        target_python="/opt/python/bin/python",
        target_directory=str(tmp_path),
        state_folder="",
        target_environment={
            "DATABASE_URL": "{url}",
            "API_KEY": "hunter2",
            "PGPASSWORD": "{password}",
        },
    )
    given = made.tried.configuration
    assert given["target"] == "./start --config etc/shop.conf 'a b'"
    assert given["prepare_command"] == ".venv/bin/python manage.py migrate"
    assert given["target_environment"] == {"DATABASE_URL": "{url}", "PGPASSWORD": "{password}"}
    assert {line.partition(" ")[0] for line in made.left_out} == {"target_python", "API_KEY"}
    assert service_of(tried(), tmp_path, ["MODE"]).left_out == (
        "MODE: export it where you run the service",
    )
    assert not {"target_directory", "state_folder"} & given.keys()
    text = "".join(files(made, tmp_path).values())
    assert str(tmp_path) not in text
    assert "hunter2" not in text


def test_what_a_try_left_is_read_again(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no folder chaosnetra-try here"):
        last_try(tmp_path)
    for number, name in enumerate(("chaosnetra-try", "chaosnetra-try-2")):
        folder = tmp_path / name
        folder.mkdir()
        made = experiment_of(Tried(f"shop{number}", tried().configuration, 80 + number, 3))
        (folder / "experiment.json").write_text(json.dumps(made))
    assert last_try(tmp_path).name == "chaosnetra-try-2"
    found = read_tried(last_try(tmp_path))
    assert found == Tried("shop1", tried().configuration, 81, 3)
    with pytest.raises(Unreadable):
        read_tried(tmp_path)
    (tmp_path / "experiment.json").write_text("{}")
    with pytest.raises(InvalidInput, match="not of a try"):
        read_tried(tmp_path)


def test_no_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    assert list(write_new(Wanted(path, "one\ntwo\n"))) == [f"written   {path}"]
    assert list(write_new(Wanted(path, "one\ntwo\n"))) == [f"as it is  {path}"]
    said = list(write_new(Wanted(path, "one\nthree\n")))
    assert said[0] == f"kept      {path}: it is there, and would be another one:"
    assert {"  -two", "  +three"} <= set(said)
    assert path.read_text() == "one\ntwo\n"
    many = "".join(f"{number}\n" for number in range(100))
    assert list(write_new(Wanted(path, many)))[-1].endswith("lines more")


def test_lines_are_added_once(tmp_path: Path) -> None:
    path = tmp_path / ".gitignore"
    path.write_text("*.pyc\njournal.json")
    assert "added to" in next(add_lines(path, ["journal.json", "/evidence/"], "# ours"))
    assert path.read_text() == "*.pyc\njournal.json\n\n# ours\n/evidence/\n"
    assert "as it is" in next(add_lines(path, ["journal.json", "/evidence/"], "# ours"))
    assert "written" in next(add_lines(tmp_path / "new", ["x"], "# ours"))
    assert (tmp_path / "new").read_text() == "# ours\nx\n"


@pytest.mark.parametrize("wrong", ["", "/tmp", "../x", "a b", "a;b", "."])
def test_experiments_lie_within_the_folder(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InvalidInput, match="--experiments must be a folder within"):
        check_experiments(tmp_path, wrong)


def test_the_main_branch_is_the_repositorys(tmp_path: Path) -> None:
    assert main_branch(tmp_path) == "main"
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/trunk\n")
    assert main_branch(tmp_path) == "trunk"
    (git / "refs" / "remotes" / "origin").mkdir(parents=True)
    (git / "refs" / "remotes" / "origin" / "HEAD").write_text("ref: refs/remotes/origin/master\n")
    assert main_branch(tmp_path) == "master"


def test_a_folder_that_no_pipeline_can_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / 'a"b'
    folder.mkdir()
    place = Place(folder, "experiments")
    with pytest.raises(InvalidInput, match="give --no-ci"):
        list(wanted_files(service(folder), place, github=True, gitlab=False))
    assert len(list(wanted_files(service(folder), place, github=False, gitlab=False))) == 3
    assert place.within == PurePosixPath('a"b')


# TOML has no lone surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    TEXT
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.booleans()
    | st.dictionaries(TEXT, TEXT)
)
def test_what_is_written_as_toml_is_read_as_the_same(value: Any) -> None:
    assert tomllib.loads(f"x = {as_toml(value)}")["x"] == value


def test_a_service_that_is_started_in_another_folder_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "server").mkdir()
    made = files(service(Path(), target_directory="server"), tmp_path, github=False, gitlab=False)
    assert tomllib.loads(made["chaosnetra.toml"])["target_directory"] == "server"
    same = files(service(Path(), target_directory="."), tmp_path, github=False, gitlab=False)
    assert tomllib.loads(same["chaosnetra.toml"])["target_directory"] == "."
