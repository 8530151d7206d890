"""`chaosnetra stand up`, `status` and `down`, as a user runs them."""

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from chaosnetra.processes.identity import started
from chaosnetra.running.session import current_session, end_session
from chaosnetra.safety.ledger import runs_folder
from chaosnetra.stand.persistent import find_persistent_stand, state_file
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.helpers import alive, wait_until
from tests.support.programs import captured

pytestmark = pytest.mark.usefixtures("nothing_left")

# A part that does not go when it is asked to is killed by its supervisor after 10 s.
GONE_SECONDS = 20.0


def stand(command: str) -> subprocess.CompletedProcess[str]:
    return captured([str(Path(sys.executable).with_name("chaosnetra")), "stand", command])


def state() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(state_file().read_text())
    return data


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


@pytest.fixture
def after() -> Iterator[None]:
    """Whatever the test did, the holder is gone at its end."""
    yield
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        holder = psutil.Process(state()["pid"])
        holder.terminate()
        holder.wait(20)


@pytest.mark.usefixtures("after")
def test_up_status_up_again_down_status_down_again() -> None:
    assert stand("status").returncode == 1

    first = stand("up")
    assert first.returncode == 0, first.stderr
    kept = state()
    everything = family(kept["pid"])
    assert f"held by process {kept['pid']}" in first.stdout
    for address in ("database_url", "admin_url"):
        password = kept[address].split(":")[2].split("@")[0]
        assert len(password) > 20
        assert password not in first.stdout + first.stderr
    assert stat.S_IMODE(state_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(state_file().parent.stat().st_mode) == 0o700

    assert ToxiproxyClient(kept["toxiproxy_url"]).proxies() == {}
    assert asyncio.run(answer_of(kept["database_url"])) == 1

    status = stand("status")
    assert (status.returncode, status.stdout) == (0, first.stdout)

    again = stand("up")
    assert again.returncode == 0
    assert state()["pid"] == kept["pid"]
    assert again.stdout == first.stdout

    down = stand("down")
    assert down.returncode == 0, down.stderr
    wait_until(lambda: not alive(everything), GONE_SECONDS, "nothing of the stand is left")
    assert not state_file().exists()
    assert stand("status").returncode == 1

    assert stand("down").returncode == 0


@pytest.mark.usefixtures("after")
def test_a_stand_with_the_embedded_toxiproxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Modules of the current directory must not take the place of those that the stand needs.
    (tmp_path / "psutil.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_SERVER", "nonsense")
    refused = stand("up")
    assert refused.returncode == 1
    assert "toxiproxy_server must be auto or real or embedded" in refused.stderr
    assert "Traceback" not in refused.stderr

    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_SERVER", "embedded")
    up = stand("up")
    assert up.returncode == 0, up.stderr
    assert "Toxiproxy 2.12.0+chaosnetra-embedded-" in up.stdout
    kept = state()
    everything = family(kept["pid"])
    assert ToxiproxyClient(kept["toxiproxy_url"]).proxies() == {}
    assert stand("down").returncode == 0
    wait_until(lambda: not alive(everything), GONE_SECONDS, "nothing of the stand is left")


@pytest.mark.usefixtures("after")
def test_killed_holder_takes_everything_with_it() -> None:
    assert stand("up").returncode == 0
    kept = state()
    everything = family(kept["pid"])
    assert len(everything) > 4
    data = next(
        Path(word)
        for pid in everything
        for word in psutil.Process(pid).cmdline()
        if word.startswith("/") and word.endswith("/data")
    )
    assert data.exists()

    os.kill(kept["pid"], signal.SIGKILL)
    wait_until(lambda: not alive(everything), GONE_SECONDS, "nothing of the stand is left")
    wait_until(lambda: not data.exists(), GONE_SECONDS, "the data is removed")
    # The holder is nobody's child any more: init collects it in its own time.
    wait_until(
        lambda: stand("status").returncode == 1, GONE_SECONDS, "status says that nothing is up"
    )
    assert "chaosnetra stand up" in stand("status").stderr

    # The file that the dead stand left is in nobody's way.
    assert stand("down").returncode == 0
    assert not state_file().exists()


@pytest.mark.usefixtures("after")
def test_a_part_that_dies_takes_the_stand_down() -> None:
    assert stand("up").returncode == 0
    kept = state()
    everything = family(kept["pid"])
    server = next(
        pid for pid in everything if psutil.Process(pid).name().startswith("toxiproxy-serv")
    )
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: not alive(everything), GONE_SECONDS, "nothing of the stand is left")
    assert not state_file().exists()
    assert stand("status").returncode == 1


