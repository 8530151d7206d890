"""The plan and the consent: nothing is touched that was not looked at and agreed to."""

import json

import pytest

from chaosnetra.postgres.lease import LeaseTaken
from chaosnetra.safety.injector import Injector
from chaosnetra.safety.ledger import Ledger
from chaosnetra.stand.postgres import PostgresServer
from tests.conftest import RunChaos
from tests.integration.cloudrun.conftest import lasting
from tests.support.cloud_run_endpoint import writes
from tests.support.helpers import query
from tests.support.staged import Staging, refused, step


def test_a_plan_shows_what_would_change_and_changes_nothing(staging: Staging) -> None:
    before = staging.endpoint.message
    shown = staging.plan()
    assert shown.exit_code == 0, shown.output
    assert "scaling.min_instance_count: 1 -> 3" in shown.output
    assert "instances: 1 -> 3 (+2)" in shown.output
    assert "pool 12 + 18, x 3 instances = 90, of them 60 new" in shown.output
    assert "connections in all: 60 at most;" in shown.output
    assert "of 100 slots are free (3 reserved)" in shown.output
    assert "warning: cost: 2 more instances are billed" in shown.output
    assert "connectors/staging may grow under it, and does not shrink" in shown.output
    assert f"allow-list: {staging.folder}" in shown.output
    assert "deadline: 3600 s" in shown.output
    assert "\nallowed\nhash: " in shown.output
    assert staging.database.password not in shown.output
    assert staging.endpoint.message == before


def test_the_hash_rests_on_everything_that_is_consented_to(staging: Staging) -> None:
    first = staging.hash
    assert staging.hash == first
    seen = {first}

    def differs(what: str) -> None:
        found = staging.hash
        assert found not in seen, what
        seen.add(found)

    staging.method = [step("action", "scale_service", minimum=2)]
    differs("another value")
    staging.method += [step("probe", "service_instances", minimum=2)]
    differs("another step")
    staging.allowed["caps"] = {"instances": 5}
    differs("another cap")
    staging.settings["profile"] = "issue-1263"
    staging.allowed["caps"]["connections"] = 90
    differs("other pools")
    staging.endpoint.tell("deploy", service=staging.endpoint.service_id, env={"VERSION": "2"})
    differs("another etag")


def test_the_hash_of_tasks_rests_on_what_they_are_told_and_not_on_free_slots(
    staging: Staging, postgres: PostgresServer
) -> None:
    """`hold_connections` by a share takes more or less of them with every look."""
    hold = step("action", "hold_connections", amount=0.2)
    hold["provider"]["module"] = "chaosnetra.postgres.actions"
    hold["provider"]["arguments"]["by"] = "share"
    startups = step("probe", "startups_succeed", count=1)
    startups["provider"]["module"] = "chaosnetra.startup.probes"
    staging.method = [startups, hold]
    staging.endpoint.create_job()
    first = staging.hash
    taken = LeaseTaken(postgres.database, "chaosnetra_other_session", 60)
    injector = Injector(Ledger("other", staging.folder), lambda event, data: None)
    injector.inject(taken)
    try:
        assert staging.hash == first
    finally:
        injector.undo(taken.name)
    seen = {first}
    for name, value in {
        "job_hold_seconds": "600",
        "time_scale": "1",
        "startup_timeout_seconds": "900",
        "barrier_seconds": "5",
        "readiness": "tcp://127.0.0.1:{port}",
        "readiness_timeout_seconds": "7",
        "job_connections": "12",
        "profile": "issue-1263",
    }.items():
        staging.settings[name] = value
        found = staging.hash
        assert found not in seen, name
        seen.add(found)


@pytest.mark.parametrize(("each", "allowed"), [("auto", False), ("5", True)])
def test_the_connections_of_tasks_count_by_their_pools(
    staging: Staging, each: str, allowed: bool
) -> None:
    startups = step("probe", "startups_succeed", count=4)
    startups["provider"]["module"] = "chaosnetra.startup.probes"
    staging.method = [startups]
    staging.endpoint.create_job()
    staging.settings["job_connections"] = each
    shown = staging.plan().output
    assert ("120 connections are more than the cap of 100: ask for less" in shown) is not allowed
    assert f"each opens up to {30 if each == 'auto' else 5} connections (job_connections)" in shown
    assert f"connections in all: {120 if each == 'auto' else 20} at most" in shown


def test_a_wrong_value_is_told_with_the_step_that_has_it(staging: Staging) -> None:
    hold = step("action", "hold_connections", amount="many", by="count")
    hold["provider"]["module"] = "chaosnetra.postgres.actions"
    staging.method = [step("action", "scale_service", minimum="x"), hold]
    refusals = [line for line in staging.plan().output.splitlines() if "refused" in line]
    scaling, amount = refusals
    assert scaling.startswith("refused: scale_service: minimum must be a number, got 'x'")
    assert amount.startswith("refused: hold_connections: amount must be a number, got 'many'")
    assert "set minimum" not in scaling, "no such setting"


