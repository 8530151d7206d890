"""The longest chain of waits, told from traffic without latency, against what programs do.

It is exact for programs of one thread that

- do one thing after the other, on any connections, also one within the transaction of another; and
- gather tasks of which each has a transaction, also on a connection that it opens itself, as long
  as the server takes longer for an answer than the client for a question of each task;
- open any connections at once, whatever the work that the client has with them.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.wire.observation import Reached
from chaosnetra.wire.observing import observe
from tests.unit.wire.logs import Logs
from tests.unit.wire.programs import Ask, Gather, Login, Program, Ran, chain, run, transaction

CLIENT_SECONDS = 0.000_1
MOST_AT_ONCE = 6


def ran(program: Program, seed: int, *, latency: float = 0.0, busy_client: bool = False) -> Ran:
    """Run it; a client that is not busy has asked on all connections before the first answer."""
    chance = random.Random(seed)
    least = 0.0 if busy_client else CLIENT_SECONDS * (2 * MOST_AT_ONCE + 4)
    return run(
        program,
        lambda: chance.uniform(0.1, 1.0) * CLIENT_SECONDS,
        lambda: least + chance.uniform(0.1, 3.0) * CLIENT_SECONDS,
        latency,
    )


def told(ran: Ran) -> int:
    return observe(ran.logs.log, 0.0, ran.seconds).serial_round_trips


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Connections are opened, then used: in turn, within each other, or side by side."""
    pool = list(range(draw(st.integers(1, MOST_AT_ONCE))))
    logins: Program = [Login(one) for one in pool]
    first = draw(st.integers(0, len(pool)))  # the others are opened at once
    program: Program = logins[:first]
    if logins[first:]:
        program.append(Gather([[login] for login in logins[first:]]))
    new = len(pool)
    one_of = st.sampled_from(pool)
    for section in draw(
        st.lists(st.sampled_from(["turns", "within", "gather", "opens"]), max_size=6)
    ):
        if section == "turns":
            program.extend(Ask(one) for one in draw(st.lists(one_of, max_size=8)))
            program.extend(transaction(draw(one_of), draw(st.integers(0, 3))))
        elif section == "within":
            outer, inner = draw(one_of), draw(one_of)
            steps = transaction(outer, 2)
            if outer != inner:
                steps[2:2] = [Ask(inner), Ask(inner)]
            program.extend(steps)
        elif section == "gather":
            used = draw(st.lists(one_of, min_size=1, unique=True))
            program.append(Gather([transaction(one, draw(st.integers(0, 5))) for one in used]))
        else:
            opened = range(new, new + draw(st.integers(1, MOST_AT_ONCE)))
            new = opened.stop
            program.append(
                Gather([[Login(one), *transaction(one, draw(st.integers(0, 3)))] for one in opened])
            )
    return program


@given(programs(), st.integers())
def test_the_chain_is_that_of_the_program(program: Program, seed: int) -> None:
    assert told(ran(program, seed)) == chain(program)


@given(programs(), st.integers())
def test_it_is_what_latency_is_multiplied_by(program: Program, seed: int) -> None:
    latency = 0.5
    without = ran(program, seed)
    slow = ran(program, seed, latency=latency)
    assert slow.seconds == pytest.approx(told(without) * latency, abs=slow.busy_seconds + 1e-6)
    assert told(slow) == told(without)


