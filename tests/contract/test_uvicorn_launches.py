"""uvicorn keeps the contract of startups in both ways to start it."""

import asyncio
import os
import signal
import socket

import pytest

from chaosnetra.ports import LOOPBACK, free_ports
from chaosnetra.settings import Settings
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import EndedBy, ExitReason, StartupOutcome, Status
from chaosnetra.startup.target_plan import make_plan
from tests.support.helpers import present
from tests.support.launches import DATABASE
from tests.support.start_methods import ENOUGH, Method

pytestmark = pytest.mark.usefixtures("nothing_left", "little_grace")

APP = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    {startup}
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    await send({{"type": "lifespan.shutdown.complete"}})
"""


def uvicorn_plan(method: Method, text: str, **configuration: str) -> LaunchPlan:
    (method.folder / "netra_test_app.py").write_text(text)
    settings = Settings.from_configuration(
        {
            **configuration,
            "target": "netra_test_app:app",
            "target_directory": str(method.folder),
            "startup_method": method.name,
        }
    )
    return make_plan(settings, os.environ, None)


def test_uvicorn_is_ready_after_its_lifespan(method: Method) -> None:
    text = APP.format(startup="await asyncio.sleep(0.5)")
    outcomes = method.launched(uvicorn_plan(method, text), count=3)
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 3
    assert all(outcome.seconds > 0.5 for outcome in outcomes)
    assert all(outcome.processes_left == 0 for outcome in outcomes)
    assert all(set(outcome.checks) == {"refused"} for outcome in outcomes)


@pytest.mark.parametrize("line", ["Application startup complete", "Uvicorn running on http://"])
def test_what_uvicorn_says_of_a_startup_shows_that_it_is_ready(method: Method, line: str) -> None:
    plan = uvicorn_plan(method, APP.format(startup="pass"), readiness=f"log:{line}")
    (outcome,) = method.launched(plan)
    assert (outcome.status, outcome.error) == (Status.READY, None)


def test_uvicorn_whose_startup_fails_ends_with_3(method: Method) -> None:
    text = APP.format(startup="raise OSError('no such luck')")
    (outcome,) = method.launched(uvicorn_plan(method, text))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)
    assert outcome.exit_reason is ExitReason.STARTUP_FAILED
    assert present(outcome.error).text == "OSError: no such luck"
    assert not outcome.answered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import netra_no_such_module", "netra_no_such_module"),
        ("app = (", "SyntaxError"),
        ("other = None", 'Attribute "app" not found'),
    ],
)
def test_uvicorn_that_cannot_import_is_told_apart(method: Method, text: str, words: str) -> None:
    (outcome,) = method.launched(uvicorn_plan(method, text))
    assert (outcome.status, outcome.exit_code) in [(Status.FAILED, 1), (Status.FAILED, 3)]
    assert outcome.exit_reason is ExitReason.NOT_IMPORTED
    assert words in present(outcome.error).text


def test_uvicorn_whose_port_is_taken_is_told_apart(method: Method) -> None:
    plan = uvicorn_plan(method, APP.format(startup="pass"))
    with socket.create_server((LOOPBACK, 0)) as taken:
        (outcome,) = method.launched(plan, ports=[taken.getsockname()[1]])
    assert (outcome.status, outcome.exit_code) in [(Status.FAILED, 1), (Status.FAILED, 3)]
    assert outcome.exit_reason is ExitReason.PORT_IN_USE
    assert not outcome.answered


def test_a_port_that_somebody_takes_first_is_replaced(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = uvicorn_plan(method, APP.format(startup="pass"))
    told: list[StartupOutcome] = []
    with socket.create_server((LOOPBACK, 0)) as taken:
        ports = [taken.getsockname()[1]]

        def offered(count: int) -> list[int]:
            return [ports.pop() if ports else port for port in free_ports(count)]

        monkeypatch.setattr("chaosnetra.startup.launcher.free_ports", offered)
        outcomes = asyncio.run(
            launch(plan, [DATABASE] * 2, ENOUGH, starter=method.starter(plan), progress=told.append)
        )
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 2
    assert sorted(outcome.number for outcome in told) == [1, 2]
    assert all(outcome.status is Status.READY for outcome in told)


def test_ports_that_are_taken_each_time_are_given_up(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = uvicorn_plan(method, APP.format(startup="pass"))
    asked: list[int] = []
    with socket.create_server((LOOPBACK, 0)) as taken:

        def offered(count: int) -> list[int]:
            asked.append(count)
            return [taken.getsockname()[1]] * count

        monkeypatch.setattr("chaosnetra.startup.launcher.free_ports", offered)
        (outcome,) = method.launched(plan)
    assert (outcome.status, outcome.exit_reason) == (Status.FAILED, ExitReason.PORT_IN_USE)
    assert sum(asked) == 3


def test_uvicorn_whose_startup_hangs_is_killed(method: Method) -> None:
    plan = uvicorn_plan(method, APP.format(startup="await asyncio.sleep(100)"))
    (outcome,) = method.launched(plan, Limits(8, 0.2, 1))
    assert (outcome.status, outcome.signal) == (Status.TIMED_OUT, signal.SIGKILL)
    assert outcome.ended_by is EndedBy.LAUNCHER