def test_a_scaling_to_nothing_is_refused_where_startups_are_judged(staging: Staging) -> None:
    staging.method = [step("action", "scale_service", minimum=0)]
    assert "\nallowed\n" in staging.plan().output
    staging.method += [step("probe", "instances_start")]
    told = "refused: scale_service: it binds the service to no instance"
    assert told in staging.plan().output


def test_a_run_with_the_plans_hash_scales_restores_exactly_and_tells_all_of_it(
    staging: Staging, run_chaos: RunChaos
) -> None:
    before = staging.endpoint.message
    consent = staging.hash
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    assert done.returncode == 0, done.output
    assert lasting(staging.endpoint.message) == lasting(before)
    section = done.section
    assert (section["verdict"], section["environment"]) == ("held", "staging")
    assert section["rehearsal"] is True
    assert "A rehearsal of staging, against a local Cloud Run endpoint" in done.output
    assert section["plan"]["hash"] == consent
    assert writes(done) == ["scaling.min_instance_count=3", "scaling.min_instance_count=1"]
    assert section["cloud_run"]["calls"]["UpdateService"] == {"OK": 4}, "two of them only try"
    lease, scaling = section["faults"]
    assert lease["parameters"]["kind"] == "lease"
    assert (lease["undo"], scaling["undo"]) == ("done", "done")
    made = next(event for event in done.events if event["event"] == "plan.made")
    assert made["hash"] == consent
    everything = done.output + str(done.journal_text) + json.dumps(done.events)
    assert staging.database.password not in everything
    for call in (event for event in done.events if event["event"] == "cloudrun.call"):
        told = {"method", "resource", "status", "seconds", "writes"}
        assert set(call) - {"event", "at", "elapsed_seconds", "run"} == told
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert query(staging.database, held) == 0


def test_yes_is_consent_within_the_allow_list_only(staging: Staging, run_chaos: RunChaos) -> None:
    staging.allowed["caps"] = {"instances": 2}
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "3 instances are more than the cap of 2")
    staging.allowed["caps"] = {"instances": 3}
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    assert done.returncode == 0, done.output


@pytest.mark.parametrize("options", [(), ("--dry", "probes")], ids=str)
def test_without_consent_nothing_is_touched(
    staging: Staging, run_chaos: RunChaos, options: tuple[str, ...]
) -> None:
    """Not by a dry run either, of which some kinds carry actions out."""
    before = staging.endpoint.message
    done = run_chaos(staging.experiment, *options)
    refused(done, "nothing is touched without consent: read `chaosnetra p")
    assert staging.endpoint.message == before


@pytest.mark.parametrize(
    ("call", "code"),
    [("GetService", "UNAVAILABLE"), ("UpdateService", "RESOURCE_EXHAUSTED")],
    ids=["503", "429 at the dry run"],
)
def test_an_outage_before_the_consent_is_no_refusal(
    staging: Staging, run_chaos: RunChaos, call: str, code: str
) -> None:
    before = staging.endpoint.message
    staging.endpoint.tell("rules", call=call, refuse=code, times=2)
    assert staging.plan().exit_code == 2
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT="yes")
    refused(done, "Cloud Run could not be asked, so nothing was tried: ")
    assert done.section["cause"] == "Cloud Run could not be asked"
    assert done.section["refused"] is None
    assert "consent.unanswered" in {event["event"] for event in done.events}
    assert staging.endpoint.message == before


def test_a_service_that_changed_makes_the_consent_stale(
    staging: Staging, run_chaos: RunChaos
) -> None:
    consent = staging.hash
    staging.endpoint.tell("deploy", service=staging.endpoint.service_id, env={"VERSION": "2"})
    before = staging.endpoint.message
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    refused(done, f"the consent {consent} is for another plan than this one")
    assert staging.endpoint.message == before


def test_a_change_between_consent_and_action_is_seen(staging: Staging, run_chaos: RunChaos) -> None:
    consent = staging.hash
    # Read by the plan and by the two probes of the baseline; then somebody deploys.
    staging.endpoint.tell(
        "rules",
        call="GetService",
        skip=3,
        deploy_before={
            "service": staging.endpoint.service_id,
            "scaling": {"max_instance_count": 9},
        },
    )
    done = run_chaos(staging.experiment, CHAOSNETRA_CONSENT=consent)
    assert done.returncode == 1
    assert "was changed by somebody after it was consented to" in done.output
    assert writes(done) == []
    scaling = staging.endpoint.state.scaling
    assert (scaling.minimum, scaling.maximum) == (1, 9)
