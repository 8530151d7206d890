"""Startups of small scripts: their plans, limits and outcomes."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.readiness import Readiness

nothing_left_behind = pytest.mark.usefixtures("nothing_left")


DATABASE = DatabaseAddress("127.0.0.1", 1, "user", "the-password", "base")
TCP = "tcp://127.0.0.1:{port}"
HTTP = "http://127.0.0.1:{port}/ready"
# On a busy machine an interpreter may need a second to start.
ENOUGH = Limits(startup_seconds=30, kill_margin_seconds=1, readiness_seconds=5)


def short(startup: float, margin: float = 0.2, readiness: float = 1) -> Limits:
    return Limits(startup, margin, readiness)


SERVE = """
import http.server, os, sys, time

asked = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        status, seconds = answer(asked, self.path)
        time.sleep(seconds)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *arguments):
        pass

def answer(number, path):
    return (200 if path == "/ready" else 404), 0

def serve():
    address = ("127.0.0.1", int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def plan_of(
    command: list[str],
    readiness: str,
    directory: Path | None = None,
    environment: dict[str, str] | None = None,
) -> LaunchPlan:
    return LaunchPlan(
        shown="test target",
        command=command,
        environment={"PATH": os.environ["PATH"], **(environment or {})},
        directory=directory,
        readiness=Readiness.parse(readiness),
        readiness_timeout_seconds=5,
        target_environment={"DATABASE_URL": "{url}"},
    )


def launched(
    plan: LaunchPlan,
    limits: Limits = ENOUGH,
    count: int = 1,
    interrupted: Callable[[], bool] = lambda: False,
) -> list[StartupOutcome]:
    outcomes = asyncio.run(launch(plan, [DATABASE] * count, limits, interrupted=interrupted))
    assert [outcome.number for outcome in outcomes] == list(range(1, count + 1))
    for outcome in outcomes:
        json.dumps(outcome.to_json())
    return outcomes


def one(command: list[str], readiness: str, limits: Limits = ENOUGH) -> StartupOutcome:
    return launched(plan_of(command, readiness), limits)[0]


LISTEN = """
import os, socket, sys, time
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
"""
