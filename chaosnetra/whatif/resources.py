"""Connector and database as instances meet them in a simulation."""

from typing import TYPE_CHECKING

from chaosnetra.connector.capacity import Capacity, Ticket, TicketState
from chaosnetra.connector.model import ConnectorModel

if TYPE_CHECKING:
    import simpy


class Gauge:
    """A number over time: its peak, and its mean since the beginning."""

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0
        self._since = 0.0
        self._area = 0.0

    def add(self, amount: int, at: float) -> None:
        self._area += self.now * (at - self._since)
        self._since = at
        self.now += amount
        self.peak = max(self.peak, self.now)

    def mean(self, until: float) -> float:
        """Up to a moment that is no earlier than the last change."""
        return (self._area + self.now * (until - self._since)) / until if until > 0 else 0.0


class Connector:
    """A connector of so many slots, by the state machine that the emulator has too."""

    def __init__(self, env: "simpy.Environment", model: ConnectorModel, seed: int) -> None:
        self._env = env
        self._capacity = Capacity(model, seed, lambda *_: None)
        self._due: float | None = None
        self.in_use = Gauge()
        self.most_queued = 0
        self.most_slots = self._capacity.slots

    def arrive(self) -> "Slot":
        """Ask for a slot."""
        slot = Slot(self._env, self._capacity.arrive(self._env.now))
        self._look()
        return slot

    def give_up(self, slot: "Slot") -> None:
        """Wait no longer; or give back what was got."""
        self._capacity.give_up(slot.ticket, self._env.now)
        self._look()

    def _look(self) -> None:
        capacity, now = self._capacity, self._env.now
        self.in_use.add(capacity.in_use - self.in_use.now, now)
        self.most_queued = max(self.most_queued, capacity.queued)
        self.most_slots = max(self.most_slots, capacity.slots)
        at = capacity.next_event_at()
        if at is not None and (self._due is None or at < self._due):
            self._due = at
            wake = self._env.timeout(max(0.0, at - now))
            wake.callbacks.append(lambda _: self._wake(at))

    def _wake(self, at: float) -> None:
        if self._due != at:
            return  # something earlier came between, and looked again
        self._due = None
        # The sum of times may lie a rounding before what was due.
        self._capacity.advance(max(self._env.now, at))
        self._look()


class Slot:
    """A slot that was asked for.

    Attributes:
        ticket: at the connector.
        settled_at: when it was had or refused; None: it waits.
    """

    def __init__(self, env: "simpy.Environment", ticket: Ticket) -> None:
        self.ticket = ticket
        self.settled_at: float | None = None
        self._env = env
        self._event: simpy.Event | None = None
        if ticket.state is TicketState.WAITING:
            ticket.settled = self._settle
        else:
            self.settled_at = env.now

    @property
    def is_had(self) -> bool:
        return self.ticket.state is TicketState.ADMITTED

    def settled(self) -> "simpy.Event":
        """What happens when one that waits is settled."""
        self._event = self._env.event()
        return self._event

    def _settle(self) -> None:
        self.settled_at = self._env.now
        if self._event is not None:
            self._event.succeed()


class Sessions:
    """The database's connections: one more than there are is refused, and waits for nothing."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.in_use = Gauge()
        self.refused = 0

    def open(self, at: float) -> bool:
        if self._most is not None and self.in_use.now >= self._most:
            self.refused += 1
            return False
        self.in_use.add(1, at)
        return True

    def close(self, at: float) -> None:
        self.in_use.add(-1, at)
