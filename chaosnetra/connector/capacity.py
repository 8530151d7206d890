"""The connector as a state machine: who has a slot, who waits, when there are more.

Nothing here knows a clock or a socket: every call is given the time, in seconds that only grow.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from chaosnetra.connector.model import ConnectorModel, Range, WhenFull

Note = Callable[[float, str, dict[str, float | int | str]], None]


class TicketState(Enum):
    """What became of a client."""

    WAITING = auto()
    ADMITTED = auto()
    REFUSED = auto()
    EXPIRED = auto()
    GONE = auto()


@dataclass(eq=False)
class Ticket:
    """One client at the connector.

    Attributes:
        arrived_at: when it came.
        state: what became of it.
        delay_seconds: what it waits after its admission, under pressure.
        settled: called when `state` is no longer WAITING.
    """

    arrived_at: float
    state: TicketState = TicketState.WAITING
    delay_seconds: float = 0.0
    settled: Callable[[], None] = field(default=lambda: None, repr=False)


class Capacity:
    """Slots, queue and instances of one connector.

    Args:
        model: how it behaves.
        seed: of the delays that are drawn.
        note: takes (time, event, data) of what happens to the connector.
    """

    def __init__(self, model: ConnectorModel, seed: int, note: Note) -> None:
        self.model = model
        self.instances = model.instances
        self.in_use = 0
        self.scale_up_at: float | None = None
        self._queue: deque[Ticket] = deque()
        self._random = random.Random(seed)
        self._note = note

    @property
    def slots(self) -> int:
        """Connections that it carries now."""
        return self.instances * self.model.connections_per_instance

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def under_pressure(self) -> bool:
        """Whether the share of taken slots has reached the threshold, or somebody waits."""
        return bool(self._queue) or self.in_use >= self.model.pressure_threshold * self.slots

    def arrive(self, now: float) -> Ticket:
        """A new client: admitted, refused, or waiting."""
        self.advance(now)
        ticket = Ticket(now)
        if self.in_use < self.slots and not self._queue:
            self._admit(ticket, now)
        elif self.model.when_full is WhenFull.REFUSE:
            ticket.state = TicketState.REFUSED
        else:
            # With IGNORE the listener lets nobody come; one that does, by a race, waits.
            self._queue.append(ticket)
        self._look_at_pressure(now)
        return ticket

    def give_up(self, ticket: Ticket, now: float) -> None:
        """A client is gone before it had an answer, or after it was admitted."""
        if ticket.state is TicketState.WAITING:
            self._queue.remove(ticket)
            ticket.state = TicketState.GONE
            self.advance(now)
        elif ticket.state is TicketState.ADMITTED:
            ticket.state = TicketState.GONE
            self.leave(now)

    def leave(self, now: float) -> None:
        """An admitted client is gone: its slot is free."""
        self.in_use -= 1
        self.advance(now)
        self._let_in(now)

    def change(self, model: ConnectorModel, now: float) -> None:
        """Behave differently from now on; who has a slot keeps it."""
        self.advance(now)
        if model.instances != self.model.instances:
            self.instances = model.instances
        # It has no scale-in of its own; but what a maximum does not allow is not kept.
        self.instances = min(self.instances, model.maximum_instances)
        self.model = model
        if self.instances >= model.maximum_instances:
            self.scale_up_at = None
        self._let_in(now)
        if model.when_full is WhenFull.REFUSE:
            while self._queue:
                self._settle(self._queue.popleft(), TicketState.REFUSED)
        self._look_at_pressure(now)
        self.advance(now)

    def next_event_at(self) -> float | None:
        """When `advance` has something to do, if nothing else happens before."""
        times = [] if self.scale_up_at is None else [self.scale_up_at]
        if self._queue:
            times.append(self._deadline(self._queue[0]))
        return min(times, default=None)

    def advance(self, now: float) -> None:
        """Do what was due until now, in its order."""
        while (at := self.next_event_at()) is not None and at <= now:
            if at == self.scale_up_at:
                self._scale_up(now)
            else:
                self._settle(self._queue.popleft(), TicketState.EXPIRED)

    def _scale_up(self, now: float) -> None:
        self.scale_up_at = None
        self.instances += 1
        self._note(now, "scaled up", {"instances": self.instances, "slots": self.slots})
        self._let_in(now)
        self._look_at_pressure(now)

    def _look_at_pressure(self, now: float) -> None:
        if (
            self.scale_up_at is None
            and self.under_pressure
            and self.instances < self.model.maximum_instances
        ):
            delay = self._drawn(self.model.scale_up_delay_seconds)
            self.scale_up_at = now + delay
            self._note(
                now,
                "scale-up begun",
                {"in_use": self.in_use, "slots": self.slots, "delay_seconds": round(delay, 6)},
            )

    def _let_in(self, now: float) -> None:
        while self._queue and self.in_use < self.slots:
            self._admit(self._queue.popleft(), now)

    def _admit(self, ticket: Ticket, now: float) -> None:
        pressed = self.in_use >= self.model.pressure_threshold * self.slots
        self.in_use += 1
        if pressed:
            ticket.delay_seconds = self._drawn(self.model.pressure_delay_seconds)
        self._settle(ticket, TicketState.ADMITTED)
        self._look_at_pressure(now)

    def _settle(self, ticket: Ticket, state: TicketState) -> None:
        ticket.state = state
        ticket.settled()

    def _deadline(self, ticket: Ticket) -> float:
        return ticket.arrived_at + self.model.queue_timeout_seconds

    def _drawn(self, range_: Range) -> float:
        return self._random.uniform(range_.shortest, range_.longest)
