"""`chaosnetra doctor` and `chaosnetra clean`: what a run needs, and what is kept between runs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaosnetra.cli import netra
from chaosnetra.safety.ledger import runs_folder
from chaosnetra.stand.folders import cache_folder
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.stand.toxiproxy import ToxiproxyServer
from tests.support.ledgers import left_by, undo


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache and state of a user who has none."""
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    monkeypatch.setattr("chaosnetra.stand.folders.shared_cache_folder", lambda: tmp_path / "none")
    return tmp_path


def called(*words: str) -> Result:
    return CliRunner().invoke(netra, words)


def checks(*words: str) -> dict[str, tuple[str, str]]:
    done = called("doctor", "--format", "json")
    return {one["name"]: (one["state"], one["says"]) for one in json.loads(done.output)}


def test_a_machine_that_runs_work_on_is_well() -> None:
    done = called("doctor")
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.output.splitlines()].count("failed") == 0
    assert "ok       PostgreSQL: " in done.output
    assert "started and stopped" in done.output


def test_servers_of_ones_own_are_asked(
    postgres: PostgresServer, toxiproxy_server: ToxiproxyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", postgres.database.url)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy_server.url)
    found = checks()
    assert found["PostgreSQL"][0] == found["Toxiproxy"][0] == "ok"
    assert toxiproxy_server.url in found["Toxiproxy"][1]
    assert str(postgres.database.port) in found["PostgreSQL"][1]
    assert postgres.database.password not in str(found)


def test_what_is_missing_fails_and_names_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", "postgresql://x@127.0.0.1:1/x")
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CHAOSNETRA_COUNT", "5")
    monkeypatch.setenv("CHAOSNETRA_TIME_SCALE", "zero")
    assert called("doctor").exit_code == 1
    found = checks()
    failed = {name for name, (state, _) in found.items() if state == "failed"}
    assert failed == {"settings", "PostgreSQL", "Toxiproxy"}
    assert "CHAOSNETRA_TIME_SCALE" in found["settings"][1]
    assert "CHAOSNETRA_TOXIPROXY_URL" in found["Toxiproxy"][1]


def test_without_a_way_to_a_real_toxiproxy_there_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    state, says = checks()["Toxiproxy"]
    assert (state, "install either" in says) == ("warning", True)


def test_what_a_killed_run_left_stays_and_programs_may_go(tmp_path: Path) -> None:
    left = left_by(runs_folder().parent, undo(tmp_path / "marks", "one"))
    program = cache_folder() / "toxiproxy-server-0"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(b"0" * 2_000_000)
    assert checks()["leftovers"] == (
        "warning",
        "1 killed run left something behind: `chaosnetra recover` undoes it",
    )
    listed = called("clean").output
    assert f"stays        0.0 MB  {left}: it names what a killed run left" in listed
    assert f"may go       2.0 MB  {program}: " in listed
    assert program.exists()
    assert f"removed      2.0 MB  {program}: " in called("clean", "--remove").output
    assert not program.exists()
    assert left.exists()
    assert called("clean", "--remove").output.splitlines()[-1] == "nothing to remove"
