"""The database of a run: configured, a persistent stand's, or the run's own."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseNotReady, DatabaseUnavailable, InvalidInput
from chaosnetra.running.resources import Part, Resources
from chaosnetra.running.watching import FAILED_LOOKS, WatchedPart, of_process
from chaosnetra.settings import setting_hint

if TYPE_CHECKING:
    from chaosnetra.postgres.server import Counts

logger = logging.getLogger("chaostoolkit")

CHECK_SECONDS = 10.0
READ_SECONDS = 5.0


class Database:
    """The database of a run, which is found or started when it is first needed."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._met: tuple[DatabaseAddress, DatabaseAddress] | None = None
        self._schemas: set[str] = set()

    @property
    def address(self) -> DatabaseAddress:
        """Of it, directly.

        Raises:
            NotAllowed: it is another one than the allow-list names.
            InvalidInput: none is named, and none may be started.
            PartUnavailable: there is none that can be used; says what to change.
        """
        return self._bring()[0]

    @property
    def administrator(self) -> DatabaseAddress:
        """The same database by the most powerful role that the run has."""
        return self._bring()[1]

    @property
    def known(self) -> DatabaseAddress | None:
        """Its address, if it was met or is configured."""
        return self._met[0] if self._met is not None else self._resources.settings.database

    def counts(self) -> "Counts | None":
        """What its server counts now; None when it cannot be asked."""
        from chaosnetra.postgres.server import read_counts

        try:
            return asyncio.run(read_counts(self.address, READ_SECONDS))
        except DatabaseUnavailable as error:
            logger.debug(f"the database's counters cannot be read: {error}")
            return None

    @property
    def schema(self) -> str | None:
        """Schema with the reference orchestrator's tables, made on first use; else None.

        In staging the job's container has its own.
        """
        settings = self._resources.settings
        if settings.in_staging or not settings.target.is_reference:
            return None
        from chaosnetra.orchestrator.workload import schema_statements

        return self._with_schema(self._resources.identifier, schema_statements)

    @property
    def report_schema(self) -> str:
        """Schema of the run's own that the tasks of a job report into, made on first use."""
        from chaosnetra.startup.report_table import report_statements

        return self._with_schema(f"{self._resources.identifier}_reports", report_statements)

    def _with_schema(self, name: str, statements: Callable[[str], list[str]]) -> str:
        from chaosnetra.postgres.objects import SchemaMade

        with self._resources.lock:
            if name not in self._schemas:
                made = SchemaMade(self.address, name, statements(name))
                self._resources.injector.inject(made)
                self._schemas.add(name)
        return name

    def _bring(self) -> tuple[DatabaseAddress, DatabaseAddress]:
        with self._resources.lock:
            if self._met is None:
                self._met = _bring(self._resources)
            return self._met


def _bring(resources: Resources) -> tuple[DatabaseAddress, DatabaseAddress]:
    """Find or start the database, and see whether it answers."""
    from chaosnetra.postgres.connect import server_version

    configured = resources.settings.database
    if configured is not None:
        resources.guard.check_database(configured)
        resources.trust(configured)
        source, address, administrator = "configured", configured, configured
    else:
        source, address, administrator = _of_stand(resources)
    version = asyncio.run(server_version(address, CHECK_SECONDS))
    resources.add(Part("PostgreSQL", source, address.shown, version))
    _watch(resources, source, address)
    return address, administrator.named(address.database)


def _watch(resources: Resources, source: str, address: DatabaseAddress) -> None:
    """Watch the server: its process on this machine, else whether it answers; who it is, at last.

    In staging it is not asked in between.
    """
    from chaosnetra.postgres.path import answers
    from chaosnetra.postgres.server import identify

    first = asyncio.run(identify(address))
    pid = resources.process_at(address.network_address)

    def look() -> str | None:
        return None if resources.settings.in_staging else answers(address)

    def look_at_end() -> str | None:
        try:
            return first.differs(asyncio.run(identify(address)))
        except DatabaseUnavailable as error:
            # Whoever is full or refuses us is there; one that starts or shuts down is not.
            is_there = error.sqlstate is not None and not isinstance(error, DatabaseNotReady)
            return None if is_there else f"it does not answer: {error}"

    place = address.network_address
    part = WatchedPart("PostgreSQL", source, place, look, look_at_end, FAILED_LOOKS)
    if pid is not None:
        part = WatchedPart("PostgreSQL", source, place, of_process(pid), look_at_end)
    resources.watch(part)


def _of_stand(resources: Resources) -> tuple[str, DatabaseAddress, DatabaseAddress]:
    from chaosnetra.stand.persistent import find_persistent_stand

    settings = resources.settings
    kept = find_persistent_stand()
    if kept is not None and not kept.has_programs(settings.postgres_programs):
        kept = None
    if settings.in_staging and (kept is None or kept.cloud_run is None):
        raise InvalidInput(
            "no database is named, and in staging none is started; `chaosnetra stand up "
            "--cloud-run` starts one to rehearse with",
            f"{setting_hint('database_url')} to the private address of the Cloud SQL instance",
        )
    if kept is None:
        from chaosnetra.stand.postgres import start_postgres
        from chaosnetra.stand.toxiproxy_build import begin

        if not settings.toxiproxy_url and settings.toxiproxy_server == "auto":
            begin()  # what takes longest
        resources.expect_folders()
        server = start_postgres(
            resources.run.id, settings.profile.max_connections, settings.postgres_programs
        )
        resources.trust(server.database)
        resources.trust(server.admin)
        resources.own("PostgreSQL", server.database.network_address, server.process)
        return "started for this run", server.database, server.admin
    from chaosnetra.postgres.objects import DatabaseCopied

    address = DatabaseAddress.parse(kept.database_url)
    administrator = DatabaseAddress.parse(kept.admin_url)
    resources.trust(address)
    resources.trust(administrator)
    pid = resources.process_at(address.network_address)
    if pid is not None:
        resources.goes_with(address.network_address, pid)
    if not settings.in_staging:
        # Runs share the kept server; each has a database of its own that is new and empty.
        copy = resources.identifier
        resources.injector.inject(DatabaseCopied(address, copy, template=None))
        address = address.named(copy)
    # In staging it is the one that the service and the job use.
    return "persistent stand", address, administrator
