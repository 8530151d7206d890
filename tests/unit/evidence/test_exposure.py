"""Whether startups used the path of a fault."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.verdict.exposure import (
    fewer_sessions,
    not_exposed,
    partly_exposed,
    untried,
)
from chaosnetra.evidence.verdict.start_state import differing_states, state_tested
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import judged
from tests.support.sections import Facts, advice_on, journal, known

TOXIC = {"kind": "toxic", "proxy": "chaosnetra_1", "toxic": "slow"}
OTHER_PROXY = {"kind": "toxic", "proxy": "payments", "toxic": "slow"}
CONNECTOR = {"kind": "connector", "server": "http://127.0.0.1:1"}
HELD = {"kind": "connections held", "database": "postgresql://u@h/d"}
FOREIGN = {"kind": "cloud run scaling"}


def fault(parameters: Facts, *, felt: bool = True) -> Facts:
    effect = {"in_effect": True, "expected": 1, "observed": 1, "quantity": "ms"}
    return {"name": "toxic slow", "parameters": parameters, "effect": effect if felt else None}


SLOW = ("toxic slow",)


def test_sessions_that_were_lost_are_told_though_the_startups_were_ready() -> None:
    before = {**seen(5), "sessions_open": 4, "fewer_sessions": 0}
    under = {**seen(5, 5, *SLOW), "sessions_open": 3, "fewer_sessions": 2}
    assert fewer_sessions(facts([before, under], fault(TOXIC))) == (
        "2 of 5 startups under toxic slow were ready with fewer sessions of the database than "
        "before the fault (3 in place of 4): a connection had broken off, and none was opened in "
        "its place. Where it needs all of them, let its readiness ask for that"
    )
    assert fewer_sessions(facts([before, {**under, "fewer_sessions": 0}], fault(TOXIC))) is None
    assert fewer_sessions(facts([seen(5), seen(5, 5, *SLOW)], fault(TOXIC))) is None


def launch(sessions: int | None, path: int | None, faults: tuple[str, ...] = ()) -> Facts:
    """As earlier versions counted it."""
    return {"startups": 5, "faults": list(faults), "sessions": sessions, "path": path}


def seen(
    connected: int, answered: int | None = None, *faults: str, ready_without: int = 0
) -> Facts:
    """As it is seen on the wire."""
    return {
        "startups": 5,
        "faults": list(faults),
        "connected": connected,
        "answered": connected if answered is None else answered,
        "ready_without": ready_without,
    }


def facts(launches: list[Facts], *faults: Facts, **more: Any) -> Facts:
    exposure = {"variables": ["DATABASE_URL", "PGHOST"], "proxy": "chaosnetra_1"}
    return known({"faults": list(faults), "exposure": {**exposure, "launches": launches}, **more})


@pytest.mark.parametrize(
    ("parameters", "sessions", "path", "exposed"),
    [
        (TOXIC, 0, 0, False),
        (TOXIC, 0, None, False),
        (TOXIC, None, 0, False),  # sessions of others cannot be told apart, the proxy is ours
        (TOXIC, 4, 0, False),  # by an address of its own
        (TOXIC, 4, None, True),
        (TOXIC, 4, 900, True),
        (TOXIC, 0, 900, True),  # it tried
        (TOXIC, None, None, True),  # not known
        (CONNECTOR, 0, 0, False),
        (CONNECTOR, 5, 10, True),
        (HELD, 0, 0, False),
        (HELD, 0, None, False),
        (HELD, 4, 0, True),  # the server's slots are short, whatever the path
        (HELD, 0, 900, True),
        (HELD, None, 0, True),
        (OTHER_PROXY, 0, 0, True),
        (FOREIGN, 0, 0, True),
    ],
)
def test_only_what_is_certain_counts(
    parameters: Facts, sessions: int | None, path: int | None, exposed: bool
) -> None:
    found = not_exposed(facts([launch(sessions, path)], fault(parameters)))
    assert (found is None) == exposed, found


def test_only_launches_without_a_fault_tell() -> None:
    under = launch(None, None, ("toxic slow",))
    assert not_exposed(facts([under], fault(TOXIC))) is None
    assert not_exposed(facts([launch(0, 0), under], fault(TOXIC)))
    # One that used it is enough, and one of which nothing is known may have.
    assert not_exposed(facts([launch(0, 0), under, launch(3, 70)], fault(TOXIC))) is None
    assert not_exposed(facts([launch(0, 0), launch(None, None)], fault(TOXIC))) is None


@pytest.mark.parametrize(
    ("paths", "exposed"),
    [((0,), False), ((0, 0), False), ((0, 70), True), ((0, None), True), ((70,), True)],
)
def test_a_path_that_is_slowed_has_to_be_used_under_the_fault_too(
    paths: tuple[int | None, ...], exposed: bool
) -> None:
    under = [launch(None, path, ("toxic slow",)) for path in paths]
    found = not_exposed(facts([launch(4, 900), *under], fault(TOXIC)))
    assert (found is None) == exposed, found
    if found:
        assert f"not one of {5 * len(under)} startups under toxic slow used the path" in found
        assert "in {state_folder}, which is new for each start" in found
    # The slots of a server are short, and a proxy of others is slow, whatever this path is.
    for parameters in (HELD, OTHER_PROXY):
        assert not_exposed(facts([launch(4, 900), *under], fault(parameters))) is None


def test_a_start_that_prepared_the_database_is_told_beside() -> None:
    prepared = {"database_state": {"prepared": {"status": "ready", "tables_after": 3}}}
    found = not_exposed(facts([launch(0, 0)], fault(TOXIC), **prepared)) or ""
    assert "no session was opened in the database but by the one start that prepared it" in found
    assert "{state_folder}" in found


def tried(parameters: Facts, startups: int, connections: int = 5, **more: Any) -> Facts:
    """A fault that so many startups met."""
    return {
        **fault(parameters),
        "tried": {"startups": startups, "connections": connections},
        **more,
    }


@pytest.mark.parametrize(
    ("launches", "faults", "words"),
    [
        ([seen(5), seen(5)], [tried(TOXIC, 0)], "no startup was tried under toxic slow, which was"),
        ([seen(5), seen(5, 5, "toxic slow"), seen(5)], [tried(TOXIC, 5)], None),  # in the method
        # Put in place again, less of it, by the same name.
        ([seen(5), seen(5, 5, "toxic slow")], [tried(TOXIC, 0), tried(TOXIC, 5)], "toxic slow, wh"),
        ([seen(5), seen(5)], [tried(HELD, 0), tried(CONNECTOR, 0, name="connector change 1")],
         "toxic slow, connector change 1, which were undone or replaced before"),
        ([seen(5), seen(5)], [fault(TOXIC)], None),  # of an earlier version
        # Whose trials are others than startups, or the run's own probes.
        ([], [tried(TOXIC, 0)], None),
        ([seen(5)], [tried(FOREIGN, 0)], None),
        ([seen(5)], [tried(OTHER_PROXY, 0)], None),
        ([seen(5)], [tried(TOXIC, 0, effect=None)], None),
        # On a share of the connections.
        ([seen(5)], [tried({**TOXIC, "toxicity": 0.1}, 5)],
         "on about 10% of the connections, and startups opened 5 under it: with a chance of 59%"),
        ([seen(5)], [tried({**TOXIC, "toxicity": 0.1}, 5, 29)], None),
        ([seen(5)], [tried({**TOXIC, "toxicity": 1.0}, 5)], None),
    ],
)  # fmt: skip
def test_a_fault_that_no_startup_is_known_to_have_met_is_told(
    launches: list[Facts], faults: list[Facts], words: str | None
) -> None:
    found = untried(facts(launches, *faults))
    assert (found is None) == (words is None), found
    assert (words or "") in (found or "")


def test_what_was_never_tried_under_its_fault_did_not_hold() -> None:
    section = facts([seen(5), seen(5)], tried(TOXIC, 0))
    verdict, _ = judged(journal(**section))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.UNTRIED)
    # What fails once it is undone was seen to fail all the same; the line says when.
    verdict, _ = judged(journal(held=False, **section))
    assert (verdict.outcome, verdict.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert "no startup was tried under toxic slow, which was undone" in verdict.line


def test_a_check_that_ended_before_it_started_anything_did_not_undo_the_fault() -> None:
    data = journal(held=False, **facts([seen(5), seen(5)], tried(TOXIC, 0)))
    data["experiment"]["steady-state-hypothesis"]["probes"].append({"name": "later"})
    verdict, _ = judged(data)
    assert verdict.line.endswith(
        "no startup was tried under toxic slow: the check after the method ended at startups, "
        "which did not hold"
    )


def test_what_injects_nothing_has_no_path() -> None:
    assert not_exposed(facts([launch(0, 0)])) is None
    assert not_exposed(facts([launch(0, 0)], fault(TOXIC, felt=False))) is None
    assert not_exposed(facts([], fault(TOXIC))) is None


def test_each_fault_has_its_own_path() -> None:
    found = not_exposed(facts([launch(4, 0)], fault(HELD), fault(TOXIC))) or ""
    assert (
        "4 sessions were opened in the database, and none of them on the path of toxic slow, so "
        "the target reaches it by another address, or they are sessions of others"
    ) in found
    named = {**fault(TOXIC), "name": "toxic chaosnetra_1/chaosnetra_1_slow"}
    assert not_exposed(facts([launch(4, 0)], fault(HELD), named)) == found


def test_it_is_told_with_what_the_target_was_given() -> None:
    found = not_exposed(facts([launch(0, 0), launch(0, 0)], fault(TOXIC)))
    assert found == (
        "not one of 10 startups without a fault used the path that the fault is on: no session "
        "was opened in the database. The target was given the address in DATABASE_URL, PGHOST; "
        "name others, with {url}, {host} and {port}, in target_environment in the experiment's "
        "configuration or CHAOSNETRA_TARGET_ENVIRONMENT"
    )


# As it is seen on the wire


@pytest.mark.parametrize(
    ("launches", "exposed"),
    [
        ([seen(5), seen(5, 0, *SLOW)], True),
        ([seen(1), seen(1, 0, *SLOW)], True),
        ([seen(0), seen(0, 0, *SLOW)], False),
        ([seen(0), seen(5, 5, *SLOW)], False),  # not before the fault
        ([seen(5, 0), seen(5, 0, *SLOW)], False),  # nobody answered there
        ([seen(5), seen(0, 0, *SLOW)], False),
        ([seen(5), seen(0, 0, *SLOW), seen(1, 1, *SLOW)], True),
        ([seen(0), seen(5, 5, *SLOW), seen(5)], False),  # what comes after proves nothing
        ([seen(0, 0, *SLOW)], False),
        ([seen(5, 0, *SLOW)], True),  # without a baseline
        ([], True),
    ],
)
@pytest.mark.parametrize("parameters", [TOXIC, CONNECTOR, HELD])
def test_startups_have_to_use_the_path_before_the_fault_and_under_it(
    launches: list[Facts], exposed: bool, parameters: Facts
) -> None:
    assert (not_exposed(facts(launches, fault(parameters))) is None) == exposed
    # Nothing is known of the paths of others.
    assert not_exposed(facts(launches, fault(OTHER_PROXY), fault(FOREIGN))) is None
    assert not_exposed(facts(launches, fault(parameters, felt=False))) is None


def test_a_path_that_is_not_used_is_told_with_what_the_target_was_given() -> None:
    found = not_exposed(facts([seen(0), seen(0, 0, *SLOW)], fault(TOXIC)))
    assert found == (
        "not one of 5 startups before the fault opened a connection at the address of the "
        "database that it was given, so none used the path that the fault is on. The target was "
        "given the address in DATABASE_URL, PGHOST: name the variables that it reads, with {url}, "
        "{host} and {port}, in target_environment in the experiment's configuration or "
        "CHAOSNETRA_TARGET_ENVIRONMENT; where it connects only once it is used, let readiness ask "
        "for what needs the database"
    )
    answered = not_exposed(facts([seen(5, 0)], fault(TOXIC))) or ""
    assert answered.startswith("not one of 5 startups before the fault got an answer at the")
    prepared = {"database_state": {"prepared": {"status": "ready", "tables_after": 3}}}
    found = not_exposed(facts([seen(0)], fault(TOXIC), **prepared)) or ""
    assert "The one start that prepared the database did: where the target keeps" in found
    only_before = not_exposed(facts([seen(5), seen(0, 0, *SLOW)], fault(TOXIC))) or ""
    assert only_before.startswith(
        "not one of 5 startups under toxic slow opened a connection to the database, as those "
        "before the fault did"
    )


def test_startups_without_a_connection_of_their_own_were_not_exposed() -> None:
    section = facts([seen(5), seen(3, 3, *SLOW, ready_without=2)], fault(TOXIC))
    found = partly_exposed(section) or ""
    assert found.startswith("2 of 5 startups under toxic slow were ready without a connection")
    verdict, _ = judged(journal(**section))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.PARTLY_EXPOSED)
    # What those that were exposed failed for is a finding all the same.
    assert judged(journal(held=False, **section))[0].outcome is Outcome.VIOLATED
    # One that failed before it came to its database is a failure, not an unexposed success.
    assert partly_exposed(facts([seen(5), seen(3, 3, *SLOW)], fault(TOXIC))) is None
    assert partly_exposed(facts([seen(3, 3, ready_without=2)], fault(TOXIC))) is None


@pytest.mark.parametrize(
    ("refused_with", "told"),
    [("28P01", "refused their logins with SQLSTATE 28P01"), (None, "declined the encryption")],
)
def test_a_server_that_refused_every_login_before_the_fault_proves_nothing(
    refused_with: str | None, told: str
) -> None:
    refused = {"welcomed": 0, "refused_with": refused_with}
    section = facts([seen(5) | refused, seen(5, 0, *SLOW) | refused], fault(TOXIC))
    verdict, _ = judged(journal(**section))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.NOT_EXPOSED)
    assert "not one of 5 startups before the fault had a session of the database" in verdict.reason
    assert told in verdict.reason
    one = [seen(5) | {"welcomed": 1}, seen(5, 0, *SLOW) | refused]
    assert not_exposed(facts(one, fault(TOXIC))) is None


@pytest.mark.parametrize(("had", "told"), [(0, False), (2, True), (5, False)])
def test_readiness_that_does_not_wait_for_the_session_holds_nothing(had: int, told: bool) -> None:
    before = seen(5) | {"welcomed": 5, "ready": 5, "ready_with_session": had}
    section = facts([before, seen(5, 0, *SLOW)], fault(TOXIC))
    found = partly_exposed(section)
    assert (found is not None) == told
    if found:
        assert found.startswith("of 5 startups that were ready before the fault only 2 had a")
        assert judged(journal(**section))[0].cause is Cause.PARTLY_EXPOSED
        assert judged(journal(held=False, **section))[0].outcome is Outcome.VIOLATED


# The verdict


@pytest.mark.parametrize("held", [True, False])
def test_what_was_not_exposed_is_neither_held_nor_violated(held: bool) -> None:
    verdict, _ = judged(journal(held, **facts([launch(0, 0)], fault(TOXIC))))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.NOT_EXPOSED)


def test_a_journal_of_a_version_that_did_not_count_is_judged_as_before() -> None:
    section = facts([launch(0, 0)], fault(TOXIC))
    del section["exposure"]
    assert judged(journal(**section))[0].outcome is Outcome.HELD


def killing(*killed: int | None) -> Facts:
    """What launches in turn, the baseline first, lost to somebody's command."""
    return facts([{**launch(4, 70), "killed": one} for one in killed], fault(TOXIC))


