"""What real startups that share one core say of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from chaosnetra.processes.cpu_meter import usable_cores
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.summary import machine_share_of, summarize
from tests.support.helpers import present
from tests.support.journals import journal, judged, startups, state
from tests.support.launches import (
    ENOUGH,
    HTTP,
    SERVE,
    launched,
    nothing_left_behind,
    plan_of,
    script,
    short,
)

pytestmark = [
    pytest.mark.usefixtures("little_grace"),
    pytest.mark.skipif(
        not Path("/proc/self/schedstat").exists() or not hasattr(os, "sched_setaffinity"),
        reason="the system does not tell how long a thread waited for a core",
    ),
]

PART_SECONDS = 0.1
# In a child and in a second thread, which both stay: what has ended is not known to its end.
WORK = f"""
import subprocess, threading
BURN = '''
import time
while time.process_time() < {PART_SECONDS}: sum(range(1000))
print(flush=True)
time.sleep(60)
'''
child = subprocess.Popen([sys.executable, "-S", "-c", BURN], stdout=subprocess.PIPE)
child.stdout.readline()
burnt = threading.Event()
def burn():
    while time.thread_time() < {PART_SECONDS}: sum(range(1000))
    burnt.set()
    time.sleep(60)
threading.Thread(target=burn, daemon=True).start()
burnt.wait()
serve()
"""
AT_ONCE = 8
PLAN = plan_of(script(SERVE + WORK), HTTP)


@pytest.fixture
def one_core() -> Iterator[None]:
    """This process, and what it starts, has one core."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    yield
    os.sched_setaffinity(0, usable)


def check(outcomes: list[StartupOutcome], limit_seconds: float) -> dict[str, Any]:
    """The check of a steady state that launched these."""
    share = present(machine_share_of(outcomes, usable_cores()))
    told = summarize(outcomes, 0) | {
        "machine_share": share.to_json(),
        "startup_timeout_seconds": limit_seconds,
    }
    return state(startups(told.pop("ready"), told.pop("attempts"), **told))


@nothing_left_behind
@pytest.mark.usefixtures("one_core")
def test_many_on_one_core_stretch_each_other_and_the_fault_is_not_blamed() -> None:
    assert usable_cores() == 1
    (alone,) = launched(PLAN)
    # One core has no time for all of them in half of what their work takes on it.
    limit = AT_ONCE * present(alone.processors).cpu_seconds / 2
    many = launched(PLAN, short(limit, margin=ENOUGH.startup_seconds), AT_ONCE)
    assert any(outcome.late for outcome in many)
    for outcome in (alone, *many):
        assert outcome.processors is not None
        assert outcome.processors.cpu_seconds >= 2 * PART_SECONDS
        assert outcome.processors.delayed_seconds <= outcome.seconds
        assert StartupOutcome.from_json(outcome.to_json()) == outcome
    share = present(machine_share_of(many, usable_cores()))
    assert share.is_noticeable
    before, after = check([alone], ENOUGH.startup_seconds), check(many, limit)
    found, _ = judged(journal(before=before, after=after, deviated=True))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.MACHINE)
    assert "startups at once" in found.reason