@given(programs(), st.integers())
def test_with_a_busy_client_it_is_between_one_connection_and_all_of_them(
    program: Program, seed: int
) -> None:
    result = ran(program, seed, busy_client=True)
    seen = observe(result.logs.log, 0.0, result.seconds)
    longest = max(one.round_trips for one in seen.connections)
    assert longest <= seen.serial_round_trips <= seen.round_trips
    assert 0 < seen.serial_setup_round_trips <= seen.setup_round_trips


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 3), max_size=60), st.integers(0, 3))
def test_any_traffic_has_a_chain_within_bounds(
    trips: list[tuple[int, int, int]], unread: int
) -> None:
    logs = Logs()
    connections = [logs.opened(float(number)) for number in range(5)]
    for number, one in enumerate(connections):
        if number < unread:
            one.cannot_be_read(float(number))
        elif number % 2:
            one.stage(number + 3.0, Reached.SESSION)
    at = [float(number) for number in range(5)]
    for where, pause, took in trips:
        number = where % 5
        sent = at[number] + pause
        text = ("BEGIN", "COMMIT", "SELECT 1", "RESET ALL", None)[where // 5 % 5]
        connections[number].asks(sent, sent + took, text)
        at[number] = sent + took
    seen = observe(logs.log, 0.0, 10_000.0)
    longest = max(one.round_trips for one in seen.connections)
    assert longest <= seen.serial_round_trips <= seen.round_trips
    assert seen.serial_setup_round_trips <= min(seen.serial_round_trips, seen.setup_round_trips)


@given(st.integers(2, 40), st.floats(0.5, 50.0), st.integers())
def test_connections_opened_at_once_cost_one_login_however_busy_the_client(
    connections: int, busy: float, seed: int
) -> None:
    chance = random.Random(seed)
    program: Program = [Gather([[Login(one)] for one in range(connections)]), Ask(0), Ask(1)]
    result = run(program, lambda: busy * chance.uniform(0.5, 1.0), lambda: 1.0)
    seen = observe(result.logs.log, 0.0, result.seconds)
    assert (seen.serial_round_trips, seen.serial_setup_round_trips) == (6, 4)


def test_workers_that_open_one_connection_after_the_other() -> None:
    program: Program = [
        Gather([[Login(worker * 10 + one) for one in range(4)] for worker in range(3)])
    ]
    result = run(program, lambda: 0.001, lambda: 0.1)
    assert told(result) == 16


def test_a_pool_that_opens_more_connections_meanwhile() -> None:
    """One task goes on, on whatever connection is free, while another opens connections."""
    asked: Program = [Ask(number % 2) for number in range(40)]
    program: Program = [
        Login(0),
        Login(1),
        Gather([asked, [Login(2), Login(3), Login(4)]]),
        *[Ask(number % 5) for number in range(10)],
    ]
    assert told(run(program, lambda: 0.001, lambda: 0.1)) == chain(program) == 58


def test_a_pool_that_resets_connections_given_back() -> None:
    def use(connection: int, statements: int) -> Program:
        return [*[Ask(connection)] * statements, Ask(connection, "SELECT x; RESET ALL")]

    loop: Program = [Gather([use(one, 1) for one in range(5)]), *use(4, 1), *use(4, 1)]
    program: Program = [Gather([[Login(one)] for one in range(5)]), *loop * 6]
    assert told(run(program, lambda: 0.01, lambda: 0.1)) == chain(program) == 40


def test_tasks_without_transactions_side_by_side() -> None:
    tasks: list[Program] = [[Ask(one)] * 20 for one in range(4)]
    program: Program = [*[Login(one) for one in range(4)], Gather(tasks), *[Ask(0)] * 5]
    assert told(run(program, lambda: 0.01, lambda: 0.1)) == chain(program) == 41


def test_one_task_that_is_held_up_does_not_wait_for_the_other() -> None:
    """The second answer takes as long as all others of the other task; then it goes on alone."""
    logs = Logs()
    one, other = logs.session(0.0, 1.0), logs.session(1.0, 2.0)
    for traffic in (one, other):
        traffic.asks(3.0, 3.5, "BEGIN")
    for step in range(20):
        one.asks(4.0 + step, 4.5 + step, "SELECT 1")
    one.asks(24.0, 24.5, "COMMIT")
    other.asks(4.0, 24.7, "SELECT 1")
    for step in range(20):
        other.asks(25.0 + step, 25.5 + step, "SELECT 1")
    other.asks(45.0, 45.5, "COMMIT")
    seen = observe(logs.log, 0.0, 50.0)
    assert seen.serial_round_trips == 8 + 23


@pytest.mark.parametrize("turns", [4, 6])
def test_encrypted_logins_at_once(turns: int) -> None:
    """A request for TLS, its handshake, the startup message and SCRAM; then statements in turn."""
    logs = Logs()
    connections = [logs.opened(number / 100) for number in range(10)]
    for turn in range(turns + 1):
        for number, one in enumerate(connections):
            if turn == 1:
                one.cannot_be_read(turn + number / 10)
            if turn < 5 or number == turn:
                one.asks(turn + number / 10, turn + number / 10 + 0.05)
    seen = observe(logs.log, 0.0, 50.0)
    assert seen.serial_round_trips == 5 + turns - 4


def test_a_task_opens_a_connection_while_another_works_and_uses_it_afterwards() -> None:
    logs = Logs()
    one = logs.session(0.0, 1.0)
    for step, text in enumerate(["BEGIN", *["SELECT 1"] * 8, "COMMIT"]):
        one.asks(2.0 + step, 2.5 + step, text)
    other = logs.session(2.2, 15.0)  # its login takes longer than all that
    for step, text in enumerate(["BEGIN", *["SELECT 1"] * 8, "COMMIT"]):
        other.asks(16.0 + step, 16.5 + step, text)
    assert observe(logs.log, 0.0, 50.0).serial_round_trips == 4 + 4 + 10


@pytest.mark.parametrize("in_transactions", [True, False])
def test_connections_opened_while_the_first_is_used_and_used_afterwards_in_turn(
    *, in_transactions: bool
) -> None:
    """As SQLAlchemy's pool, which asks the server for its version on its first connection."""
    looks: Program = [Login(0), *[Ask(0)] * 6]
    opened: Program = [Gather([looks, *[[Login(one)] for one in range(1, 4)]])]
    uses = [transaction(one, 3) if in_transactions else [Ask(one)] * 3 for one in range(4)]
    program: Program = [*opened, *[step for use in uses for step in use]]
    assert told(run(program, lambda: 0.001, lambda: 0.1)) == chain(program)


def test_gathers_without_transactions_and_a_statement_between_them() -> None:
    loop: Program = [Gather([[Ask(one)] for one in range(4)]), Ask(2)]
    program: Program = [*[Login(one) for one in range(4)], *loop * 8]
    assert told(run(program, lambda: 0.01, lambda: 0.1)) == chain(program) == 32


def is_exact(program: Program) -> bool:
    result = run(program, lambda: 0.001, lambda: 0.1)
    return observe(result.logs.log, 0.0, result.seconds).serial_is_exact


def test_it_says_whether_the_chain_is_exact() -> None:
    turns: Program = [*transaction(0, 3), Ask(1), Ask(0), Ask(1)]
    assert is_exact([])
    assert is_exact([Login(0), Login(1), *turns])
    assert is_exact([Gather([[Login(one)] for one in range(4)]), *turns])
    at_once: list[Program] = [[Ask(0)], [Ask(1)]]
    assert not is_exact([Login(9), Gather([[Login(one)] for one in range(4)]), *turns])
    assert not is_exact([Login(0), Login(1), Gather(at_once), *turns])
    assert not is_exact([Login(0), Gather([[Login(1)], transaction(0, 3)])])
