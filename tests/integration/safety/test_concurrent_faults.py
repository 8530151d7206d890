"""Faults that are injected while activities in the background need parts of the run too."""

import subprocess
import sys

import pytest

from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.client import ToxiproxyClient

pytestmark = pytest.mark.usefixtures("nothing_left")

# A background thread asks the session for its schema while the toxic's effect is measured.
PROGRAM = """
import threading, time
from chaosnetra.running.session import current_session, end_session
from chaosnetra.toxiproxy import actions, faults, toxic_faults

session = current_session({})
session.path
fault = FAULT
measure = fault.measure
measured, asked = threading.Event(), threading.Event()

def measure_late(self):
    measured.set()
    asked.wait(10)
    time.sleep(0.5)
    return measure(self)

def ask():
    measured.wait(30)
    with session.resources.lock:
        asked.set()
        session.stored.schema

fault.measure = measure_late
background = threading.Thread(target=ask)
background.start()
CALL
background.join()
assert session.stored._schemas
end_session()
"""
CALLS = {
    "toxic_faults.ToxicAdded": "actions.add_latency(20)",
    "toxic_faults.ToxicUpdated": (
        "actions.add_latency(20); actions.update_toxic('latency', {'latency_ms': 30})"
    ),
    "faults.ProxySwitched": "actions.disable_proxy()",
}


@pytest.mark.parametrize(("fault", "call"), CALLS.items(), ids=CALLS)
def test_a_fault_and_an_activity_in_the_background_do_not_wait_for_each_other(
    postgres: PostgresServer,
    toxiproxy: ToxiproxyClient,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    call: str,
) -> None:
    monkeypatch.setenv("CHAOSNETRA_DATABASE_URL", postgres.database.url)
    monkeypatch.setenv("CHAOSNETRA_TOXIPROXY_URL", toxiproxy.url)
    program = PROGRAM.replace("FAULT", fault).replace("CALL", call)
    # It ends in some seconds, or never.
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)
    assert toxiproxy.proxies() == {}
