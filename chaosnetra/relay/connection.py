"""One client of a relay, from accept until both of its sockets are gone."""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from chaosnetra.addresses import Place
from chaosnetra.relay.counters import LIVING, Counters, State
from chaosnetra.relay.flow import Flow
from chaosnetra.relay.gate import OPEN_GATE, Gate, TurnedAway
from chaosnetra.relay.side import Side, WatchedSide
from chaosnetra.relay.stage import StageFactory, no_stages
from chaosnetra.relay.watcher import Ending, Watchers, watching

DIAL_TIMEOUT_SECONDS = 30.0
# A peer that does not take its last bytes within this time loses them.
CLOSING_SECONDS = 30.0
# A client that sends something and leaves, as one that cancels a query does, may be quicker than
# the upstream's answer to its connection, which may take a second attempt of the system.
LAST_WORDS_SECONDS = 3.0
# Watchers are told by then that it left.
TOLD_AFTER_SECONDS = 0.05
# No attempt reached the upstream: this machine has no descriptor, memory or port for it.
OWN_WANTS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL)


@dataclass(frozen=True)
class Route:
    """Where connections go, and what happens to them on the way.

    Attributes:
        upstream: host and port, or the path of a Unix socket, that clients are passed on to.
        gate: who may pass, and when.
        stages: what happens to the bytes of new connections.
        dial_timeout_seconds: limit of the upstream's answer to a new connection.
        passes_resets: whether a reset of one side resets the other, as without a relay; else it
            closes it.
        accepts_for_upstream: whether a client is reset where the upstream does not accept it, and
            nothing is dialed for one that has left; else it is closed as a socket of its own is.
        watchers: who looks on, at what clients and the upstream send; nobody where it is None.
    """

    upstream: Place
    gate: Gate = OPEN_GATE
    stages: StageFactory = no_stages
    dial_timeout_seconds: float = DIAL_TIMEOUT_SECONDS
    passes_resets: bool = True
    accepts_for_upstream: bool = False
    watchers: Watchers | None = None


