# ruff: noqa: T201
"""All areas of input, played in rounds."""

import asyncio
import json
import random
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from chaosnetra.stand.postgres import PostgresServer, start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.long.fuzz.checks import CALL_SECONDS, Failed, Report, limited, where
from tests.long.fuzz.experiments import ABORTED, EXPERIMENT, SMALL, TINY, Runs
from tests.long.fuzz.journals import fuzz_journals
from tests.long.fuzz.ledgers import fuzz_ledgers
from tests.long.fuzz.output import fuzz_output
from tests.long.fuzz.profiles import fuzz_profiles
from tests.long.fuzz.settings import fuzz_settings

Play = Callable[[random.Random, Report, Path], None]


IN_PROCESS: dict[str, Play] = {
    "settings": fuzz_settings,
    "profiles": fuzz_profiles,
    "journals": fuzz_journals,
    "ledgers": fuzz_ledgers,
    "output": fuzz_output,
}


CALLS_A_ROUND = {"settings": 40, "profiles": 40, "journals": 40, "ledgers": 20, "output": 8}
RUNS_A_ROUND = {"tiny": 2, "small": 3, "aborted": 1}
OWN_STAND_EVERY = 4


class Fuzz:
    """All areas; `real` runs need a PostgreSQL and a Toxiproxy, which are started for them."""

    def __init__(self, seed: int, save: Path) -> None:
        self.seed = seed
        self.save = save
        self.report = Report()
        self.stack = ExitStack()
        fast = {"CHAOSNETRA_COUNT": "1", "CHAOSNETRA_TARGET": "true", "CHAOSNETRA_LATENCY_MS": "50"}
        self.bases = {"tiny": TINY, "small": SMALL, "aborted": ABORTED}
        self.fast = fast
        self._configured: dict[str, str] | None = None
        self._check: Callable[[], None] = lambda: None

    def case(self, area: str, index: int) -> None:
        """Play one case and note what comes of it."""
        rng = random.Random(f"{self.seed}:{area}:{index}")
        self.report.cases[area] += 1
        saved = self.save / f"{area}-{index}"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir(parents=True)
        try:
            if area in IN_PROCESS:
                with limited(CALL_SECONDS):
                    IN_PROCESS[area](rng, self.report, saved)
            else:
                self._runs(area, index).play(rng, self.report, saved)
        except Failed as error:
            self._failed(area, index, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            self._failed(area, index, where(error))
        else:
            shutil.rmtree(saved)

    def _failed(self, area: str, index: int, text: str) -> None:
        line = f"{area}:{index}: {text}"
        self.report.failures.append(line)
        print(f"FAILED seed {self.seed} case {line}", flush=True)

    def _runs(self, area: str, index: int) -> Runs:
        if area != "real":
            return Runs(f"{self.seed}", self.bases[area], self.fast)
        base = json.loads(EXPERIMENT.read_text())
        if index % OWN_STAND_EVERY == OWN_STAND_EVERY - 1:
            return Runs(f"{self.seed}", base, self.fast)
        runs = Runs(f"{self.seed}", base, {**self.fast, **self._servers()})
        runs.after = self._check
        return runs

    def _servers(self) -> dict[str, str]:
        if self._configured is None:
            postgres = start_postgres()
            self.stack.callback(postgres.stop)
            toxiproxy = start_toxiproxy()
            self.stack.callback(toxiproxy.stop)
            self._configured = {
                "CHAOSNETRA_DATABASE_URL": postgres.database.url,
                "CHAOSNETRA_TOXIPROXY_URL": toxiproxy.url,
            }
            client = ToxiproxyClient(toxiproxy.url)

            def check() -> None:
                left = [*client.proxies(), *databases_left(postgres)]
                if left:
                    for name in client.proxies():
                        client.delete_proxy(name)
                    raise Failed(f"left on the servers: {left}")

            self._check = check
        return self._configured

    def play(self, *, seconds: float, rounds: int | None = None, real: bool = True) -> Report:
        """Rounds of all areas, until they are played or the time is over."""
        until = time.monotonic() + seconds
        played = 0
        with self.stack:
            while time.monotonic() < until and (rounds is None or played < rounds):
                for area, many in {**CALLS_A_ROUND, **RUNS_A_ROUND, "real": int(real)}.items():
                    for index in range(played * many, (played + 1) * many):
                        if time.monotonic() > until:
                            return self.report
                        self.case(area, index)
                played += 1
        return self.report


def databases_left(server: PostgresServer) -> list[str]:
    import asyncpg

    async def ask() -> list[str]:
        opened = await asyncpg.connect(server.admin.url, timeout=CALL_SECONDS)
        try:
            rows = await opened.fetch(
                "SELECT datname FROM pg_database WHERE datname LIKE 'chaosnetra%'"
            )
        finally:
            await opened.close()
        return [row["datname"] for row in rows]

    return asyncio.run(ask())
