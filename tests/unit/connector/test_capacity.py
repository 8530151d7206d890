"""The connector's state machine, on a clock of the test's own."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.connector.capacity import Capacity, Ticket, TicketState
from chaosnetra.connector.model import OPEN_CONNECTOR, ConnectorModel, WhenFull, parse_model

Noted = list[tuple[float, str]]


def model(**values: Any) -> ConnectorModel:
    return parse_model(
        {
            "instances": 2,
            "maximum_instances": 4,
            "connections_per_instance": 25,
            "pressure_threshold": 1,
            "scale_up_delay_seconds": 30,
            **values,
        }
    )


def capacity(model: ConnectorModel, seed: int = 1) -> tuple[Capacity, Noted]:
    noted: Noted = []
    return Capacity(model, seed, lambda at, event, data: noted.append((at, event))), noted


def states(tickets: list[Ticket]) -> list[str]:
    return [ticket.state.name.lower() for ticket in tickets]


def test_sixty_clients_of_fifty_slots_leave_ten_waiting() -> None:
    connector, _ = capacity(model())
    tickets = [connector.arrive(0) for _ in range(60)]
    assert states(tickets) == ["admitted"] * 50 + ["waiting"] * 10
    assert (connector.slots, connector.in_use, connector.queued) == (50, 50, 10)


def test_refusing_keeps_no_queue() -> None:
    connector, _ = capacity(model(when_full="refuse"))
    tickets = [connector.arrive(0) for _ in range(60)]
    assert states(tickets) == ["admitted"] * 50 + ["refused"] * 10
    assert (connector.in_use, connector.queued) == (50, 0)


def test_a_free_slot_goes_to_the_one_who_waits_longest() -> None:
    connector, _ = capacity(model(instances=1, connections_per_instance=1, maximum_instances=1))
    first, second, third = (connector.arrive(at) for at in (0, 1, 2))
    assert states([first, second, third]) == ["admitted", "waiting", "waiting"]
    connector.leave(3)
    assert states([second, third]) == ["admitted", "waiting"]
    connector.leave(4)
    assert states([second, third]) == ["admitted", "admitted"]


def test_who_waits_too_long_is_turned_away_at_the_deadline() -> None:
    connector, _ = capacity(model(maximum_instances=2, queue_timeout_seconds=5))
    tickets = [connector.arrive(0) for _ in range(50)] + [connector.arrive(1)]
    assert connector.next_event_at() == 6
    connector.advance(5.999)
    assert tickets[-1].state is TicketState.WAITING
    connector.advance(6)
    assert tickets[-1].state is TicketState.EXPIRED
    assert connector.next_event_at() is None


def test_who_gives_up_leaves_the_queue_and_no_trace() -> None:
    connector, _ = capacity(model())
    tickets = [connector.arrive(0) for _ in range(52)]
    connector.give_up(tickets[50], 1)
    connector.leave(2)
    assert states(tickets[50:]) == ["gone", "admitted"]
    connector.give_up(tickets[51], 3)
    assert (connector.in_use, connector.queued) == (49, 0)


def test_pressure_begins_a_scale_up_that_lets_the_queue_in_when_it_is_due() -> None:
    connector, noted = capacity(model())
    tickets = [connector.arrive(0.001 * number) for number in range(60)]
    # The fiftieth client took the last slot: from then on there was pressure.
    begun = 0.001 * 49
    assert noted == [(pytest.approx(begun), "scale-up begun")]
    connector.advance(begun + 29.999)
    assert states(tickets).count("waiting") == 10
    connector.advance(begun + 30)
    assert states(tickets) == ["admitted"] * 60
    assert (connector.instances, connector.slots, connector.in_use) == (3, 75, 60)


def test_it_scales_up_one_by_one_to_the_largest_and_never_down() -> None:
    connector, noted = capacity(model(queue_timeout_seconds=3600))
    for _ in range(200):
        connector.arrive(0)
    for now in (30, 60.5, 1000):  # the clock may come late, and says when it came
        connector.advance(now)
    assert [(at, event) for at, event in noted if event == "scaled up"] == [
        (30, "scaled up"),
        (60.5, "scaled up"),
    ]
    assert (connector.instances, connector.in_use, connector.queued) == (4, 100, 100)
    for number in range(200):
        connector.leave(2000 + number)
    assert (connector.instances, connector.in_use, connector.queued) == (4, 0, 0)


def test_the_pressure_threshold_is_a_share_of_the_slots() -> None:
    connector, noted = capacity(model(pressure_threshold=0.7, pressure_delay_seconds=20))
    tickets = [connector.arrive(0) for _ in range(40)]
    # 35 of 50 are 70 %: the 36th client is the first that finds pressure.
    assert [ticket.delay_seconds for ticket in tickets] == [0] * 35 + [20] * 5
    assert noted == [(0, "scale-up begun")]


def test_delays_are_drawn_within_their_bounds_and_again_with_the_same_seed() -> None:
    def delays(seed: int) -> list[float]:
        pressed = model(pressure_threshold=0, pressure_delay_seconds=[10, 20], instances=4)
        connector, _ = capacity(pressed, seed)
        return [connector.arrive(0).delay_seconds for _ in range(100)]

    assert delays(1) == delays(1) != delays(2)
    assert all(10 <= delay <= 20 for delay in delays(1))
    assert len(set(delays(1))) > 90


def test_more_instances_by_hand_let_the_queue_in_at_once() -> None:
    connector, _ = capacity(model())
    tickets = [connector.arrive(0) for _ in range(60)]
    connector.change(connector.model.changed({"instances": 3}), 1)
    assert states(tickets) == ["admitted"] * 60


def test_fewer_slots_take_none_away_but_give_no_new_ones() -> None:
    connector, _ = capacity(model())
    tickets = [connector.arrive(0) for _ in range(50)]
    connector.change(connector.model.changed({"instances": 1}), 1)
    assert (connector.slots, connector.in_use) == (25, 50)
    waiting = connector.arrive(2)
    for _ in range(25):
        connector.leave(3)
    assert waiting.state is TicketState.WAITING
    connector.leave(4)
    assert waiting.state is TicketState.ADMITTED
    assert all(ticket.state is TicketState.ADMITTED for ticket in tickets)


def test_a_queue_that_becomes_a_refusal_turns_everybody_away() -> None:
    connector, _ = capacity(model())
    tickets = [connector.arrive(0) for _ in range(60)]
    connector.change(connector.model.changed({"when_full": "refuse"}), 1)
    assert states(tickets[50:]) == ["refused"] * 10


def test_a_lower_maximum_calls_a_scale_up_off() -> None:
    connector, _ = capacity(model())
    for _ in range(60):
        connector.arrive(0)
    assert connector.scale_up_at == 30
    connector.change(connector.model.changed({"maximum_instances": 2}), 1)
    connector.advance(100)
    assert connector.instances == 2


def test_a_lower_maximum_takes_scaled_up_instances_back() -> None:
    limits = model(instances=1, maximum_instances=3)
    connector, _ = capacity(limits)
    for _ in range(100):
        connector.arrive(0)
    connector.advance(30)
    assert connector.instances == 2
    connector.change(OPEN_CONNECTOR, 31)
    assert connector.instances == 1
    # The next limit begins where the first one did.
    connector.change(limits, 32)
    assert connector.instances == 1


def test_the_open_connector_holds_nobody_back() -> None:
    connector, noted = capacity(OPEN_CONNECTOR)
    tickets = [connector.arrive(0) for _ in range(5000)]
    assert {ticket.state for ticket in tickets} == {TicketState.ADMITTED}
    assert {ticket.delay_seconds for ticket in tickets} == {0}
    assert noted == []


steps = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "leave", "give up", "wait", "change"]),
        st.integers(0, 40),
        st.sampled_from(list(WhenFull)),
    ),
    max_size=80,
)


@given(steps=steps, seed=st.integers(0, 10))
@settings(max_examples=500, deadline=None)
def test_whatever_happens_the_gauges_agree_with_the_tickets(
    steps: list[tuple[str, int, WhenFull]], seed: int
) -> None:
    connector, _ = capacity(
        model(
            connections_per_instance=2,
            queue_timeout_seconds=20,
            pressure_threshold=0.7,
            scale_up_delay_seconds=[5, 15],
        ),
        seed,
    )
    now, tickets, settled = 0.0, [], []
    for step, amount, when_full in steps:
        living = [ticket for ticket in tickets if ticket.state is TicketState.ADMITTED]
        waiting = [ticket for ticket in tickets if ticket.state is TicketState.WAITING]
        if step == "arrive":
            ticket = connector.arrive(now)
            ticket.settled = lambda: settled.append(1)
            tickets.append(ticket)
        elif step == "leave" and living:
            gone = living[amount % len(living)]
            gone.state = TicketState.GONE
            connector.leave(now)
        elif step == "give up" and living + waiting:
            connector.give_up((living + waiting)[amount % len(living + waiting)], now)
        elif step == "wait":
            now += amount / 2
            connector.advance(now)
        elif step == "change":
            instances = 1 + amount % 4
            changes = {
                "when_full": when_full,
                # Which may be the same as before, with a maximum under what it has scaled up to.
                "instances": instances if amount % 3 else connector.model.instances,
                "maximum_instances": max(instances, connector.model.instances),
            }
            connector.change(connector.model.changed(changes), now)
        counted = [ticket.state for ticket in tickets]
        assert connector.in_use == counted.count(TicketState.ADMITTED)
        assert connector.queued == counted.count(TicketState.WAITING)
        assert 1 <= connector.instances <= connector.model.maximum_instances
        if connector.queued:
            assert connector.in_use >= connector.slots, "somebody waits beside a free slot"
        due = connector.next_event_at()
        assert due is None or due > now - 1e-9
