"""A disk that is really full: before anything was injected, and in the middle of a run."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.conftest import RUN_SECONDS
from tests.experiments.test_vpc_latency import EXPERIMENT
from tests.long.fuzz import TRACEBACK, databases_left, processes_of
from tests.support.helpers import target_of, wait_until
from tests.support.programs import captured, chaos_command

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

# With 50 ms each these take 10 s: enough to notice that the fault is in place, and to fill a disk.
SLOW = {"CHAOSNETRA_TARGET": target_of(200)}


@contextlib.contextmanager
def small_disk(*options: str) -> Iterator[Path]:
    """A disk of its own, unmounted at the end whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mounted = captured(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)], timeout=10
    )
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"a tmpfs cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: something that still has a file open there must not keep the mount.
        subprocess.run(["umount", "-l", str(folder)], timeout=10, check=False)
        folder.rmdir()


def fill(folder: Path) -> None:
    """Write until nothing more goes in."""
    with contextlib.suppress(OSError), (folder / "full").open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    # What is left of the last page.
    with contextlib.suppress(OSError), (folder / "full").open("ab", buffering=0) as file:
        while file.write(b"x"):
            pass


def use_up_inodes(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for number in range(1000):
            (folder / f"empty-{number}").touch()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Marks the processes of a run."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path, postgres: PostgresServer, toxiproxy: ToxiproxyClient) -> dict[str, str]:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return {
        **os.environ, "HOME": str(home), "XDG_CACHE_HOME": cache,
        "CHAOSNETRA_DATABASE_URL": postgres.database.url, "CHAOSNETRA_TOXIPROXY_URL": toxiproxy.url,
        "CHAOSNETRA_TARGET": target_of(2), "CHAOSNETRA_COUNT": "2", "CHAOSNETRA_LATENCY_MS": "50",
    }  # fmt: skip


def start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*chaos_command(), "run", str(EXPERIMENT)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def ended(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=RUN_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=10)
        raise


def wait_for_event(folder: Path, process: subprocess.Popen[str], text: str) -> None:
    """Until the run has recorded a line with `text`."""
    events = folder / "journal.events.jsonl"

    def recorded() -> bool:
        assert process.poll() is None
        return events.exists() and text in events.read_text()

    wait_until(recorded, 60, f"an event with {text}")


def assert_nothing_injected(
    home: Path, postgres: PostgresServer, toxiproxy: ToxiproxyClient
) -> None:
    assert toxiproxy.proxies() == {}
    assert databases_left(postgres) == []
    wait_until(lambda: not processes_of(home), 30, "the end of the run's processes")


@pytest.mark.parametrize("kind", ["space", "inodes"])
def test_a_full_state_folder_means_that_nothing_is_injected(
    tmp_path: Path,
    home: Path,
    environment: dict[str, str],
    postgres: PostgresServer,
    toxiproxy: ToxiproxyClient,
    kind: str,
) -> None:
    with small_disk("size=64k", "nr_inodes=20") as state:
        (fill if kind == "space" else use_up_inodes)(state)
        folder = tmp_path / "run"
        folder.mkdir()
        process = start(folder, {**environment, "XDG_STATE_HOME": str(state)})
        output = ended(process)
        assert process.returncode == 1, output
        assert TRACEBACK not in output
        said = [line for line in output.splitlines() if "Verdict: inconclusive" in line]
        assert len(said) == 1, output
        assert "cannot be written" in said[0]
        assert "nothing is injected" in said[0]
        assert "No space left on device" in said[0]
        journal = json.loads((folder / "journal.json").read_text())
        assert journal["chaosnetra"]["faults"] == []
        events = (folder / "journal.events.jsonl").read_text()
        assert "fault.injected" not in events
        assert "fault.undo_written" not in events
        assert not list(state.rglob("*.ledger.jsonl"))
        assert_nothing_injected(home, postgres, toxiproxy)


def run_until_full(environment: dict[str, str], toxiproxy: ToxiproxyClient) -> tuple[int, str]:
    """Exit code and output of a run whose folder is full once the fault is in place."""
    with small_disk("size=256k") as folder:
        process = start(folder, {**environment, **SLOW})
        wait_for_event(folder, process, '"added_latency_ms"')
        assert [len(proxy.toxics) for proxy in toxiproxy.proxies().values()] == [1]
        fill(folder)
        output = ended(process)
    return process.returncode, output


def test_a_folder_that_fills_up_in_mid_run_leaves_nothing_injected(
    home: Path, environment: dict[str, str], postgres: PostgresServer, toxiproxy: ToxiproxyClient
) -> None:
    code, output = run_until_full(environment, toxiproxy)
    assert code == 1, output
    assert TRACEBACK not in output
    assert len([line for line in output.splitlines() if "the disk is full" in line]) <= 5, output
    assert "the disk is full" in output
    assert "Verdict: held" not in output
    assert_nothing_injected(home, postgres, toxiproxy)
    runs = Path(environment["XDG_STATE_HOME"]) / "chaosnetra" / "runs"
    assert list(runs.iterdir()) == []


def test_a_folder_that_fills_up_in_mid_run_is_named_as_the_reason(
    environment: dict[str, str], toxiproxy: ToxiproxyClient
) -> None:
    _, output = run_until_full(environment, toxiproxy)
    said = [line for line in output.splitlines() if " ERROR] " in line]
    assert [line for line in said if "ExceptionGroup" in line] == []
    (verdict,) = [line for line in said if "Verdict: " in line]
    assert "Verdict: inconclusive" in verdict
    assert "the disk is full" in verdict


def test_a_state_folder_that_fills_up_in_mid_run_leaves_nothing_injected(
    tmp_path: Path,
    home: Path,
    environment: dict[str, str],
    postgres: PostgresServer,
    toxiproxy: ToxiproxyClient,
) -> None:
    """The undo is played although the ledger cannot say so."""
    folder = tmp_path / "run"
    folder.mkdir()
    with small_disk("size=64k") as state:
        process = start(folder, {**environment, **SLOW, "XDG_STATE_HOME": str(state)})
        wait_for_event(folder, process, '"added_latency_ms"')
        fill(state)
        (ledger,) = state.rglob("*.ledger.jsonl")
        output = ended(process)
        assert process.returncode in (0, 1), output
        assert TRACEBACK not in output
        assert toxiproxy.proxies() == {}
        assert databases_left(postgres) == []
        (state / "full").unlink(missing_ok=True)
        # Its watchdog plays what the ledger could not mark as done, now that there is room.
        wait_until(lambda: not processes_of(home), 30, "the end of the run's processes")
        assert not ledger.exists()
