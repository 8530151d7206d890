"""The pytest plug-in runs experiments, tells what they showed, and ends them when it is ended."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.experiments import act, exists, states
from tests.support.helpers import wait_until
from tests.support.repository import EXPERIMENTS

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("nothing_left")

HOME = str(Path.home())


@pytest.fixture(autouse=True)
def own_project(request: pytest.FixtureRequest) -> None:
    """A root of its own: the temporary folder may lie in a checkout, with settings."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester").makeini("[pytest]\n")


@pytest.mark.parametrize("ci", [None, "true"], ids=["at_a_desk", "in_ci"])
def test_each_outcome_is_told_apart(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str | None
) -> None:
    """In CI pytest does not cut the messages of its summary to the terminal's width."""
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    monkeypatch.setenv("CI", ci) if ci else monkeypatch.delenv("CI", raising=False)
    folder = pytester.mkdir("experiments")
    without_title = states("")
    del without_title["title"]
    for name, content in {
        "held": states("it holds"),
        "baseline": states("not there", "/no/such/path", act()),
        "broken": without_title,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    monkeypatch.setenv("CHAOSNETRA_PROFILE", "issue-1263")
    result = pytester.runpytest_subprocess(
        "--chaos-experiments",
        "--chaos-output-folder=evidence",
        "--junitxml=junit.xml",
        "-n2",
        "-pno:randomly",
        folder,
        EXPERIMENTS / "timeout_budget.json",
        timeout=240,
    )
    result.assert_outcomes(passed=1, failed=1, errors=2)
    text = result.stdout.str()
    for line in (
        "VIOLATED  Every timeout budget of the profile suffices",
        "  ✗ before the method  1 of 6 rules hold",
        "  broke first   budget initialization of 25 s: initialization has 25 s, needs 45",
        "  report        *evidence/report.html",
        "  again         chaos run *timeout_budget.json",
        "INCONCLUSIVE  not there",
        "  because       baseline not met: before the method, path-exists: expected",
        "  output        *baseline.json/*",
        "the experiment proves nothing of the system: broken: chaos run ended with exit code 1 *",
    ):
        result.stdout.fnmatch_lines([line])
    assert "Traceback" not in text
    assert text.count("1 of 6 rules hold") == 1, "and not the log once more"
    screen = text[text.index("VIOLATED  Every") :].split("\n_", 1)[0].split("\n=", 1)[0]
    assert len(screen.splitlines()) <= 15

    cases = {case.get("name"): case for case in ET.parse("junit.xml").iter("testcase")}
    properties = {
        name: {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        for name, case in cases.items()
    }
    assert {name: told["chaos_outcome"] for name, told in properties.items()} == {
        "held": "held",
        "baseline": "inconclusive",
        "broken": "broken",
        "timeout_budget": "violated",
    }
    failure = cases["timeout_budget"].find("failure")
    assert failure is not None
    assert "1 of 6 rules hold" in (failure.text or "")
    assert cases["baseline"].find("error") is not None
    assert cases["broken"].find("error") is not None
    journal = Path(properties["held"]["chaos_journal"] or "")
    assert journal.is_relative_to(pytester.path / "evidence")
    assert json.loads(journal.read_text())["chaosnetra"]["verdict"] == "held"
    assert "chaos_journal" not in properties["broken"]


def test_a_journal_of_an_earlier_run_is_not_taken_for_this_one(pytester: pytest.Pytester) -> None:
    path = pytester.path / "it.json"
    run = ("--chaos-experiments", "--chaos-output-folder=evidence", path)
    path.write_text(json.dumps(states("it holds")))
    pytester.runpytest_inprocess(*run).assert_outcomes(passed=1)
    path.write_text(json.dumps({**states("it holds"), "method": [{"type": "probe"}]}))
    pytester.runpytest_inprocess(*run).assert_outcomes(errors=1)


def test_one_that_takes_too_long_is_interrupted(pytester: pytest.Pytester) -> None:
    path = pytester.path / "slow.json"
    path.write_text(json.dumps(states("slow", "/", {**exists("/"), "pauses": {"before": 100}})))
    result = pytester.runpytest_inprocess("--chaos-experiments", "--chaos-timeout=20", path)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE  slow", "  because       it took more than 20 s; *"])
    assert "interrupted by SIGINT" in " ".join(result.stdout.str().split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_ends_pytest_ends_the_run_and_it_undoes_everything(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = ["--chaos-experiments", "--chaos-output-folder", "evidence", "-c", os.devnull]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *command, str(EXPERIMENTS / "vpc_latency.json")],
        cwd=tmp_path,
        env={**os.environ, "CHAOSNETRA_LATENCY_MS": "4000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        events = _waited_for(tmp_path / "evidence", "journal.events.jsonl")
        injected = '"fault.injected", '
        wait_until(
            lambda: any(
                injected in line and '"toxic ' in line for line in events.read_text().splitlines()
            ),
            60,
            "the toxic is in place",
        )
        process.send_signal(number)
        output, _ = process.communicate(timeout=90)
    finally:
        process.kill()
        process.communicate(timeout=30)
    journal = _waited_for(tmp_path / "evidence", "journal.json")
    wait_until(lambda: _is_json(journal.read_text()), 60, "the journal is whole")
    section = json.loads(journal.read_text())["chaosnetra"]
    assert (section["cause"], section["undo_failures"]) == ("interrupted", [])
    toxic = next(fault for fault in section["faults"] if fault["name"].startswith("toxic "))
    assert toxic["undo"] == "done"
    if number is signal.SIGINT:
        assert process.returncode == pytest.ExitCode.INTERRUPTED
        assert "KeyboardInterrupt" in output


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _waited_for(folder: Path, name: str) -> Path:
    wait_until(lambda: bool(list(folder.rglob(name))), 60, f"there is {name}")
    return next(iter(folder.rglob(name)))


def test_the_stand_of_a_test_of_ones_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", HOME)  # the programs of the stand are kept there
    pytester.makepyfile(
        """
        import asyncio
        import time
        import asyncpg

        async def ask(address):
            connection = await asyncpg.connect(address.url, timeout=20)
            try:
                started = time.perf_counter()
                assert await connection.fetchval("SELECT 1") == 1
                return time.perf_counter() - started
            finally:
                await connection.close()

        def test_hurts_the_path(chaos_stand, chaos_toxiproxy):
            from chaosnetra.toxiproxy.toxics import Toxic
            toxic = Toxic("slow", "latency", "downstream", 1.0, {"latency": 300})
            chaos_toxiproxy.add_toxic(chaos_stand.proxy, toxic)
            chaos_toxiproxy.create_proxy("other", "127.0.0.1:0", "127.0.0.1:1")
            assert asyncio.run(ask(chaos_stand.proxied_database)) >= 0.3
            asyncio.run(ask(chaos_stand.database))
            chaos_toxiproxy.update_proxy(chaos_stand.proxy, enabled=False)

        def test_finds_it_well(chaos_stand, chaos_toxiproxy):
            assert set(chaos_toxiproxy.proxies()) == {chaos_stand.proxy}
            assert chaos_toxiproxy.proxy(chaos_stand.proxy).toxics == ()
            asyncio.run(ask(chaos_stand.proxied_database))
            chaos_toxiproxy.delete_proxy(chaos_stand.proxy)

        def test_finds_it_well_again(chaos_stand):
            asyncio.run(ask(chaos_stand.proxied_database))
        """
    )
    pytester.runpytest_inprocess("-pno:randomly").assert_outcomes(passed=3)
