"""Phase 3, and the database part of phase 7."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import StartupError
from chaosnetra.orchestrator.budget import RunningBudgets
from chaosnetra.orchestrator.steps import StepLog
from chaosnetra.orchestrator.workload import Workload
from chaosnetra.profiles import PoolSettings

PHASE = "database"
# Asks one statement of one table, and counts the answer.
Ask = Callable[[TextClause, str], Awaitable[Sequence[Row[Any]]]]
# The budgets around each step, outermost first.
_BUDGETS = {
    "first_table_check": ("table_setup",),
    "second_table_check": ("schema_validation",),
    "schema_validation": ("schema_validation",),
    "finalize": ("critical_path", "health_check"),
}

_TABLE_EXISTS = text(
    "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = :schema AND tablename = :table"
)
_COLUMNS = text(
    "SELECT column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = :schema AND table_name = :table"
)
_INDEXES = text(
    "SELECT indexname FROM pg_catalog.pg_indexes WHERE schemaname = :schema AND tablename = :table"
)
_CONSTRAINTS = text(
    "SELECT constraint_type FROM information_schema.table_constraints"
    " WHERE table_schema = :schema AND table_name = :table"
)


def named_for_instance(address: DatabaseAddress, environ: Mapping[str, str]) -> DatabaseAddress:
    """On Cloud Run, the address with an `application_name` that no other instance has.

    It is `NAME:ID`, where NAME is the address's own or else the service's id.
    """
    service = environ.get("K_SERVICE")
    if not service:
        return address
    options = dict(address.options)
    options["application_name"] = (
        f"{options.get('application_name', service)}:{secrets.token_hex(6)}"
    )
    return replace(address, options=tuple(options.items()))


@dataclass
class Database:
    """The orchestrator's database: one engine with the profile's pool.

    Attributes:
        address: where it is.
        schema: PostgreSQL schema that holds the orchestrator's tables.
        pool: pool settings at time scale 1.
        budgets: enforces the profile's budgets.
        time_scale: multiplies the pool's times.
        workload: which tables to look at in which step.
        steps: records how far each step came.
        warm: whether the startup opens the whole pool.
    """

    address: DatabaseAddress
    schema: str
    pool: PoolSettings
    budgets: RunningBudgets
    time_scale: float
    workload: Workload
    steps: StepLog
    warm: bool = False
    _engine: AsyncEngine | None = field(default=None, init=False)

    async def start(self) -> None:
        """Phase 3.

        Building the engine is lazy, so `initialization` bounds no connection: the first one is
        opened in the table check, which `table_setup` bounds. What comes after is bounded only
        where the profile names a `schema_validation` budget.
        """
        async with self.budgets.within("initialization", PHASE):
            self._engine = self._build()
        async with self.budgets.within("table_setup", PHASE):
            await self._check_tables("first_table_check", PHASE)
        async with self.budgets.within("schema_validation", PHASE):
            await self._check_tables("second_table_check", PHASE)
            await self._validate_schema()
        if self.warm:
            await self._open_pool()

    @staticmethod
    def is_quick_error(error: BaseException) -> bool:
        """Whether the database, or the way to it, said no, rather than nothing in time.

        Python's and SQLAlchemy's timeouts are kinds of these errors too.
        """
        kinds = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError)
        return isinstance(error, kinds) and not isinstance(error, (TimeoutError, PoolTimeout))

    async def check_health(self, phase: str) -> None:
        """Answer whether the database can be used now, within the `health_check` budget."""
        async with self.budgets.within("health_check", phase):
            await self._check_tables("finalize", phase)

    async def stop(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()

    def _build(self) -> AsyncEngine:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            **self.pool.engine_options(self.time_scale),
        )

    async def _connect(self) -> "asyncpg.Connection[Any]":
        async with self.budgets.within("connection", PHASE):
            # asyncpg's own limit of 60 s would hide which budget ran out.
            return await asyncpg.connect(
                self.address.driver_url,
                timeout=self.address.connect_timeout_seconds,  # type: ignore[arg-type]  # None: no limit
            )

    @asynccontextmanager
    async def _connection(self, phase: str) -> AsyncIterator[AsyncConnection]:
        assert self._engine is not None  # noqa: S101 - start() comes first
        connection = self._engine.connect()
        async with self.budgets.within("pool", phase):
            await connection.start()
        try:
            yield connection
        finally:
            await connection.close()

    async def _open_pool(self) -> None:
        """Open as many connections as the pool keeps, all at once."""
        async with AsyncExitStack() as stack:
            ended = await asyncio.gather(
                *(
                    stack.enter_async_context(self._connection(PHASE))
                    for _ in range(self.pool.size)
                ),
                return_exceptions=True,
            )
            # None is still on its way when the first error is raised.
            for error in ended:
                if isinstance(error, BaseException):
                    raise error

    @asynccontextmanager
    async def _step(self, step: str, phase: str, statements: int = 1) -> AsyncIterator[Ask]:
        """One step, on a connection of its own: `statements` for each of its tables."""
        tables = self.workload.tables_of(step)
        with self.steps.step(
            step,
            phase,
            budgets=_BUDGETS[step],
            round_trips=self.workload.round_trips[step],
            statements=statements * len(tables),
        ) as progress:
            async with self._connection(phase) as connection:
                progress.connected()

                async def ask(statement: TextClause, table: str) -> Sequence[Row[Any]]:
                    found = await connection.execute(
                        statement, {"schema": self.schema, "table": table}
                    )
                    progress.answered()
                    return found.all()

                yield ask

    async def _check_tables(self, step: str, phase: str) -> None:
        async with self._step(step, phase) as ask:
            tables = self.workload.tables_of(step)
            missing = [table for table in tables if not (await ask(_TABLE_EXISTS, table))[0][0]]
        if missing:
            raise StartupError(f"tables are missing: {', '.join(missing)}", phase=phase)

    async def _validate_schema(self) -> None:
        wrong = []
        step = "schema_validation"
        async with self._step(step, PHASE, statements=3) as ask:
            for table in self.workload.tables_of(step):
                columns = {row.column_name: row.data_type for row in await ask(_COLUMNS, table)}
                if columns != self.workload.tables[table]:
                    wrong.append(f"{table}: columns")
                if len(await ask(_INDEXES, table)) < 2:
                    wrong.append(f"{table}: indexes")
                constraints = await ask(_CONSTRAINTS, table)
                if "PRIMARY KEY" not in [row.constraint_type for row in constraints]:
                    wrong.append(f"{table}: primary key")
        if wrong:
            raise StartupError(f"the schema is not as expected: {', '.join(wrong)}", phase=PHASE)
