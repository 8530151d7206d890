"""The reference orchestrator as an ASGI application: `uvicorn chaosnetra.orchestrator.app:app`.

Its environment: `DATABASE_URL`, `CHAOSNETRA_PROFILE` (name or file), `CHAOSNETRA_TIME_SCALE`,
`CHAOSNETRA_SCHEMA` (PostgreSQL schema of its tables), `CHAOSNETRA_WARM_POOL` (1: phase 3 opens the
whole pool, as traffic would). On Cloud Run the sessions of each instance have a name of their own.
When a phase of its startup fails, uvicorn ends with exit code 3 and no request is ever served. With
`graceful_startup` in its profile, an error that the database answers is no failure: it starts
without its database.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import BudgetExpired, StartupError, changed_by
from chaosnetra.orchestrator.budget import RunningBudgets
from chaosnetra.orchestrator.database import Database, named_for_instance
from chaosnetra.orchestrator.parts import (
    BackgroundTasks,
    Cache,
    EventBridge,
    KeyManager,
    ToolRegistry,
)
from chaosnetra.orchestrator.phases import Phase, PhaseDegraded, StartupSequence
from chaosnetra.orchestrator.steps import StepLog
from chaosnetra.orchestrator.workload import load_workload
from chaosnetra.profiles import load_profile
from chaosnetra.quantities import number

HEARTBEAT_SECONDS = 5.0


class Orchestrator:
    """The seven phases, and what they build."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._database: Database | None = None
        self._background = BackgroundTasks()
        self._steps = StepLog()
        self._started_at = time.monotonic()

    @property
    def phases(self) -> list[Phase]:
        return [
            Phase("init", self.init),
            Phase("dependencies", self.dependencies),
            Phase("database", self.database, lambda: self._steps.details("database")),
            Phase("cache", self.cache),
            Phase("services", self.services),
            Phase("websocket", self.websocket),
            Phase("finalize", self.finalize, lambda: self._steps.details("finalize")),
        ]

    async def init(self) -> None:
        """Check the environment and load the profile."""
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise StartupError("DATABASE_URL is not set", phase="init")
        with changed_by("DATABASE_URL"):
            self._address = named_for_instance(DatabaseAddress.parse(url), os.environ)
        with changed_by("CHAOSNETRA_PROFILE"):
            self._profile = load_profile(os.environ.get("CHAOSNETRA_PROFILE", "issue-1278"))
        self._time_scale = number(
            "time scale", os.environ.get("CHAOSNETRA_TIME_SCALE", "1"), above=0
        )
        self._budgets = RunningBudgets(self._profile.budgets, self._time_scale)

    async def dependencies(self) -> None:
        """Derive keys, and check that a token we sign is one we accept."""
        self._state.keys = KeyManager()
        claims = {"service": "orchestrator", "profile": self._profile.name}
        if self._state.keys.verify(self._state.keys.sign(claims)) != claims:
            raise StartupError("a signed token came back changed", phase="dependencies")

    async def database(self) -> None:
        """Build the engine, open the first connection, check tables and schema.

        How it fails is the profile's `orchestrator`.
        """
        behaviour = self._profile.orchestrator
        self._database = Database(
            self._address,
            os.environ.get("CHAOSNETRA_SCHEMA", "public"),
            self._profile.pool,
            self._budgets,
            self._time_scale,
            load_workload(),
            self._steps,
            warm=os.environ.get("CHAOSNETRA_WARM_POOL") == "1",
        )
        try:
            await self._database.start()
        except (TimeoutError, BudgetExpired) as error:
            if behaviour.timeout_message_names == "expired":
                raise
            seconds = self._profile.budgets.initialization_seconds * self._time_scale
            raise StartupError(
                f"Database initialization timeout after {seconds:g}s in "
                f"{self._profile.environment} environment",
                phase="database",
            ) from error
        except Exception as error:
            if not (behaviour.graceful_startup and self._database.is_quick_error(error)):
                raise
            await self._database.stop()
            self._database = None
            raise PhaseDegraded from error

    async def cache(self) -> None:
        """Bring the cache up and read back what was written."""
        self._state.cache = Cache()
        self._state.cache.put("startup", self._profile.name, 60)
        if self._state.cache.get("startup") != self._profile.name:
            raise StartupError("the cache lost a value", phase="cache")

    async def services(self) -> None:
        """Register tools, check their dispatch, start background tasks."""
        registry = ToolRegistry()

        async def status(arguments: dict[str, Any]) -> dict[str, Any]:
            return {"profile": self._profile.name, **arguments}

        async def sign(arguments: dict[str, Any]) -> dict[str, Any]:
            return {"token": self._state.keys.sign(arguments)}

        registry.register("status", status)
        registry.register("sign", sign)
        for name in registry.tools:
            if not await registry.call(name, {"check": True}):
                raise StartupError(f"tool {name} answers nothing", phase="services")
        self._state.tools = registry
        self._state.events = EventBridge()
        self._background.start("heartbeat", self._heartbeat)

    async def websocket(self) -> None:
        """Send one event of each kind through the bridge and read it at the other end."""
        kinds = ["agent_started", "agent_thinking", "tool_executing", "agent_completed"]
        queue = self._state.events.subscribe()
        for kind in kinds:
            self._state.events.publish({"type": kind})
        if [queue.get_nowait()["type"] for _ in kinds] != kinds:
            raise StartupError("events arrive out of order", phase="websocket")

    async def finalize(self) -> None:
        """Check the critical path once more before traffic comes."""
        if self._database is not None:  # it is not after a degraded phase 3
            async with self._budgets.within("critical_path", "finalize"):
                await self._database.check_health("finalize")
        async with self._budgets.within("validation", "finalize"):
            if self._background.running != ["heartbeat"]:
                raise StartupError("a background task has died", phase="finalize")

    async def stop(self) -> None:
        await self._background.stop()
        if self._database is not None:
            await self._database.stop()

    async def _heartbeat(self) -> None:
        while True:
            self._state.cache.put("heartbeat", time.monotonic() - self._started_at, 60)
            await asyncio.sleep(HEARTBEAT_SECONDS)


def create_app() -> FastAPI:
    """The application; its lifespan is the startup."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        orchestrator = Orchestrator(app.state)
        try:
            await StartupSequence(orchestrator.phases, app.state).run()
            yield
        finally:
            await orchestrator.stop()

    app = FastAPI(title="chaosnetra reference orchestrator", lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        complete = app.state.startup_complete
        return JSONResponse(
            {
                "ready": complete,
                "degraded_phases": app.state.startup_degraded_phases,
                "completed_phases": app.state.startup_completed_phases,
                "phase_timings": app.state.startup_phase_timings,
            },
            status_code=200 if complete else 503,
        )

    return app


app = create_app()
