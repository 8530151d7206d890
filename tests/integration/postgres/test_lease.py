"""The lease: one run at a time on a database, and gone with whoever held it."""

from dataclasses import replace
from pathlib import Path

import pytest
from chaoslib.exceptions import ActivityFailed

from chaosnetra.errors import InjectionFailed, NotAllowed
from chaosnetra.faults import UndoResult, play
from chaosnetra.postgres.actions import hold_connections
from chaosnetra.postgres.lease import LeaseTaken
from chaosnetra.running.session import end_session
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.postgres import PostgresServer
from tests.support.helpers import query, wait_until
from tests.support.staging import consented, staging_settings
from tests.support.undoing import undone

HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture
def injector(tmp_path: Path) -> Injector:
    return Injector(Ledger("run", tmp_path), lambda event, data: None)


def test_a_second_run_is_refused_until_the_first_has_ended(
    postgres: PostgresServer, injector: Injector
) -> None:
    first = LeaseTaken(postgres.database, "chaosnetra_one_lease", 60)
    second = LeaseTaken(postgres.database, "chaosnetra_two_lease", 60)
    injector.inject(first)
    with pytest.raises(NotAllowed, match=r"holds the lease on .*chaosnetra_one_lease") as caught:
        injector.inject(second)
    assert postgres.database.password not in str(caught.value)
    assert undone(injector, first.name).result is UndoResult.DONE
    injector.inject(second)
    injector.undo(second.name)
    assert query(postgres.database, HELD) == 0


def test_a_holder_of_another_role_is_told_although_only_its_name_is_seen(
    postgres: PostgresServer, injector: Injector
) -> None:
    query(postgres.admin, "CREATE ROLE other_team LOGIN PASSWORD 'secret-of-others'")
    try:
        theirs = replace(postgres.database, user="other_team", password="secret-of-others")
        first = LeaseTaken(theirs, "chaosnetra_one_lease", 60)
        injector.inject(first)
        with pytest.raises(NotAllowed, match=r"chaosnetra_one_lease of another role; wait until"):
            LeaseTaken(postgres.database, "chaosnetra_two_lease", 60).prepare()
        injector.undo(first.name)
    finally:
        query(postgres.admin, "DROP ROLE other_team")


def test_a_run_whose_lease_was_ended_begins_nothing_more(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    configuration = staging_settings(tmp_path, postgres.database)
    session = consented(configuration)
    session.staging.require_consent()
    query(
        postgres.admin,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'chaosnetra%lease'",
    )

    def refused() -> bool:
        try:
            session.staging.require_consent()
        except NotAllowed:
            return True
        return False

    wait_until(refused, 10, "the lost lease is seen")
    with pytest.raises(ActivityFailed, match=r"the lease of this run .* was ended"):
        hold_connections(amount=1, by="count", configuration=configuration)
    assert end_session() == []


def test_of_two_that_looked_at_the_same_time_one_gets_it(
    postgres: PostgresServer, injector: Injector
) -> None:
    first = LeaseTaken(postgres.database, "chaosnetra_one_lease", 60)
    second = LeaseTaken(postgres.database, "chaosnetra_two_lease", 60)
    undo = second.prepare()
    injector.inject(first)
    with pytest.raises(NotAllowed, match="chaosnetra_one_lease"):
        second.inject()
    play(undo)
    injector.undo(first.name)


def test_it_ends_by_itself_when_its_time_is_over(
    postgres: PostgresServer, injector: Injector
) -> None:
    lease = LeaseTaken(postgres.database, "chaosnetra_one_lease", 0.3)
    injector.inject(lease)
    wait_until(lambda: query(postgres.database, HELD) == 0, 20, "the server ends its session")
    assert injector.undo(lease.name) is not None


def shares(postgres: PostgresServer, of: LeaseTaken, name: str) -> LeaseTaken:
    return LeaseTaken(postgres.database, name, 60, within=of.application_name)


def test_trials_share_the_lease_of_their_search_and_keep_others_away_when_it_is_gone(
    postgres: PostgresServer, injector: Injector
) -> None:
    search = LeaseTaken(postgres.database, "chaosnetra_one_lease", 60, of_search=True)
    other = LeaseTaken(postgres.database, "chaosnetra_two_lease", 60)
    trial = shares(postgres, search, "chaosnetra_trial_lease")
    injector.inject(search)
    with pytest.raises(NotAllowed, match="another run holds the lease"):
        injector.inject(other)
    injector.inject(trial)
    injector.undo(search.name)
    with pytest.raises(NotAllowed, match="chaosnetra_trial_lease"):
        injector.inject(other)
    injector.undo(trial.name)
    injector.inject(other)
    injector.undo(other.name)
    assert query(postgres.database, HELD) == 0


@pytest.mark.parametrize("of_search", [True, False])
def test_a_trial_shares_no_lease_but_that_of_its_search(
    postgres: PostgresServer, injector: Injector, of_search: bool
) -> None:
    gone = LeaseTaken(postgres.database, "chaosnetra_gone_lease", 60, of_search=True)
    trial = shares(postgres, gone, "chaosnetra_trial_lease")
    with pytest.raises(InjectionFailed, match=r"the lease of this search .* was ended"):
        injector.inject(trial)
    holds = LeaseTaken(postgres.database, "chaosnetra_one_lease", 60, of_search=of_search)
    injector.inject(holds)
    said = "the lease of this search .* was ended" if of_search else "chaosnetra_one_lease"
    with pytest.raises(InjectionFailed, match=said):
        injector.inject(trial)
    injector.undo(holds.name)
    assert query(postgres.database, HELD) == 0
