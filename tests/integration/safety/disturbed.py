"""Runs of real experiments that tests disturb, on servers that outlive them."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.long.campaign import Run, Servers, until_clean
from tests.support.helpers import target_of, wait_until
from tests.support.programs import merged
from tests.support.repository import EXPERIMENTS

EXPERIMENT = EXPERIMENTS / "vpc_latency.json"
# When nobody is to be waited for any more; how long it takes, benchmarks/recovery.py measures.
CLEAN_SECONDS = 30.0
NEIGHBOUR = "somebody_elses"
# For a run that is to hold on a busy machine: no budget of the reference orchestrator is near.
LIGHT = target_of(2)


class Started(Run):
    """A run, and the servers that it uses."""

    def __init__(self, folder: Path, experiment: Path, servers: Servers, **settings: str) -> None:
        self.servers = servers
        super().__init__(folder, experiment, servers.environment("configured parts") | settings)

    def everything_left(self) -> list[str]:
        return self.left() + self.servers.left()

    def reach(self, event: str, name: str = "") -> None:
        """Wait for an event, of a fault whose name begins so."""
        assert self.wait_for(lambda: self.has(event, name)), self.output.read_text()
        assert self.process.poll() is None, self.output.read_text()

    def reach_the_pause(self) -> None:
        """The minute under the fault; the action ends, for the core, only after it."""
        self.reach("fault.injected", "toxic ")
        time.sleep(0.3)

    def has(self, event: str, name: str = "") -> bool:
        return any(
            one["event"] == event and one.get("name", "").startswith(name) for one in self.events()
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def kill_with_watchdog(self) -> None:
        """So that nobody is left who takes anything back."""
        (watchdog,) = self.watchdogs()
        watchdog.kill()
        self.kill()
        wait_until(lambda: self.processes() == [], 10, "the run's processes are gone")

    def recover(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """`chaosnetra recover` of the same user, who does not set the password by itself."""
        clean = {
            key: value for key, value in self.environment.items() if "CHAOSNETRA" not in key
        } | environment
        done = merged(
            [str(Path(sys.executable).with_name("chaosnetra")), "recover", *arguments],
            env=clean,
            timeout=100,
        )
        assert "Traceback" not in done.stdout
        return done.returncode, done.stdout

    @property
    def password(self) -> dict[str, str]:
        return {"CHAOSNETRA_DATABASE_URL": self.servers.database.url}

    @property
    def journal(self) -> dict[str, Any]:
        journal: dict[str, Any] = json.loads(self.journal_path.read_text())
        return journal

    def assert_recovered_by_itself(self, seconds: float = CLEAN_SECONDS) -> None:
        """Nobody does anything, and soon nothing is left."""
        found, _ = until_clean(self.everything_left, seconds)
        assert found == []
        assert self.unreadable() == []
        assert self.recovered() != []
        assert all(self.recovered())

    def recovered(self) -> list[str | None]:
        return [one["result"] for one in self.events() if one["event"] == "fault.recovered"]


Start = Callable[..., Started]
