"""The machine's own share of the time of startups, and what is blamed on it; from journals."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.reading import read_journal
from chaosnetra.evidence.statistics.machine_share import (
    LEAST_SECONDS,
    LEAST_STRETCH,
    machine_share,
    share_of,
)
from chaosnetra.evidence.verdict.machine import Before, is_explained
from chaosnetra.evidence.verdict.verdict import Cause, Outcome, judge
from tests.support.helpers import present
from tests.support.journals import journal, judged, probe, startups, state

CORES = 2
LIMIT = 25.0
# What one startup took before the fault: 0.7 s of work on a core, 0.1 s of waits.
BEFORE = Before(cpu_seconds=0.7, alone_seconds=0.8, round_trips=24, waited_seconds=0.1)


def startup(
    seconds: float = 0.8,
    *,
    delayed: float = 0.0,
    cpu: float = 0.7,
    status: str = "ready",
    wire: dict[str, Any] | None = None,
    **told: Any,
) -> dict[str, Any]:
    processors = {"cpu_seconds": cpu, "delayed_seconds": delayed}
    told |= {"wire": wire} if wire is not None else {}
    return {"status": status, "seconds": seconds, "processors": processors, **told}


def wire(own: float, waited: float, trips: int) -> dict[str, Any]:
    return {"own_seconds": own, "waited_seconds": waited, "serial_round_trips": trips}


def launch(*all_of_it: dict[str, Any], cores: int | None = CORES, **told: Any) -> dict[str, Any]:
    """A check of the hypothesis whose startups were these."""
    ready = sum(one["status"] == "ready" for one in all_of_it)
    return state(
        startups(
            ready,
            len(all_of_it),
            startups=list(all_of_it),
            max_failure_rate=0,
            startup_timeout_seconds=LIMIT,
            machine_share=None if cores is None else {"cores": cores},
            **told,
        )
    )


WELL = launch(*[startup(20, delayed=19.2)] * 200)
STRETCHED = startup(27, delayed=26.2, cpu=0.65, status="timed_out")
HUNG = startup(27, delayed=0.5, cpu=0.6, status="timed_out")
REFUSED = startup(20, delayed=19.5, status="failed", error={"error_class": "ConnectionRefused"})


# The truth table: (startup, whether the machine alone explains that it was not ready)

OUT_OF_BUDGET = {"budget": "table_setup", "budget_seconds": 10, "error_class": "TimeoutError"}
NO_BUDGET = {"budget": None, "error_class": "TimeoutError"}
TABLE: dict[str, tuple[dict[str, Any], bool]] = {
    "late by the machine": (startup(26, delayed=6, status="timed_out", late=True), True),
    "late all the same": (startup(32, delayed=6, status="timed_out", late=True), False),
    "late, and no share worth a word": (
        startup(25.1, delayed=0.2, status="timed_out", late=True),
        False,
    ),
    "never ready, stretched": (STRETCHED, True),
    "never ready, held by the fault": (HUNG, False),
    "never ready, half of its work done in the rest": (
        startup(27, delayed=10, cpu=0.35, status="timed_out"),
        False,
    ),
    "never ready, nearly all of its work done": (
        startup(27, delayed=10, cpu=0.6, status="timed_out"),
        True,
    ),
    "never ready, all of its work done": (
        startup(27, delayed=10, cpu=0.9, status="timed_out"),
        False,
    ),
    "never ready, its answer never came": (
        startup(27, delayed=10, cpu=0.6, status="timed_out", wire=wire(12, 15, 2)),
        False,
    ),
    "never ready, the round trips that are left would fit": (
        startup(27, delayed=10, cpu=0.6, status="timed_out", wire=wire(12, 15, 20)),
        True,
    ),
    "never ready, the round trips that are left would not fit": (
        startup(27, delayed=10, cpu=0.6, status="timed_out", wire=wire(12, 15, 12)),
        False,
    ),
    "a budget ran out by the machine": (
        startup(15, delayed=14, cpu=0.6, status="failed", error=OUT_OF_BUDGET),
        True,
    ),
    "a budget ran out by the fault": (
        startup(15, delayed=1, cpu=0.6, status="failed", error=OUT_OF_BUDGET),
        False,
    ),
    "a budget would have run out without the machine": (
        startup(40, delayed=25, cpu=0.6, status="failed", error=OUT_OF_BUDGET),
        False,
    ),
    "a limit of its own, degraded, its waits as before": (
        startup(
            15, delayed=14, cpu=0.6, status="degraded", error=NO_BUDGET, wire=wire(14.9, 0.1, 9)
        ),
        True,
    ),
    "a limit of its own ran out while it waited, after a slow boot": (
        startup(4, delayed=2.3, cpu=0.6, status="failed", error=NO_BUDGET, wire=wire(2.5, 1.5, 1)),
        False,
    ),
    "a limit of its own, what it waited for not known": (
        startup(15, delayed=14, cpu=0.6, status="failed", error=NO_BUDGET),
        False,
    ),
    "failed by itself": (REFUSED, False),
    "nothing known of it": ({"status": "timed_out", "seconds": 27.0, "processors": None}, False),
}


@pytest.mark.parametrize(("ended", "explained"), TABLE.values(), ids=TABLE)
def test_the_machine_explains_what_would_have_been_ready_without_it(
    ended: dict[str, Any], explained: bool
) -> None:
    assert is_explained(ended, CORES, BEFORE, LIMIT) is explained


def test_without_a_start_before_it_the_share_has_to_be_most_of_the_time() -> None:
    assert is_explained(STRETCHED, CORES, Before(), LIMIT)
    little = startup(27, delayed=10, cpu=0.6, status="timed_out")
    assert not is_explained(little, CORES, Before(), LIMIT)


TIMES = st.floats(0, 1000, allow_subnormal=False)


@given(
    st.builds(
        startup,
        TIMES,
        delayed=TIMES,
        cpu=TIMES,
        status=st.sampled_from(["ready", "timed_out"]),
        wire=st.none() | st.builds(wire, TIMES, TIMES, st.integers(0, 99)),
    ),
    st.integers(1, 64),
)
def test_a_share_is_never_more_than_was_waited_or_than_work_leaves(
    one: dict[str, Any], cores: int
) -> None:
    share = present(share_of(one, cores))
    figures = one["processors"]
    assert 0 <= share.share_seconds <= figures["delayed_seconds"]
    assert share.share_seconds <= share.own_seconds <= one["seconds"]
    if share.share_seconds:
        assert share.alone_seconds >= figures["cpu_seconds"] / cores - 1e-9


@given(st.integers(1, 200), st.floats(0.01, 50), st.floats(0, 500), st.integers(1, 64))
def test_it_is_felt_above_a_tenth_of_the_time_alone(
    count: int, alone: float, share: float, cores: int
) -> None:
    one = startup(alone + share, delayed=share, cpu=0)
    found = present(machine_share([share_of(one, cores)] * count, cores))
    assert found.share_seconds == pytest.approx(share, abs=1e-3)
    worth = max(LEAST_SECONDS, LEAST_STRETCH * alone)
    if abs(share - worth) > 1e-3:
        assert found.is_noticeable is (share > worth)


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "seconds": st.floats() | st.text(max_size=2) | st.none(),
                "processors": st.none()
                | st.dictionaries(
                    st.sampled_from(["cpu_seconds", "delayed_seconds"]),
                    st.floats() | st.booleans() | st.text(max_size=2),
                ),
                "wire": st.none() | st.dictionaries(st.just("own_seconds"), st.floats()),
                "status": st.sampled_from(["ready", "timed_out", 3]),
                "error": st.none() | st.just({"budget": "x", "budget_seconds": "y"}),
            },
        ),
        max_size=4,
    ),
    st.integers(-1, 3) | st.text(max_size=2) | st.none(),
)
def test_whatever_a_journal_holds_is_judged(all_of_it: list[dict[str, Any]], cores: Any) -> None:
    output = {
        "startups": all_of_it,
        "machine_share": {"cores": cores},
        "held": False,
        "max_failure_rate": 0,
        "startup_timeout_seconds": LIMIT,
    }
    check = state(probe(met=False, output=output))
    found, _ = judged(journal(before=check, method=(), after=check))
    assert found.outcome in (Outcome.VIOLATED, Outcome.INCONCLUSIVE)


# Verdicts


def test_what_the_machine_alone_explains_is_not_blamed_on_the_fault() -> None:
    after = launch(*[STRETCHED] * 150, *[startup(24, delayed=23.2)] * 50)
    found, violations = judged(journal(before=WELL, after=after, deviated=True))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.MACHINE)
    text = (
        "200 startups at once stretched each other's time from at most 0.8 s to 24 s on 2 cores: "
        "the machine and not the fault took that time, without which 150 more would have been "
        "ready within the limit of 25 s; start fewer at once (count), or on more cores"
    )
    assert found.reason.startswith(f"{text}; after the method, startups: expected")
    assert [violation.machine for violation in violations] == [text]


def test_a_journal_that_was_written_is_judged_the_same(tmp_path: Path) -> None:
    boots = {"phase_seconds": {}, "boot_seconds": None}
    hanging = wire(12, 15, 2) | {"connections": [], "standing": {}}
    for stretched, cause in [
        (STRETCHED, Cause.MACHINE),
        (startup(26, delayed=6, status="timed_out", late=True), Cause.MACHINE),
        (startup(27, delayed=10, cpu=0.6, status="timed_out", wire=hanging), Cause.VIOLATED),
    ]:
        before = startup(20, delayed=19.2, wire=wire(19.9, 0.1, 24), **boots)
        data = journal(before=launch(before), after=launch(*[{**stretched, **boots}] * 9))
        file = tmp_path / "journal.json"
        file.write_text(json.dumps(data))
        assert judge(read_journal(file).data)[0].cause is judged(data)[0].cause is cause


def test_one_of_two_violations_that_the_machine_does_not_explain_comes_first() -> None:
    stretched = launch(*[STRETCHED] * 200)["probes"][0]
    other = probe("reads", met=False, output=False)
    found, violations = judged(journal(before=WELL, after=state(stretched, other)))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert found.reason.startswith("after the method, reads: expected")
    assert "each of 200 startups at once waited 26.2 s of its 27 s for a core" in found.reason
    assert [violation.machine is None for violation in violations] == [True, False]


@pytest.mark.parametrize(
    "after",
    [
        launch(*[STRETCHED] * 9, HUNG),
        launch(*[STRETCHED] * 9, REFUSED),
        launch(*[STRETCHED] * 10, uncontained=1),
        launch(*[STRETCHED] * 10, cores=None),
    ],
)
def test_what_it_does_not_explain_is_the_faults(after: dict[str, Any]) -> None:
    found, _ = judged(journal(before=WELL, after=after))
    assert (found.outcome, found.cause) == (Outcome.VIOLATED, Cause.VIOLATED)
    assert found.reason.endswith(", which does not explain the failures")


def test_of_many_that_failed_so_many_count_as_may_fail() -> None:
    after = launch(*[STRETCHED] * 9, REFUSED)
    after["probes"][0]["output"]["max_failure_rate"] = 0.1
    assert judged(journal(before=WELL, after=after))[0].cause is Cause.MACHINE


def test_a_run_that_held_says_what_the_machine_took() -> None:
    found, _ = judged(journal(before=WELL, after=launch(*[startup(21, delayed=20)] * 200)))
    assert found.outcome is Outcome.HELD
    assert found.reason.endswith(
        "; 200 startups at once stretched each other's time from at most 1 s to 21 s on 2 cores: "
        "the machine and not the fault took that time"
    )


@pytest.mark.parametrize("ready", [5, 0], ids=["held", "violated"])
def test_what_bears_on_no_verdict_is_not_said_in_it(ready: int) -> None:
    """A machine of two cores stretches nearly every launch by some tenths of a second."""
    felt = startup(1.8, delayed=1.0, cpu=0.7)
    refused = startup(1.8, delayed=1.0, status="failed", error={"error_class": "Refused"})
    before, after = launch(*[felt] * 5), launch(*[felt if ready else refused] * 5)
    found, _ = judged(journal(before=before, after=after))
    assert found.outcome is (Outcome.HELD if ready else Outcome.VIOLATED)
    assert "stretched" not in found.reason
    assert "core" not in found.reason


def test_little_is_not_said() -> None:
    quiet = launch(*[startup(0.9, delayed=0.08)] * 5)
    found, _ = judged(journal(before=quiet, after=quiet))
    assert found.reason == "the steady state held before and after the method"


def test_a_baseline_that_the_machine_spoils_says_what_to_change() -> None:
    found, _ = judged(journal(before=launch(*[STRETCHED] * 200), after=None))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.BASELINE)
    assert found.reason.endswith(
        "each of 200 startups at once waited 26.2 s of its 27 s for a core (2 cores): the machine "
        "and not the fault took that time; start fewer at once (count), or on more cores"
    )


def test_no_recovery_by_the_machine_alone_is_not_blamed_on_the_fault() -> None:
    found, _ = judged(journal(before=WELL, after=WELL, recovery=launch(*[STRETCHED] * 200)))
    assert (found.outcome, found.cause) == (Outcome.INCONCLUSIVE, Cause.MACHINE)


@pytest.mark.parametrize(
    ("all_of_it", "text"),
    [
        ([startup(5, delayed=4, cpu=0.7)] * 2,
         "other work on this machine stretched the time of 2 startups at once from at most 1 s"),
        ([startup(5, delayed=4, cpu=0.7, wire=wire(4.5, 0.5, 9))],
         "other work on this machine stretched the own time of 1 startup from at most 0.5 s to"),
        ([startup(27, delayed=20, cpu=0.7, status="timed_out")],
         "1 startup, beside other work on this machine, waited 20 s of its 27 s for a core"),
        ([startup(27, delayed=20, cpu=0.7, status="timed_out", wire=wire(21, 6, 9))] * 3,
         "each of 3 startups at once, beside other work on this machine, waited 20 s of its "),
    ],
)  # fmt: skip
def test_who_took_the_time_is_told(all_of_it: list[dict[str, Any]], text: str) -> None:
    found = present(machine_share([share_of(one, CORES) for one in all_of_it], CORES))
    assert found.text.startswith(text)
    assert found.text.count("own time") == (found.waits_known and found.own_seconds > 0)
    assert "less other work" in found.advice
