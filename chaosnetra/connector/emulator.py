"""The connector emulator: a relay whose gate is a connector's capacity."""

import asyncio
import time
from typing import Any

from chaosnetra.addresses import shown_address
from chaosnetra.connector.capacity import Capacity, Ticket, TicketState
from chaosnetra.connector.history import History, Sample
from chaosnetra.connector.model import ConnectorModel, WhenFull
from chaosnetra.connector.throughput import Paced, Pipe
from chaosnetra.relay.connection import Route
from chaosnetra.relay.counters import State
from chaosnetra.relay.gate import TurnedAway
from chaosnetra.relay.relay import Relay
from chaosnetra.relay.stage import StreamStage
from chaosnetra.text import utc_now

BYTES_PER_MEGABIT = 125_000


class Emulator:
    """A connector in front of one upstream; lives on the event loop's thread.

    Args:
        model: how it behaves at first; durations as they really are.
        upstream: host and port that it leads to.
        seed: of everything that is drawn.
    """

    def __init__(self, model: ConnectorModel, upstream: tuple[str, int], seed: int) -> None:
        self.seed = seed
        self.upstream = upstream
        self._history = History()
        self._started = time.monotonic()
        self._started_at = utc_now()
        self._capacity = Capacity(model, seed, self._noted)
        self._timer: asyncio.TimerHandle | None = None
        self._pipe = Pipe(self._bytes_per_second)
        self.relay = Relay(Route(upstream, gate=self, stages=self._stages))
        self.listen: tuple[str, int] | None = None

    def start(self, host: str, port: int) -> None:
        """Listen for clients.

        Raises:
            OSError: the address cannot be used.
        """
        self.listen = self.relay.listen(host, port)
        self._sample()

    @property
    def model(self) -> ConnectorModel:
        return self._capacity.model

    def change(self, model: ConnectorModel) -> None:
        """Behave differently from now on."""
        now = time.monotonic()
        self._noted(now, "changed", {"model": model.to_json()})
        self._capacity.change(model, now)
        self._look_again()

    def state(self) -> dict[str, Any]:
        """Model, gauges and counters, as of now."""
        self._capacity.advance(time.monotonic())
        self._look_again()
        capacity = self._capacity
        due = capacity.scale_up_at
        return {
            "model": capacity.model.to_json(),
            "instances": capacity.instances,
            "slots": capacity.slots,
            "in_use": capacity.in_use,
            "queued": capacity.queued,
            "under_pressure": capacity.under_pressure,
            "scale_up_in_seconds": None if due is None else round(due - time.monotonic(), 3),
            "connections": self.relay.counters.to_json(),
            "upstream": shown_address(*self.upstream),
            "listen": shown_address(*self.listen) if self.listen else None,
            "seed": self.seed,
        }

    def history(self) -> dict[str, Any]:
        """Everything that happened: see `History.to_json`.

        `started_at` is UTC, and `started_monotonic` the same by `time.monotonic()`.
        """
        self._sample()  # what was refused since the last one is counted nowhere else
        return {
            "started_at": self._started_at,
            "started_monotonic": self._started,
            **self._history.to_json(),
        }

    # The gate of its relay

    def room(self, living: int) -> int | None:
        if self.model.when_full is not WhenFull.IGNORE:
            return None
        return max(0, self._capacity.slots - living)

    async def admit(self) -> None:
        ticket = self._capacity.arrive(time.monotonic())
        self._look_again()
        try:
            if ticket.state is TicketState.WAITING:
                await self._settled(ticket)
            if ticket.state is not TicketState.ADMITTED:
                raise TurnedAway(expired=ticket.state is TicketState.EXPIRED)
            if ticket.delay_seconds:
                await asyncio.sleep(ticket.delay_seconds)
        except asyncio.CancelledError:
            self._capacity.give_up(ticket, time.monotonic())
            self._look_again()
            raise

    def leave(self) -> None:
        self._capacity.leave(time.monotonic())
        self._look_again()

    async def _settled(self, ticket: Ticket) -> None:
        settled = asyncio.get_running_loop().create_future()

        def settle() -> None:
            if not settled.done():
                settled.set_result(None)

        ticket.settled = settle
        await settled

    def _stages(self, downstream: bool) -> list[StreamStage]:  # noqa: ARG002 - both share one pipe
        return [Paced(self._pipe)]

    def _bytes_per_second(self) -> float | None:
        mbps = self.model.throughput_mbps(self._capacity.instances)
        return None if mbps is None else mbps * BYTES_PER_MEGABIT

    # What follows each change

    def _look_again(self) -> None:
        """Something changed: sample it, and come back when the next thing is due."""
        self._sample()
        self._pipe.look_again()
        self.relay.look_again()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._capacity.next_event_at()
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - time.monotonic()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._capacity.advance(time.monotonic())
        self._look_again()

    def _sample(self) -> None:
        capacity, states = self._capacity, self.relay.counters.states
        self._history.add(
            Sample(
                at_seconds=time.monotonic() - self._started,
                instances=capacity.instances,
                slots=capacity.slots,
                in_use=capacity.in_use,
                queued=capacity.queued,
                most_in_use=capacity.in_use,
                most_queued=capacity.queued,
                refused=states[State.REFUSED] + states[State.EXPIRED],
            )
        )

    def _noted(self, at: float, event: str, data: dict[str, Any]) -> None:
        self._history.note(at - self._started, event, data)
