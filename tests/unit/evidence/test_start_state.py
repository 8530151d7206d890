"""Which state of the database startups met."""

from typing import Any

import pytest

from chaosnetra.evidence.verdict.start_state import differing_states, state_tested
from chaosnetra.evidence.verdict.verdict import Cause, Outcome
from tests.support.journals import judged
from tests.support.sections import Facts, advice_on, journal, known


def state(setting: str = "auto", *met: tuple[int | None, int | None, bool], **more: Any) -> Facts:
    launches = [
        {"faults": ["toxic slow"] if under else [], "tables_before": before, "tables_after": after}
        for before, after, under in met
    ]
    return {
        "database_state": {
            "setting": setting,
            "own_tables": False,
            "prepared": None,
            "template_tables": None,
            "launches": launches,
            **more,
        }
    }


PREPARED = {"status": "ready", "error": None, "tables_before": 0, "tables_after": 14}


LATER = "a later deployment was tested, one that finds its tables: "


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (state("auto", (14, 14, False), (14, 14, True), prepared=PREPARED),
         LATER + "one start before the baseline made the tables"),
        (state("auto", (3, 3, False), (3, 3, True)),
         LATER + "the database had 3 tables before"),
        (state("fresh", (0, 0, False), (0, 0, True), template_tables=0),
         "a first deployment was tested: each startup met an empty database of its own"),
        (state("fresh", (1, 1, False), template_tables=1),
         LATER + "each startup met a copy of a database with 1 table"),
        (state("shared", (0, 14, True)), "the first startups met an empty database"),
        (state("auto", (0, 0, False), (0, 0, True)), None),
        (state("auto", (None, None, False)), None),
        (state("auto", (7, 7, False), own_tables=True), None),
        (state("auto"), None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_verdict_says_which_deployment_was_tested(section: Facts, said: str | None) -> None:
    found = state_tested(known(section))
    assert (found is None) if said is None else (found or "").startswith(said)
    for held in (True, False):
        verdict, _ = judged(journal(held, **section))
        assert said is None or said in verdict.reason


def test_startups_that_met_another_state_prove_nothing() -> None:
    section = state("shared", (0, 14, False), (14, 14, True), (14, 14, False))
    verdict, _ = judged(journal(**section))
    assert (verdict.outcome, verdict.cause) == (Outcome.INCONCLUSIVE, Cause.STATE)
    assert "the database had no table, then 14 tables; set database_state" in verdict.reason
    # What fails with less to do is a finding all the same.
    assert judged(journal(held=False, **section))[0].outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    "section",
    [
        state("shared", (14, 14, False), (14, 14, True)),
        state("shared", (14, 14, False), (None, None, True)),
        state("shared", (None, None, False), (14, 14, True)),
        state("shared", (0, 14, True), (14, 14, True)),
        state("shared", (0, 14, False), (14, 14, False)),
        state("fresh", (0, 0, False), (3, 3, True), template_tables=0),
        {},
    ],
)
def test_the_same_state_or_an_unknown_one_is_none_of_another_kind(section: Facts) -> None:
    assert differing_states(known(section)) is None


def baseline(text: str, sqlstate: str | None = None) -> Facts:
    startup = {"status": "failed", "error": {"text": text, "sqlstate": sqlstate}}
    probe = {"status": "succeeded", "output": {"held": False, "startups": [startup]}}
    return {"steady_states": {"before": {"steady_state_met": False, "probes": [probe]}}}


RACE = (
    'pq: duplicate key value violates unique constraint "pg_type_typname_nsp_index" '
    "(SQLSTATE 23505)"
)


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        (RACE, "23505"),
        ('duplicate key value violates unique constraint "pg_class_relname_nsp_index"', None),
        ('duplicate key value violates unique constraint "pg_extension_name_index"', None),
        ("tuple concurrently updated", "XX000"),
        ('relation "users" already exists', "42P07"),
    ],
)
def test_first_starts_that_race_each_other_are_told_with_the_cure(
    text: str, sqlstate: str | None
) -> None:
    section = state("shared", (0, 3, False))
    advice = advice_on(baseline(text, sqlstate), section)
    assert advice
    assert advice.startswith("several first starts raced each other to make the same tables; set ")
    assert "database_state" in advice
    told = baseline(text, sqlstate) | {"chaosnetra": section}
    assert advice in judged(told)[0].reason


@pytest.mark.parametrize(
    ("text", "section"),
    [
        (
            'duplicate key value violates unique constraint "users_pkey"',
            state("shared", (0, 3, False)),
        ),
        (RACE, state("fresh", (0, 0, False), template_tables=0)),
        (RACE, {}),
        ("connection refused", state("auto", (14, 14, False), prepared=PREPARED)),
    ],
)
def test_another_failure_of_the_baseline_gets_no_such_advice(text: str, section: Facts) -> None:
    assert advice_on(baseline(text), section) is None


def test_a_target_that_cannot_start_twice_is_told_so() -> None:
    section = state("auto", (3, 3, False), prepared=PREPARED)
    advice = advice_on(baseline('relation "users" already exists', "42P07"), section)
    assert advice
    assert "for a target that starts on an empty database only" in advice


def test_a_first_start_that_failed_is_told_beside_the_baseline() -> None:
    failed = {"status": "timed_out", "error": "no migration ended", "tables_before": 0}
    section = state("auto", (0, 0, False), prepared=failed)
    advice = advice_on(baseline("no migration ended"), section)
    assert advice == (
        "the one start that should prepare the empty database before it was not ready either "
        "(timed_out): no migration ended"
    )
