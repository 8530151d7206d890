"""Runs to disturb, and what they must leave alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.integration.safety.disturbed import (
    EXPERIMENT,
    NEIGHBOUR,
    Start,
    Started,
)
from tests.long.campaign import Servers, run_folder


@pytest.fixture
def servers(postgres: PostgresServer, toxiproxy: ToxiproxyClient) -> Iterator[Servers]:
    given = Servers(postgres.database, postgres.admin, toxiproxy.url)
    yield given
    given.sweep()  # a test that failed must not fail the next


@pytest.fixture
def neighbour(toxiproxy: ToxiproxyClient) -> Iterator[None]:
    """Somebody else's proxy, which nobody may touch."""
    toxiproxy.create_proxy(NEIGHBOUR, "127.0.0.1:0", "127.0.0.1:9")
    before = toxiproxy.proxy(NEIGHBOUR)
    yield
    assert toxiproxy.proxy(NEIGHBOUR) == before


@pytest.fixture
def start(servers: Servers) -> Iterator[Start]:
    """Starts runs that stay under their fault for a minute."""
    runs: list[Started] = []
    with run_folder() as folder:
        experiment = folder / "long.json"
        long = json.loads(EXPERIMENT.read_text())
        long["method"][0]["pauses"] = {"after": 60}
        experiment.write_text(json.dumps(long))

        def start_one(
            given: Servers = servers, path: Path = experiment, **settings: str
        ) -> Started:
            # The state folder is one user's: the runs of a test share it.
            state = {"XDG_STATE_HOME": str(folder / "state")}
            run = Started(folder / f"run{len(runs)}", path, given, **(state | settings))
            run.state = folder / "state"
            runs.append(run)
            return run

        yield start_one
        for run in runs:
            run.end()