@pytest.mark.usefixtures("after")
def test_up_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_SERVER", "real")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    failed = stand("up")
    assert failed.returncode == 1
    assert "no Toxiproxy server" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not state_file().exists()


WHOLE: dict[str, Any] = {
    "pid": 1, "process_started": 1.0, "database_url": "postgresql://u:p@127.0.0.1:1/d",
    "admin_url": "postgresql://u:p@127.0.0.1:1/d", "postgres_version": "16",
    "toxiproxy_url": "http://127.0.0.1:1", "toxiproxy_version": "2", "since": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        '{"pid": 1}',
        *(
            json.dumps({**WHOLE, **wrong})
            for wrong in (
                {"pid": "abc"},
                {"pid": 1.5},
                {"pid": None},
                {"pid": -1},
                {"process_started": "now"},
                {"database_url": 5},
                {"cloud_run": "yes"},
                {"cloud_run": {"endpoint": "x"}},
            )
        ),
    ],
)
def test_damaged_state_file_is_no_stand(text: str) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(text)
    assert find_persistent_stand() is None  # as every run asks
    done = stand("status")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_values_of_wrong_types_are_no_stand_even_of_a_process_that_is_there() -> None:
    state_file().parent.mkdir(parents=True)
    mine = {**WHOLE, "pid": os.getpid(), "process_started": started(os.getpid())}
    state_file().write_text(json.dumps(mine))
    assert find_persistent_stand() is not None
    for wrong in ({"database_url": 5}, {"since": "x"}, {"cloud_run": {"endpoint": "x"}}):
        state_file().write_text(json.dumps({**mine, **wrong}))
        assert find_persistent_stand() is None


def test_a_state_folder_that_cannot_be_made_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    for command, code in (("up", 1), ("status", 1), ("down", 0)):
        done = stand(command)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert str(tmp_path / "file") in stand("up").stderr


def test_a_process_id_used_again_is_no_stand() -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(
        json.dumps(
            {**WHOLE, "pid": os.getpid(), "process_started": psutil.Process().create_time() - 100}
        )
    )
    assert stand("status").returncode == 1
    assert stand("down").returncode == 0  # and ends nobody
    assert not state_file().exists()


async def answer_of(url: str) -> int:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        answer: int = await connection.fetchval("SELECT 1")
    finally:
        await connection.close()
    return answer


@pytest.mark.usefixtures("after")
def test_two_ups_at_once_make_one_stand() -> None:
    command = [str(Path(sys.executable).with_name("chaosnetra")), "stand", "up"]
    ups = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [up.communicate(timeout=60)[0] for up in ups]
    assert [up.returncode for up in ups] == [0, 0]
    assert said[0] == said[1]
    holder = state()["pid"]
    assert stand("down").returncode == 0
    wait_until(lambda: not alive([holder]), GONE_SECONDS, "the stand is down")


@pytest.mark.usefixtures("after")
def test_a_stand_whose_file_is_gone_goes_down_by_itself() -> None:
    assert stand("up").returncode == 0
    pids = family(state()["pid"])
    state_file().unlink()
    wait_until(lambda: not alive(pids), GONE_SECONDS, "everything has ended")


@pytest.mark.usefixtures("after")
def test_what_a_run_made_in_a_stand_is_gone_with_it() -> None:
    """Nothing of it could ever be undone, so that every later run would tell of it."""
    assert stand("up").returncode == 0
    kept = state()
    everything = family(kept["pid"])
    try:
        assert current_session({}).database.database.startswith("chaosnetra_")
        assert list(runs_folder().iterdir())
        os.kill(kept["pid"], signal.SIGKILL)
        wait_until(lambda: not alive(everything), GONE_SECONDS, "nothing of the stand is left")
    finally:
        failures = end_session()
    assert failures == []
    assert list(runs_folder().iterdir()) == []
