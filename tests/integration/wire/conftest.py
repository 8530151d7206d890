"""An observer for the tests of this folder, between two recorders."""

from collections.abc import Iterator

import pytest

from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.wire.client import ObserverClient
from tests.support.observed import Stretch
from tests.support.recorder import Recorder


@pytest.fixture(scope="module")
def stretch(postgres: PostgresServer) -> Iterator[Stretch]:
    database = postgres.database
    with Recorder((database.host, database.port)) as behind:
        server = start_observer(behind.address)
        try:
            observer = ObserverClient(server.url)
            yield Stretch(observer, behind)
            state = observer.state()
            assert (state["faults"], state["last_fault"]) == (0, None)
        finally:
            server.stop()