def test_failures_after_somebody_ended_sessions_are_no_violation() -> None:
    verdict, violations = judged(journal(held=False, **killing(0, 6, None)))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.SESSIONS_ENDED)
    assert verdict.reason.startswith("6 sessions were ended by an administrator's command")
    assert [one.probe for one in violations] == ["startups"]


@pytest.mark.parametrize(
    "section",
    [
        killing(0, 0, 0),
        killing(2, 6, 2),  # a service that ends sessions itself
        killing(None, 6, 0),
        killing(None, None),
        facts([launch(4, 70), launch(None, None, ("toxic slow",))], fault(TOXIC)),
        killing(),
    ],
    ids=["none", "its own", "baseline not known", "not known", "earlier version", "no launch"],
)
def test_without_sessions_that_somebody_ended_a_violation_is_one(section: Facts) -> None:
    assert judged(journal(held=False, **section))[0].outcome is Outcome.VIOLATED


def test_what_held_although_sessions_were_ended_has_held() -> None:
    assert judged(journal(**killing(0, 6, 0)))[0].outcome is Outcome.HELD


def test_a_baseline_that_failed_because_of_somebody_else_names_what_they_took() -> None:
    gone = {
        **fault({"kind": "proxy", "proxy": "chaosnetra_1"}, felt=False),
        "name": "proxy chaosnetra_1",
        "effect_after": {
            "quantity": "presence",
            "expected": "in place",
            "observed": "gone",
            "in_effect": False,
            "detail": "proxy chaosnetra_1 was disabled by somebody else",
        },
        "last_in_effect_at": "2026-11-29T14:05:02.374+00:00",
    }
    made = journal(**facts([launch(0, 0)], gone))
    made["steady_states"] = {"before": {"steady_state_met": False, "probes": []}}
    verdict, _ = judged(made)
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.FAULT_GONE)
    assert "was disabled by somebody else; it was last seen in effect at 2026" in verdict.reason
    assert "baseline not met" in verdict.reason


NAMES = (
    *("launches", "faults", "sessions", "path", "startups", "variables", "proxy", "setting"),
    *("prepared", "tables_before", "tables_after", "parameters", "effect", "kind", "error"),
    *("connected", "answered", "ready_without"),
    *("welcomed", "refused_with", "ready", "ready_with_session"),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_a_section_that_is_anything_is_read(exposure: Any, database: Any, faults: Any) -> None:
    section = {"exposure": exposure, "database_state": database, "faults": faults}
    for found in (
        not_exposed(known(section)),
        partly_exposed(known(section)),
        state_tested(known(section)),
        differing_states(known(section)),
        advice_on({}, section),
    ):
        assert found is None or isinstance(found, str)
