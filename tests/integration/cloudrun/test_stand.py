"""`chaosnetra stand up --cloud-run`: a rehearsal with real orchestrators and a real database."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import requests

from chaosnetra.stand.persistent import state_file
from tests.conftest import RunChaos
from tests.support.helpers import alive, wait_until
from tests.support.programs import captured
from tests.support.repository import EXPERIMENTS

pytestmark = pytest.mark.usefixtures("nothing_left")


EXPERIMENT = EXPERIMENTS / "cloudrun_scale_out.json"


def stand(*words: str) -> subprocess.CompletedProcess[str]:
    return captured(
        [str(Path(sys.executable).with_name("chaosnetra")), "stand", *words], timeout=100
    )


@pytest.fixture
def down() -> Iterator[None]:
    """Whatever the test did, the holder is gone at its end."""
    yield
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        holder = psutil.Process(json.loads(state_file().read_text())["pid"])
        holder.terminate()
        holder.wait(20)


async def sessions(url: str) -> int:
    """How many sessions the service's instances hold."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'orchestrator:%'"
            )
        )
    finally:
        await connection.close()


@pytest.mark.usefixtures("down")
def test_a_service_of_real_orchestrators_is_scaled_against_a_real_database(
    run_chaos: RunChaos,
) -> None:
    first = stand("up", "--cloud-run")
    assert first.returncode == 0, first.stderr
    assert "Cloud Run, local: 127.0.0.1:" in first.stdout
    assert "service orchestrator" in first.stdout
    kept: dict[str, Any] = json.loads(state_file().read_text())
    password = kept["database_url"].split(":")[2].split("@")[0]
    assert password not in first.stdout + first.stderr
    url, database = kept["cloud_run"]["url"], kept["database_url"]

    def instances() -> Any:
        state = requests.get(f"{url}/state", timeout=5).json()
        (service,) = state["services"].values()
        return service["instances"]

    wait_until(lambda: instances()["running"] == 1, 20, "the first instance runs")
    wait_until(lambda: asyncio.run(sessions(database)) >= 1, 20, "it has connected")

    again = stand("up", "--cloud-run")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert stand("status").stdout == first.stdout

    # Staging, rehearsed: what `stand up` printed is all that is needed.
    allow_list = state_file().with_name("rehearsal-allow-list.json")
    assert f"allow-list to rehearse staging with: {allow_list}" in first.stdout
    done = run_chaos(
        EXPERIMENT,
        CHAOSNETRA_ENVIRONMENT="staging",
        CHAOSNETRA_CLOUD_RUN_ENDPOINT=kept["cloud_run"]["endpoint"],
        CHAOSNETRA_ALLOW_LIST=str(allow_list),
        CHAOSNETRA_CONSENT="yes",
        CHAOSNETRA_OTHER_INSTANCES="1",
        CHAOSNETRA_SCALE_TO="2",
        CHAOSNETRA_HOLD_MS="1000",
    )
    assert done.returncode == 0, done.output
    assert password not in done.output + str(done.journal_text)
    assert [call["writes"] for call in done.section["cloud_run"]["writes"]] == [
        "scaling.min_instance_count=2",
        "scaling.min_instance_count=1",
    ]
    assert instances()["started"] == 2
    assert instances()["crashed"] == 0, instances()["last_output"]
    wait_until(lambda: instances()["running"] == 1, 20, "the others have ended")

    everything = [
        kept["pid"],
        *(child.pid for child in psutil.Process(kept["pid"]).children(recursive=True)),
    ]
    assert stand("down").returncode == 0
    assert alive(everything) == []
    assert not allow_list.exists()


@pytest.mark.usefixtures("down")
def test_a_stand_that_is_up_without_cloud_run_says_so() -> None:
    assert stand("up").returncode == 0
    assert "Cloud Run" not in stand("status").stdout
    for words, what in (
        (("up", "--cloud-run"), "a Cloud Run endpoint"),
        (("up", "--unix-socket"), "a Unix socket"),
        (("status", "--variables"), "a Cloud Run endpoint"),
    ):
        refused = stand(*words)
        assert refused.returncode == 1
        assert f"the stand is up without {what}; take it down first: " in refused.stderr