class Connection:
    """Relays one client.

    Args:
        route: as it was when the client came.
        counters: what it is counted in.
        ended: called once, when nothing of it is left.
    """

    def __init__(
        self, route: Route, counters: Counters, ended: Callable[["Connection"], None]
    ) -> None:
        self._route = route
        self._counters = counters
        self._ended = ended
        self.upward = Flow(self, counters.add_upstream)
        self.downward = Flow(self, counters.add_downstream)
        self._watching = watching(route.watchers, time.monotonic())
        if self._watching is None:
            self._client = Side(self, outgoing=self.upward, incoming=self.downward)
            self._upstream = Side(self, outgoing=self.downward, incoming=self.upward)
        else:
            to_server, to_client = self._watching.client_sent, self._watching.server_sent
            self._client = WatchedSide(self, self.upward, self.downward, to_server)
            self._upstream = WatchedSide(self, self.downward, self.upward, to_client)
        self.state = State.QUEUED
        counters.accepted += 1
        counters.states[State.QUEUED] += 1
        self._admitted = False
        self._over = False
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.TimerHandle | None = None

    def start(self, accepted: socket.socket) -> None:
        """Begin; everything else happens on the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._bring(accepted))
        self._task.add_done_callback(partial(self._brought, accepted))

    async def _bring(self, accepted: socket.socket) -> None:
        """Pass the gate and reach the upstream."""
        loop = asyncio.get_running_loop()
        at = time.monotonic()
        try:
            await _make(self._client, loop.connect_accepted_socket(lambda: self._client, accepted))
            await self._route.gate.admit()
        except TurnedAway as error:
            self._move(State.EXPIRED if error.expired else State.REFUSED)
            self.reset()
            return
        except OSError:
            return  # the client is gone already
        self._admitted = True
        self._move(State.DIALING)
        admitted = time.monotonic()
        self._counters.note_gate(admitted - at)
        try:
            async with asyncio.timeout(self._route.dial_timeout_seconds):
                await _make(self._upstream, self._dial())
        except OSError as error:  # a deadline's TimeoutError is one
            self._move(State.DIAL_FAILED)
            if error.errno in OWN_WANTS:
                self._counters.dial_errors += 1
            if self._watching is not None:
                self._watching.gave_up(_not_dialed(error), time.monotonic())
            # As the system does for a socket that is closed with something unread.
            if self.upward.received_bytes or self._route.accepts_for_upstream:
                self.reset()
            else:
                self.close()
            return
        dialed = time.monotonic()
        self._counters.note_dial(dialed - admitted)
        if self._watching is not None:
            self._watching.dialed(dialed)
        self._open()

    def _dial(self) -> Awaitable[object]:
        loop, upstream = asyncio.get_running_loop(), self._route.upstream
        if isinstance(upstream, str):
            return loop.create_unix_connection(lambda: self._upstream, upstream)
        return loop.create_connection(lambda: self._upstream, *upstream)

    def _brought(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._task = None
        if self._client.transport is None:
            accepted.close()
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            self.drop()
        if error is not None:  # a defect of ours must not pass in silence
            task.get_loop().call_exception_handler({"message": str(error), "exception": error})
        self._look_whether_over()

    def _open(self) -> None:
        self._move(State.OPEN)
        self.upward.leads_to(self._upstream.transport, self._route.stages(False))
        self.downward.leads_to(self._client.transport, self._route.stages(True))

    # Called by the sides

    def side_has_no_more(self, side: Side) -> None:
        if self._watching is not None:
            ending = Ending.CLIENT if side is self._client else Ending.SERVER
            self._watching.left(ending, time.monotonic())
        if side is self._client:
            # Later: a gate that holds nobody back has not been asked yet, it may be.
            asyncio.get_running_loop().call_soon(self._client_said_farewell)

    def _client_said_farewell(self) -> None:
        # A client that says farewell to a queue is a client that gives up.
        if self.state is State.QUEUED and self._task is not None:
            self._task.cancel()
        elif self._route.accepts_for_upstream and self.upward.received_bytes:
            loop = asyncio.get_running_loop()
            loop.call_later(TOLD_AFTER_SECONDS, self._tell_given_up)
            loop.call_later(LAST_WORDS_SECONDS, self._give_up_dialing)
        elif self._route.accepts_for_upstream:
            self._give_up_dialing()

    def _tell_given_up(self) -> None:
        if self.state is State.DIALING and self._watching is not None:
            self._watching.gave_up(Ending.UNANSWERED, time.monotonic())

    def _give_up_dialing(self) -> None:
        if self.state is State.DIALING and self._task is not None:
            self._task.cancel()

    def side_lost(self, side: Side, error: Exception | None) -> None:
        if not side.closing:
            self._tell_lost(side, error)
        if self._task is not None and self.state is not State.OPEN:
            self._task.cancel()
        elif self.state is State.OPEN:
            if not side.closing and error is not None:
                side.outgoing.feed_reset(passed_on=self._route.passes_resets)
            elif not side.closing:
                self.close()
            side.incoming.drop()
        self._look_whether_over()

    def _tell_lost(self, side: Side, error: Exception | None) -> None:
        if self._watching is None:
            return
        if side is self._client:
            ending = Ending.CLIENT if error is None else Ending.CLIENT_RESET
        else:
            ending = Ending.SERVER if error is None else Ending.SERVER_RESET
        self._watching.left(ending, time.monotonic())

    # Called by the flows

    def close(self) -> None:
        """End the connection, once everything delivered has gone out."""
        self._drop_flows()
        self._client.close()
        self._upstream.close()
        self._hurry()

    def reset(self) -> None:
        """End it at once, with a reset to both sides."""
        self._drop_flows()
        self._client.reset()
        self._upstream.reset()
        self._hurry()

    def reset_far(self, flow: Flow) -> None:
        """One side was reset; so is the other, behind what is still on its way to it."""
        far = self._upstream if flow is self.upward else self._client
        self._drop_flows()
        far.reset_behind()
        self._hurry()

    def close_far(self, flow: Flow) -> None:
        """One side is closed; the other is too, behind what is still on its way to it."""
        far, back = (
            (self._upstream, self.downward) if flow is self.upward else (self._client, self.upward)
        )
        far.close()
        back.feed_eof()
        if self._client.gone or self._upstream.gone:
            self._hurry()  # nobody is left whose farewell would end the rest

    def flow_ended(self) -> None:
        """When both directions have ended, so has the connection."""
        if self.upward.ended and self.downward.ended:
            self.close()

    def drop(self) -> None:
        """End it at once; what was not sent yet is lost."""
        if self._task is not None:
            self._task.cancel()
        self._drop_flows()
        self._client.drop()
        self._upstream.drop()
        self._look_whether_over()

    def _drop_flows(self) -> None:
        self.upward.drop()
        self.downward.drop()

    def _hurry(self) -> None:
        """Whatever the peers do, the connection ends."""
        if self._closing is None and not self._over:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(CLOSING_SECONDS, self.drop)

    def _look_whether_over(self) -> None:
        sides = (self._client, self._upstream)
        if (
            self._over
            or self._task is not None
            or any(side.transport is not None and not side.gone for side in sides)
        ):
            return
        self._over = True
        if self._watching is not None:
            self._watching.gave_up(Ending.DROPPED, time.monotonic())
        self._drop_flows()
        self._counters.received_upstream_bytes += self.upward.received_bytes
        self._counters.received_downstream_bytes += self.downward.received_bytes
        if self._closing is not None:
            self._closing.cancel()
        if self.state in LIVING:
            self._move(State.CLOSED if self.state is State.OPEN else State.ABANDONED)
        if self._admitted:
            self._admitted = False
            self._route.gate.leave()
        self._ended(self)

    def _move(self, state: State) -> None:
        self._counters.states[self.state] -= 1
        self._counters.states[state] += 1
        self.state = state


async def _make(side: Side, made: Awaitable[object]) -> None:
    """Wait until there is a socket for `side`, or none: of one that was there when the wait was
    broken off, uvloop does not report the end."""
    try:
        await made
    except BaseException:
        side.gone = True
        raise


def _not_dialed(error: OSError) -> Ending:
    """What became of a connection that could not be dialed.

    Who accepts it and resets it at once may be sooner than the system that tells us of the first.
    """
    if error.errno in OWN_WANTS:
        return Ending.DROPPED
    if isinstance(error, TimeoutError):
        return Ending.UNANSWERED
    return Ending.SERVER_RESET if isinstance(error, ConnectionResetError) else Ending.REFUSED
