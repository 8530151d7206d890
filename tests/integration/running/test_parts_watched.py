"""Parts of the test bed are watched for as long as a run uses them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import psutil
import pytest

from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.postgres.server import identify
from chaosnetra.running.session import Session, current_session, end_session
from chaosnetra.running.watching import WatchedPart, local_listener, of_process
from chaosnetra.stand.postgres import PostgresServer
from chaosnetra.toxiproxy.toxics import Toxic
from tests.long.crash.bed import Bed, own_beds
from tests.support.helpers import query, wait_until

SECONDS = 10.0


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with own_beds() as beds:
        yield beds[0]


@pytest.fixture
def session(bed: Bed) -> Iterator[Session]:
    """Of a run that uses servers which somebody else started."""
    made = current_session(
        {"database_url": bed.postgres.database.url, "toxiproxy_url": bed.toxiproxy.url}
    )
    _ = made.proxied_database
    yield made
    end_session()
    bed.bring_back()


def losses(session: Session) -> list[tuple[str, str]]:
    return [(loss["kind"], loss["why"]) for loss in session.resources.losses]


@pytest.mark.parametrize(
    ("part", "disturb", "why"),
    [
        ("Toxiproxy", lambda bed: bed.toxiproxy.kill(), "has ended"),
        ("Toxiproxy", lambda bed: bed.toxiproxy.freeze(1.0), "was stopped by a signal"),
        ("PostgreSQL", lambda bed: bed.postgres.kill(), "has ended"),
        ("PostgreSQL", lambda bed: bed.postgres.freeze(1.0), "was stopped by a signal"),
    ],
)
def test_a_server_of_others_that_is_lost_is_told(
    bed: Bed, session: Session, part: str, disturb: Callable[[Bed], None], why: str
) -> None:
    disturb(bed)
    wait_until(lambda: session.resources.losses, SECONDS, f"{part} is told as lost")
    [(kind, told)] = losses(session)
    assert kind == part
    assert why in told
    loss = session.resources.losses[0]
    assert loss["source"] == "configured"
    assert loss["last_well_at"] < loss["noticed_at"]
    bed.bring_back()
    # Nothing waits for a server that has ended: what it kept has ended with it.
    assert session.close() == []


def test_a_server_that_was_restarted_between_two_looks_is_another_one(
    bed: Bed, session: Session
) -> None:
    session.resources.watch_thread.end()
    bed.postgres.stop()
    bed.postgres.start()
    assert session.close() == []
    [(kind, _)] = losses(session)
    assert kind == "PostgreSQL"


def test_a_server_that_ended_all_sessions_and_recovered_is_lost(bed: Bed, session: Session) -> None:
    """As PostgreSQL does when one of its processes crashes: the server itself stays."""
    pid = query(
        bed.postgres.admin, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    )
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: answers(bed), SECONDS, "PostgreSQL recovers")
    assert session.close() == []
    assert losses(session) == [
        ("PostgreSQL", "one of its processes crashed, and it ended every session")
    ]


def answers(bed: Bed) -> bool:
    try:
        asyncio.run(identify(bed.postgres.admin))
    except DatabaseUnavailable:
        return False
    return True


def test_a_run_that_nobody_disturbs_loses_nothing(bed: Bed, session: Session) -> None:
    assert session.close() == []
    assert losses(session) == []


def test_what_an_action_of_the_experiment_takes_down_is_not_lost(
    bed: Bed, session: Session
) -> None:
    session.run.foreign_action_began("restart-the-database")
    bed.postgres.stop()
    bed.postgres.start()
    session.run.foreign_action_ended("restart-the-database")
    assert session.close() == []
    assert losses(session) == []


def put_toxic(session: Session, name: str) -> None:
    toxic = Toxic(name, "latency", "downstream", 1.0, {"latency": 1, "jitter": 0})
    session.toxiproxy.add_toxic(session.identifier, toxic)


def test_a_toxic_that_somebody_else_puts_on_the_runs_proxy_is_told(session: Session) -> None:
    put_toxic(session, "theirs")
    wait_until(lambda: session.resources.losses, SECONDS, "the toxic is told")
    [(kind, why)] = losses(session)
    assert kind == "path to the database"
    assert why.endswith(f"on proxy {session.identifier}: 'theirs' (latency downstream)")


def test_toxics_of_the_experiment_are_its_own(session: Session) -> None:
    put_toxic(session, f"{session.identifier}_slow")
    session.run.foreign_action_began("slow-by-another-package")
    put_toxic(session, "of_another_package")
    assert session.close() == []
    assert losses(session) == []


@pytest.mark.parametrize(("action", "told"), [(None, 1), ("end-sessions", None)])
def test_sessions_that_somebody_ends_during_a_launch_are_counted(
    bed: Bed, session: Session, action: str | None, told: int | None
) -> None:
    """Those that an action of the experiment may have ended are not."""

    async def lose_a_session() -> None:
        lost = await asyncpg.connect(bed.postgres.database.url)
        administrator = await asyncpg.connect(bed.postgres.admin.url)
        try:
            pid = await lost.fetchval("SELECT pg_backend_pid()")
            # Waits until it has ended, and so is counted.
            await administrator.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        finally:
            lost.terminate()
            await administrator.close()

    if action:
        session.run.foreign_action_began(action)
    begun = session.exposure.begun([session.proxied_database])
    asyncio.run(lose_a_session())
    used, _ = session.exposure.ended(begun, [])
    assert used.killed == told


def test_the_identity_of_a_server_is_seen_by_every_role(postgres: PostgresServer) -> None:
    first = asyncio.run(identify(postgres.database))
    assert first.servants
    assert first.differs(asyncio.run(identify(postgres.admin))) is None


def test_the_process_that_serves_a_port_is_found(postgres: PostgresServer) -> None:
    found = local_listener(postgres.database.network_address)
    assert found == postgres.process.pid
    assert local_listener("127.0.0.1:1") is None
    assert local_listener("198.51.100.7:5432") is None


def test_a_process_is_looked_at() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        look = of_process(process.pid)
        assert look() is None
        process.send_signal(signal.SIGSTOP)
        wait_until(
            lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, 5, "stopped"
        )
        assert look() == f"its process {process.pid} was stopped by a signal"
        process.kill()
        process.wait()
        assert look() == f"its process {process.pid} has ended"


def test_one_late_answer_is_no_loss() -> None:
    answers_: list[str | None] = ["late", None, "late", "late"]
    part = WatchedPart("P", "configured", "h:1", lambda: answers_.pop(0), failed_looks=2)
    told: list[Any] = [part.check(lambda _: None, at_end=False) for _ in range(4)]
    assert told == [False, False, False, True]
    assert part.loss is not None
    assert part.loss["why"] == "late"
