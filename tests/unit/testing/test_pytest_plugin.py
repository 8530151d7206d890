"""The pytest plug-in: what is collected, when, and by which markers."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.experiments import EMPTY
from tests.support.programs import captured
from tests.support.repository import EXPERIMENTS

pytest_plugins = ["pytester"]

OF_THE_STRATEGY = (
    "cloudsql_connections", "cloudsql_pool", "cloudsql_pressure", "database_reset", "exit_code",
    "smd_cascade", "timeout_budget", "vpc_concurrency", "vpc_latency", "vpc_scaling_delay",
    "vpc_throughput",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_project(request: pytest.FixtureRequest) -> None:
    """A root of its own: the temporary folder may lie in a checkout, with settings."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester").makeini("[pytest]\n")


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """One experiment, and much else that is JSON or YAML."""
    files = {
        "one.json": json.dumps({**EMPTY, "tags": ["Cloud-SQL", "vpc", "e2e "]}),
        "two.yaml": f"title: two\ndescription: two\nmethod: {json.dumps(EMPTY['method'])}\n",
        "journal.json": json.dumps({"chaoslib-version": "1", "experiment": EMPTY, "run": []}),
        "profile.json": json.dumps({"name": "mine", "budgets": {}}),
        "gameday.json": json.dumps({"title": "a day", "experiments": ["one.json"]}),
        "list.json": "[1, 2]",
        "empty.json": "",
        "cluster.yaml": "kind: Pod\n---\nkind: Pod\n",
    }
    folder = pytester.mkdir("experiments")
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def collected(result: pytest.RunResult) -> list[str]:
    return sorted(line.rpartition("::")[2] for line in result.outlines if "::" in line)


def test_nothing_is_collected_unless_it_is_asked_for(
    pytester: pytest.Pytester, folder: Path
) -> None:
    result = pytester.runpytest_inprocess("--collect-only")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "chaos experiments" not in result.stdout.str()


def test_experiments_are_collected_and_nothing_else(
    pytester: pytest.Pytester, folder: Path
) -> None:
    result = pytester.runpytest_inprocess("--chaos-experiments", "--collect-only", "-q", folder)
    assert collected(result) == ["one", "two"]
    assert result.ret == 0


def test_patterns_in_the_settings_collect_too(pytester: pytest.Pytester, folder: Path) -> None:
    pytester.makeini("[pytest]\nchaos_experiments =\n    experiments/*.yaml\n    other/*.json\n")
    result = pytester.runpytest_inprocess("--collect-only", "-q")
    assert collected(result) == ["two"]


@pytest.mark.parametrize("text", ['{"title": "x", "steady-state-hypothesis": {', '{"title": '])
def test_a_broken_experiment_is_not_passed_over(
    pytester: pytest.Pytester, folder: Path, text: str
) -> None:
    (folder / "broken.json").write_text(text)
    result = pytester.runpytest_inprocess("--chaos-experiments", folder)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting experiments/broken.json*", "*broken.json: *"])


def test_tags_are_markers_and_words(pytester: pytest.Pytester, folder: Path) -> None:
    for selection, expected in (
        (("-m", "cloud_sql and e2e"), ["one"]),
        (("-m", "cloud_sql and not e2e"), []),
        (("-k", "vpc"), ["one"]),
        (("-m", "not cloud_sql"), ["two"]),
    ):
        result = pytester.runpytest_inprocess(
            "--strict-markers", "--chaos-experiments", "--collect-only", "-q", *selection, folder
        )
        assert collected(result) == expected


@pytest.mark.parametrize(
    ("marker", "names"),
    [
        ("cloud_sql and not e2e", ["cloudsql_pressure", "timeout_budget"]),
        ("staging_gcp", ["exit_code", "smd_cascade"]),
        ("issue_1278_reproduction", ["smd_cascade"]),
        ("integration and not infrastructure", ["database_reset", "vpc_scaling_delay"]),
    ],
)
def test_the_experiments_of_this_project_have_the_markers_of_the_strategy(
    pytester: pytest.Pytester, marker: str, names: list[str]
) -> None:
    result = pytester.runpytest_inprocess(
        # The settings of this checkout, where the experiments lie, are not for a pytest in pytest.
        *("-c", "tox.ini", "--strict-markers", "--chaos-experiments"),
        *("--collect-only", "-q", "-m", marker, EXPERIMENTS),
    )
    assert [name for name in collected(result) if name in OF_THE_STRATEGY] == names


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_timeout_must_be_a_time(pytester: pytest.Pytester, value: str) -> None:
    result = pytester.runpytest_inprocess("--chaos-experiments", f"--chaos-timeout={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --chaos-timeout must be seconds*"])


def test_loading_the_plugin_loads_nothing_else_of_ours() -> None:
    code = (
        "import sys\n"
        "import chaosnetra.pytest_plugin\n"
        "heavy = ('chaosnetra', 'chaoslib', 'yaml', 'click', 'requests')\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in heavy))\n"
    )
    done = captured([sys.executable, "-c", code], check=True)
    assert sorted(done.stdout.split()) == ["chaosnetra", "chaosnetra.pytest_plugin"]
