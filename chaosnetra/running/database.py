"""The database of a run: configured, a persistent stand's, or the run's own."""

import asyncio
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseNotReady, DatabaseUnavailable, InvalidInput
from chaosnetra.running.resources import Keeping, Part
from chaosnetra.running.watching import FAILED_LOOKS, of_process
from chaosnetra.safety.guard import Guard
from chaosnetra.safety.injector import Injector
from chaosnetra.settings import Settings, setting_hint

CHECK_SECONDS = 10.0


@dataclass(frozen=True)
class Database:
    """A database as it was met.

    Attributes:
        address: of it, directly.
        administrator: by the most powerful role that the run has.
    """

    address: DatabaseAddress
    administrator: DatabaseAddress


def bring_database(
    keeping: Keeping, settings: Settings, guard: Guard, injector: Injector, identifier: str
) -> Database:
    """Find or start the database, and look whether it answers.

    Args:
        keeping: the run's.
        settings: the run's.
        guard: refuses one that may not be touched.
        injector: makes a database of the run's own in a persistent stand's server.
        identifier: what that one is called.

    Raises:
        NotAllowed: it is another one than the allow-list names.
        InvalidInput: none is named, and none may be started.
        PartUnavailable: there is none that can be used; says what to change.
    """
    from chaosnetra.postgres.connect import describe

    configured = settings.database
    if configured is not None:
        guard.check_database(configured)
        keeping.trust(configured)
        source, address, administrator = "configured", configured, configured
    else:
        source, address, administrator = _of_stand(keeping, settings, injector, identifier)
    facts = asyncio.run(describe(address, CHECK_SECONDS))
    keeping.add(Part("PostgreSQL", source, address.shown, facts.version))
    _watch(keeping, source, address, in_staging=settings.in_staging)
    return Database(address, administrator.named(address.database))


def _watch(keeping: Keeping, source: str, address: DatabaseAddress, *, in_staging: bool) -> None:
    """Watch the server: its process on this machine, else whether it answers; who it is, at last.

    In staging it is not asked in between.
    """
    from chaosnetra.postgres.identity import identify
    from chaosnetra.postgres.path import answers

    first = asyncio.run(identify(address))
    pid = keeping.process_at(address.network_address)

    def look() -> str | None:
        return None if in_staging else answers(address)

    def look_at_end() -> str | None:
        try:
            return first.differs(asyncio.run(identify(address)))
        except DatabaseUnavailable as error:
            # Whoever is full or refuses us is there; one that starts or shuts down is not.
            is_there = error.sqlstate is not None and not isinstance(error, DatabaseNotReady)
            return None if is_there else f"it does not answer: {error}"

    keeping.watch(
        "PostgreSQL",
        source,
        address.network_address,
        look if pid is None else of_process(pid),
        look_at_end,
        1 if pid is not None else FAILED_LOOKS,
    )


def _of_stand(
    keeping: Keeping, settings: Settings, injector: Injector, identifier: str
) -> tuple[str, DatabaseAddress, DatabaseAddress]:
    from chaosnetra.stand.persistent import find_persistent_stand

    kept = find_persistent_stand()
    if settings.in_staging and (kept is None or kept.cloud_run is None):
        raise InvalidInput(
            "no database is named, and in staging none is started; `chaosnetra stand up "
            "--cloud-run` starts one to rehearse with",
            f"{setting_hint('database_url')} to the private address of the Cloud SQL instance",
        )
    if kept is None:
        from chaosnetra.stand.postgres import start_postgres

        keeping.expect_folders()
        server = start_postgres(keeping.run.id, settings.profile.max_connections)
        keeping.trust(server.database)
        keeping.trust(server.admin)
        keeping.own("PostgreSQL", server.database.network_address, server.process)
        return "started for this run", server.database, server.admin
    from chaosnetra.postgres.objects import DatabaseCopied

    address = DatabaseAddress.parse(kept.database_url)
    administrator = DatabaseAddress.parse(kept.admin_url)
    keeping.trust(address)
    keeping.trust(administrator)
    if not settings.in_staging:
        # Runs share the kept server; each has a database of its own that is new and empty.
        injector.inject(DatabaseCopied(address, identifier, template=None))
        address = address.named(identifier)
    # In staging it is the one that the service and the job use.
    return "persistent stand", address, administrator
