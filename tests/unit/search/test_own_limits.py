"""Limits of a service's own, and what they bound, from the trials of a search."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.endings import End
from chaosnetra.search.forecast import forecast_of
from chaosnetra.search.habits import habits_of
from chaosnetra.search.judging import end_of, next_values
from chaosnetra.search.own_limits import Tried, own_limit_of
from chaosnetra.search.record import Limit
from chaosnetra.search.span import Span
from chaosnetra.search.telling import answer
from chaosnetra.wire.observation import End as Ended
from chaosnetra.wire.observation import Observation, Reached
from tests.support import seen_on_the_wire as wire
from tests.support.journals import journal, startups, state
from tests.support.searches import search, trial, with_trial

RECORDED = json.loads((Path(__file__).parent / "recorded_searches.json").read_text())
LOGIN = 3
OPENED = 0.2


class Service:
    """One that asks so many things on one connection, each with an answer, within limits."""

    def __init__(
        self,
        *,
        statements: int = 7,
        answer: float = 99.0,
        login: float = 99.0,
        attempt: float = 99.0,
        whole: float = 99.0,
        attempts: int = 1,
    ) -> None:
        self.statements, self.answer, self.login = statements, answer, login
        self.attempt, self.whole, self.attempts = attempt, whole, attempts

    def start(self, added: float, late: float = 0.0) -> tuple[bool, Observation]:
        """Whether it is ready under so much latency, and what is seen of it."""
        each = 0.001 + added
        at, found, waits = OPENED + late, [], []
        for number in range(1, self.attempts + 1):
            opened, answered = at, 0
            ends = min(opened + self.attempt, OPENED + late + self.whole)
            limits = [opened + self.login] * LOGIN
            given_up = None
            for trip in range(LOGIN + self.statements):
                limit = limits[trip] if trip < LOGIN else at + self.answer
                if at + each > min(ends, limit):
                    given_up = min(ends, limit)
                    waits.append((at, given_up))
                    break
                waits.append((at, at + each))
                at, answered = at + each, answered + 1
            is_session = answered >= LOGIN
            found.append(
                wire.connection(
                    number,
                    opened_seconds=opened,
                    session_seconds=opened + LOGIN * each if is_session else None,
                    reached=Reached.SESSION if is_session else Reached.STARTUP,
                    round_trips=answered,
                    setup_round_trips=min(LOGIN, answered),
                    end=Ended.OPEN if given_up is None else Ended.CLIENT,
                    ended_seconds=given_up,
                    unanswered_seconds=None if given_up is None else given_up - at,
                )
            )
            if given_up is None:
                break
            at = given_up + 0.5
            if given_up >= OPENED + late + self.whole:
                break
        ready = given_up is None
        ended = waits[-1][1] + 0.1
        last = None if ready else Ended.CLIENT
        return ready, wire.observation(
            *found, standing=wire.by_itself(last, 0.1), waits=tuple(waits), seconds=ended
        )

    @property
    def breaks_at(self) -> float:
        """The latency in seconds above which it is not ready."""
        trips = LOGIN + self.statements
        limits = (self.answer, self.login / LOGIN, self.attempt / trips, self.whole / trips)
        return min(limits) - 0.001


def alone(service: Service, added: float, late: float = 0.0) -> Tried:
    """A trial of one startup."""
    before, under = service.start(0.0, late), service.start(added, late)
    return Tried(added, not under[0], journal_of([before], [under]))


def tried(service: Service, added: float) -> Tried:
    before = [service.start(0.0, late) for late in (0.0, 0.3, 0.6)]
    under = [service.start(added, late) for late in (0.0, 0.25, 0.5)]
    return Tried(added, not all(ready for ready, _ in under), journal_of(before, under))


def journal_of(
    before: Sequence[tuple[bool, Observation]], under: Sequence[tuple[bool, Observation]]
) -> dict[str, Any]:
    return journal_with(
        *([(ready, seen.to_json()) for ready, seen in found] for found in (before, under))
    )


def journal_with(
    before: Sequence[tuple[bool, Any]], under: Sequence[tuple[bool, Any]]
) -> dict[str, Any]:
    """A journal with startups of which it is known whether they were ready, and their `wire`."""
    told = [
        [
            {
                "number": number,
                "status": "ready" if ready else "failed",
                "ended_by": None if ready else "itself",
                "seconds": seen["seconds"],
                "wire": json.loads(json.dumps(seen)),
            }
            for number, (ready, seen) in enumerate(found, 1)
        ]
        for found in (before, under)
    ]
    checks = [
        state(startups(sum(one["status"] == "ready" for one in of), len(of), startups=of))
        for of in told
    ]
    return normalized(journal(before=checks[0], after=checks[1]))


@pytest.mark.parametrize("service", RECORDED)
def test_what_was_recorded_of_services_predicts_where_they_break(service: str) -> None:
    """Searches of a FastAPI, a Django, a Node and a shell service with limits of their own.

    FastAPI has one on all that it asks (22 round trips in 6 s), Django on the set-up of a
    connection (4 in 2 s), Node on an answer (1.5 s), the script on each of three attempts (9 in
    4 s). Where they break was measured through a delay of another make.
    """
    told = RECORDED[service]
    lowest, highest = told["breaks_at_ms"]
    trials = [
        Tried(
            one["added_seconds"],
            one["violated"],
            journal_with(
                [(True, wire) for wire in one["before"]],
                [(under["ready"], under["wire"]) for under in one["under"]],
            ),
        )
        for one in told["trials"]
    ]
    assert own_limit_of(trials[:1]) is None
    limit = own_limit_of(trials)
    assert limit is not None
    forecast = forecast_of([limit], 1.0)
    assert forecast is not None
    assert 0.96 * lowest <= forecast.value <= 1.04 * highest
    assert (habits_of(trials).tries_again is not None) == (service == "shell_wait")
    assert habits_of(trials).polls is None


@pytest.mark.parametrize(
    ("service", "name", "trips"),
    [
        (Service(answer=1.5), "its own limit of one answer", 1),
        (Service(login=2.0), "its own limit of a connection's set-up", LOGIN),
        (
            Service(login=2.0, attempts=4),
            "its own limit of a connection's set-up",
            LOGIN,
        ),
        (Service(attempt=3.0), "its own limit from the opening of its connection", 10),
        (Service(attempt=3.0, attempts=3), "its own limit from the opening of its connection", 10),
        (Service(whole=4.0), "its own limit from the opening of its connection", 10),
        (Service(whole=0.8), "its own limit from the opening of its connection", 10),
    ],
)
def test_a_limit_of_its_own_bounds_the_work_that_it_counts_from(
    service: Service, name: str, trips: int
) -> None:
    broken = 1.5 * service.breaks_at
    limit = own_limit_of([tried(service, 0.02), tried(service, broken)])
    assert limit is not None
    assert (limit.name, limit.round_trips) == (name, trips)
    forecast = forecast_of([limit], 1.0)
    assert forecast is not None
    assert forecast.value == pytest.approx(1000 * service.breaks_at, rel=0.02)


@pytest.mark.parametrize(
    "service",
    [Service(whole=4.0), Service(answer=1.5), Service(login=2.0), Service(login=3.0, whole=8.0)],
)
@pytest.mark.parametrize("highest", [1.3, 2.0, 3.7])
def test_a_search_gets_there_in_few_trials(service: Service, highest: float) -> None:
    """Also where the first that is violated leaves open which limit it was."""
    trials = [tried(service, 0.02), tried(service, highest)]
    if not trials[-1].violated:
        return
    for _ in range(3):
        limit = own_limit_of(trials)
        assert limit is not None
        predicted = (limit.seconds - limit.own_seconds) / limit.round_trips
        if predicted == pytest.approx(service.breaks_at, rel=0.03):
            break
        trials.append(tried(service, 0.96 * predicted))
    else:
        pytest.fail(f"{predicted} is predicted after {len(trials)} trials")
    assert len(trials) <= 4


def test_a_loop_that_is_cut_short_in_a_login_has_the_limit_of_each_login() -> None:
    service = Service(login=3.0, whole=8.0, attempts=9)
    limit = own_limit_of([tried(service, 0.02), tried(service, 2.0)])
    assert limit is not None
    assert (limit.seconds, limit.round_trips) == (pytest.approx(3.0), LOGIN)


def test_an_attempt_that_is_cut_short_now_in_a_login_and_now_after_it_is_limited_as_a_whole() -> (
    None
):
    service = Service(attempt=2.0, attempts=3)
    early, late = service.start(0.68), service.start(0.66)
    assert (early[1].sessions, late[1].sessions) == (0, 3)
    data = journal_of([service.start(0.0)] * 3, [early, late, early])
    limit = own_limit_of([tried(service, 0.02), Tried(0.67, True, data)])
    assert limit is not None
    assert (limit.seconds, limit.round_trips) == (pytest.approx(2.0), 10)


def test_a_login_that_was_over_too_late_tells_its_limit_better_than_the_end_of_its_process() -> (
    None
):
    """A client may notice only at the next answer, and close with its process."""

    def late(answered: int, each: float, closed: float) -> tuple[bool, Observation]:
        waits = tuple((OPENED + n * each, OPENED + (n + 1) * each) for n in range(answered))
        is_session = answered == LOGIN
        connection = wire.connection(
            opened_seconds=OPENED,
            session_seconds=waits[-1][1] if is_session else None,
            reached=Reached.SESSION if is_session else Reached.AUTHENTICATION,
            round_trips=answered,
            setup_round_trips=answered,
            end=Ended.CLIENT_RESET,
            ended_seconds=OPENED + closed,
        )
        standing = wire.by_itself(Ended.CLIENT_RESET, 0.01)
        seconds = OPENED + closed + 0.01
        return False, wire.observation(connection, standing=standing, waits=waits, seconds=seconds)

    service = Service()
    before = [service.start(0.0)] * 3
    trials = [
        tried(service, 0.02),
        Tried(1.05, True, journal_of(before, [late(2, 1.05, 2.6)] * 3)),
        Tried(0.68, True, journal_of(before, [late(LOGIN, 0.68, 2.5)] * 3)),
    ]
    limit = own_limit_of(trials)
    assert limit is not None
    assert (limit.seconds, limit.round_trips) == (pytest.approx(3 * 0.68), LOGIN)


def test_a_limit_that_a_trial_contradicts_is_none() -> None:
    """Three seconds from the connection on would have ended it at 900 ms, which held."""
    service = Service(answer=1.5)
    trials = [tried(service, 0.02), tried(service, 2.0)]
    assert own_limit_of(trials) is not None
    other = Service(whole=3.0)
    impossible = [Tried(0.9, False, trials[0].journal), tried(other, 0.95)]
    assert own_limit_of(impossible) is None


def test_one_startup_and_those_that_a_budget_ended_show_none() -> None:
    service = Service(answer=1.5)
    before, under = service.start(0.0), service.start(2.0)
    lonely = Tried(2.0, True, journal_of([before], [under]))
    assert own_limit_of([lonely]) is None
    data = journal_of([before] * 3, [under] * 3)
    for run in data["steady_states"]["after"]["probes"]:
        for one in run["output"]["startups"]:
            one["error"] = {"budget": "table_setup"}
    assert own_limit_of([Tried(2.0, True, data)]) is None


@pytest.mark.parametrize("second", [0.13, 0.4])
def test_startups_that_were_alone_in_their_trials_count_together(second: float) -> None:
    service = Service(statements=59, whole=6.0)
    trials = [alone(service, 0.02), alone(service, 0.4)]
    assert own_limit_of(trials) is None
    limit = own_limit_of([*trials, alone(service, second, late=0.05)])
    assert limit is not None
    assert limit.shown_under == (1 if second == 0.4 else 2)
    assert (limit.seconds, limit.round_trips) == (pytest.approx(6.0), 62)
    forecast = forecast_of([limit], 1.0)
    assert forecast is not None
    assert forecast.value == pytest.approx(1000 * service.breaks_at, rel=0.02)
    # The same time under two latencies does not follow from them.
    assert forecast.spread == (0.1 if second == 0.4 else 0.05)


@pytest.mark.parametrize(("whole", "most"), [(6.0, 6), (12.0, 8)])
def test_a_search_of_one_startup_a_trial_gets_there_in_few_trials(whole: float, most: int) -> None:
    """At first it goes by the limit of the platform, far beyond the span.

    12 s are over 10 ms after an answer under the second latency that is too much, so that nothing
    is seen to be given up there, and another one has to show the limit.
    """
    service = Service(statements=59, whole=whole)
    span, platform = Span(5, 400), Limit("startup timeout", 240.0, 0.5, 62)
    made = search(span=span, forecast=forecast_of([platform], 1.0))
    trials: list[Tried] = []
    while end_of(made) is End.GOES_ON:
        value = next_values(made)[made.key]
        trials.append(alone(service, value / 1000, late=0.05 * (len(trials) % 3)))
        failures = int(trials[-1].violated)
        one = trial(value, number=len(trials), attempts=1, failures=failures)
        outcome = "violated" if failures else "held"
        made = with_trial(made, replace(one, outcome=outcome, breaks_first="TimeoutError"))
        own = own_limit_of(trials)
        if own is not None:
            made = replace(made, forecast=forecast_of([own], 1.0))
    found = conclude(made)
    assert found.end is End.PRECISE
    assert len(trials) <= most
    assert found.forecast_confirmed is True
    assert found.point is not None
    assert found.point.value == pytest.approx(1000 * service.breaks_at, rel=0.1)
    assert f", {whole:g} s (TimeoutError)" in answer(made, found)


def test_work_that_was_measured_close_to_where_it_breaks_is_known_better() -> None:
    service = Service(statements=59, whole=6.0)
    trials = [alone(service, 0.02), alone(service, 0.4), alone(service, 0.13)]
    near = alone(service, 0.96 * service.breaks_at, late=0.1)
    assert not near.violated
    limit = own_limit_of([*trials, near])
    assert limit is not None
    assert limit.is_near
    forecast = forecast_of([limit], 1.0)
    assert forecast is not None
    assert forecast.spread == 0.02
    # A login tells only what was too long.
    login = Service(login=2.0)
    found = own_limit_of([tried(login, 0.02), tried(login, 1.0), tried(login, 0.64)])
    assert found is not None
    assert not found.is_near


def test_startups_alone_whose_times_follow_from_the_latency_show_no_limit() -> None:
    trials = [
        alone(Service(statements=59), 0.02),
        alone(Service(statements=59, whole=12.0), 0.4),
        alone(Service(statements=59, whole=3.9), 0.13),
    ]
    assert [one.violated for one in trials] == [False, True, True]
    assert own_limit_of(trials) is None


def test_a_startup_alone_does_not_count_against_those_of_a_launch() -> None:
    service = Service(statements=59, whole=6.0)
    trials = [alone(service, 0.02), tried(service, 0.4)]
    expected = own_limit_of(trials)
    assert expected is not None
    assert own_limit_of([*trials, alone(Service(statements=59, whole=9.0), 0.3)]) == expected


def test_a_limit_that_the_output_names_bounds_what_was_asked_in_its_time() -> None:
    """It began after nine answers, and ends eleven in 5 s."""

    def start(added: float, late: float) -> tuple[bool, Observation]:
        service = Service(statements=16)
        _, whole = service.start(added, late)
        begun = whole.waits[8][1]
        if whole.waits[-1][1] <= begun + 5.0:
            return True, whole
        limited = Service(statements=16, whole=begun + 5.0 - OPENED - late)
        return limited.start(added, late)

    def named(added: float, late: Sequence[float] = (0.0, 0.25)) -> Tried:
        before, under = ([start(one, each) for each in late] for one in (0.0, added))
        data = journal_of(before, under)
        for check in data["steady_states"]["after"]["probes"]:
            for startup in check["output"]["startups"]:
                if startup["status"] == "failed":
                    startup["error"] = {"text": "warming the cache: timeout after 5.0s"}
        return Tried(added, not all(ready for ready, _ in under), data)

    limit = own_limit_of([named(0.02), named(1.4), named(0.9)])
    assert limit is not None
    assert limit.name == "the limit that its output names"
    assert limit.round_trips == LOGIN + 16 - 9
    assert limit.seconds == 5.0
    held, *lonely = (named(added, [0.0]) for added in (0.02, 1.4, 0.9))
    assert own_limit_of([held, *lonely]) == limit
    assert own_limit_of([held, lonely[0]]) is None


def test_the_work_is_that_of_the_highest_latency_that_held() -> None:
    """One that polls for three seconds asks less often under a latency."""

    def polls(added: float) -> Tried:
        trips = max(1, int(3.0 / (0.2 + added)))
        service = Service(statements=trips, whole=6.0)
        fast = Service(statements=15, whole=6.0)
        before = [fast.start(0.0)] * 3
        under = [service.start(added, late) for late in (0.0, 0.3, 0.6)]
        return Tried(added, not all(ready for ready, _ in under), journal_of(before, under))

    trials = [polls(0.02), polls(1.7)]
    first = own_limit_of(trials)
    assert first is not None
    assert first.round_trips == LOGIN + 13
    trials.append(polls(1.0))
    assert not trials[-1].violated
    second = own_limit_of(trials)
    assert second is not None
    assert second.round_trips == LOGIN + 2
    habits = habits_of(trials)
    assert habits.polls == (
        "under 1000 ms a startup made 5 round trips one after the other instead of 18, as a "
        "service does that polls: they do not tell what a start takes"
    )
    assert habits.tries_again is None


def test_who_overlaps_more_under_a_latency_does_not_poll() -> None:
    """As workers do that are started one after the other."""
    service = Service(statements=15, whole=60.0)

    def trial(added: float, serial: int) -> Tried:
        def start(added: float, serial: int, in_all: int = 40) -> tuple[bool, Observation]:
            ready, seen = service.start(added)
            return ready, replace(seen, serial_round_trips=serial, round_trips=in_all)

        return Tried(added, False, journal_of([start(0.0, 40)] * 3, [start(added, serial)] * 3))

    assert habits_of([trial(1.0, 20)]).polls is None


def test_who_tries_again_is_told_apart() -> None:
    service = Service(login=2.0, attempts=4)
    habits = habits_of([tried(service, 0.02), tried(service, 1.0)])
    assert habits.tries_again == (
        "under 1000 ms a startup opened 4 connections instead of 1, as a service does that tries "
        "again"
    )
    assert habits.polls is None
    calm = Service(login=2.0)
    assert habits_of([tried(calm, 0.02), tried(calm, 1.0)]) == habits_of([])
