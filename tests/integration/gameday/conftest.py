"""Beds for days."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.support.game_days import Bed, Seat
from tests.support.helpers import target_of
from tests.support.repository import EXPERIMENTS


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A bed whose faults are files: no part of a stand is brought."""
    return Bed(tmp_path)


@pytest.fixture
def real_bed(tmp_path: Path, postgres: PostgresServer, toxiproxy: ToxiproxyClient) -> Bed:
    """A bed whose only step injects real latency, for about ten seconds."""
    bed = Bed(
        tmp_path,
        {
            "CHAOSNETRA_DATABASE_URL": postgres.database.url,
            "CHAOSNETRA_TOXIPROXY_URL": toxiproxy.url,
            "CHAOSNETRA_TARGET": target_of(40),
        },
    )
    experiment = os.path.relpath(EXPERIMENTS / "vpc_latency.json", tmp_path)
    parameters = {"count": 1, "latency_ms": 200}
    bed.plan({"name": "latency", "experiment": experiment, "parameters": parameters})
    return bed


@pytest.fixture
def seats() -> Iterator[list[Seat]]:
    """Seats that a test takes; left whatever happens."""
    taken: list[Seat] = []
    yield taken
    for seat in taken:
        seat.close()
