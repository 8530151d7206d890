"""Both ways to start a startup, for targets that are written for a test."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chaosnetra.startup.launch_plan import LaunchPlan
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import StartupOutcome
from chaosnetra.startup.readiness import Readiness
from chaosnetra.startup.starting import Fork, Spawn, Starter, fork_server
from tests.support.launches import DATABASE

ENOUGH = Limits(startup_seconds=10, kill_margin_seconds=1, readiness_seconds=2)


class Method:
    """One of the two ways, for targets that are written for a test."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._servers: list[Any] = []

    def starter(self, plan: LaunchPlan) -> Starter:
        if self.name == "spawn":
            return Spawn()
        self._servers.append(fork_server(plan))
        return Fork(self._servers[-1])

    def plan(self, text: str, readiness: str, **environment: str) -> LaunchPlan:
        """A plan for `python -m` of a module with this text."""
        (self.folder / "netra_target.py").write_text(text)
        return LaunchPlan(
            shown="test target",
            command=[sys.executable, "-m", "netra_target"],
            environment={"PATH": os.environ["PATH"], **environment},
            directory=self.folder,
            readiness=Readiness.parse(readiness),
            readiness_timeout_seconds=5,
            target_environment={"DATABASE_URL": "{url}"},
            imports=("http.server",) if self.name == "fork" else (),
        )

    def launched(
        self,
        plan: LaunchPlan,
        limits: Limits = ENOUGH,
        count: int = 1,
        interrupted: Callable[[], bool] = lambda: False,
        ports: list[int] | None = None,
        environments: Sequence[Mapping[str, str]] = (),
    ) -> list[StartupOutcome]:
        return asyncio.run(
            launch(
                plan,
                [DATABASE] * count,
                limits,
                starter=self.starter(plan),
                interrupted=interrupted,
                ports=ports,
                environments=environments,
            )
        )

    def one(self, text: str, readiness: str, limits: Limits = ENOUGH) -> StartupOutcome:
        (outcome,) = self.launched(self.plan(text, readiness), limits)
        json.dumps(outcome.to_json())
        return outcome

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
