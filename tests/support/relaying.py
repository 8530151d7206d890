"""A relay between plain sockets: every farewell and every reset is the test's, on each loop."""

import asyncio
import contextlib
import fcntl
import functools
import inspect
import itertools
import resource
import socket
import struct
import termios
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Self

import pytest
import uvloop

from chaosnetra.relay.connection import Route
from chaosnetra.relay.gate import TurnedAway
from chaosnetra.relay.relay import Relay

LOOPBACK = "127.0.0.1"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
TEST_SECONDS = 60.0
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.002
FAREWELL = "farewell"
RESET = "reset"


def on_each_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a coroutine function as a test, once on each event loop.

    One that takes a `stand` gets a new one of the class that it names. The test fails when the loop
    was told of an exception that nobody caught, or when a task is left.
    """
    asked = dict(inspect.signature(test).parameters)
    stand = asked.pop("stand", None)

    async def scenario(arguments: dict[str, Any]) -> None:
        if stand is None:
            await test(**arguments)
            return
        async with stand.annotation() as made:
            await test(stand=made, **arguments)

    @functools.wraps(test)
    def run(*, loop: str, **arguments: Any) -> None:
        run_on(loop, lambda: scenario(arguments))

    parameters = [
        inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY),
        *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in asked.values()),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # of functions
    marked: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(run)
    return marked


def run_on(loop: str, scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario to its end on a fresh event loop of the kind."""

    async def watched() -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, found: problems.append(found))
        async with asyncio.timeout(TEST_SECONDS):
            await scenario()
        assert problems == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(watched())


async def until(condition: Callable[[], object], what: Callable[[], object]) -> None:
    """Let the loop run until `condition`; fails with `what` when it does not come true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(POLL_SECONDS)


def assert_same(received: bytes, sent: bytes) -> None:
    """Without pages of difference."""
    same = received == sent
    assert same


class End:
    """One end of a connection: a plain socket, which does nothing by itself."""

    def __init__(self, plain: socket.socket) -> None:
        plain.setblocking(False)
        self.socket = plain
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await self._loop.sock_sendall(self.socket, data)

    def send_now(self, data: bytes) -> None:
        """Without giving the relay a chance in between."""
        assert self.socket.send(data) == len(data)

    async def receive(self, size: int) -> bytes:
        """Exactly so many bytes."""
        parts: list[bytes] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while size:
                part = await self._loop.sock_recv(self.socket, min(size, 1 << 20))
                assert part, f"a farewell, {size} bytes too early"
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    async def rest(self) -> tuple[bytes, str]:
        """All that still comes, and how it ends."""
        parts: list[bytes] = []
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    part = await self._loop.sock_recv(self.socket, 1 << 20)
                except ConnectionResetError:
                    return b"".join(parts), RESET
                if not part:
                    return b"".join(parts), FAREWELL
                parts.append(part)

    async def hears_nothing(self, seconds: float = 0.05) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                heard = await self._loop.sock_recv(self.socket, 1)
                raise AssertionError(f"heard {heard!r}")

    async def acknowledged(self) -> None:
        """Wait until the other kernel has all that was sent."""
        await until(lambda: self.unacknowledged() == 0, lambda: "not all was taken")

    def unacknowledged(self) -> int:
        """Bytes that were sent and that the other kernel does not have yet."""
        answer = fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4)
        return int(struct.unpack("i", answer)[0])

    def say_farewell(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


class Hand:
    """A gate that the test works by hand.

    Args:
        holds: clients wait until `let_in` or `expire`; otherwise they pass.
        refuses: nobody passes.
        places: how many connections may be accepted at once; None is any number.
    """

    def __init__(
        self, *, holds: bool = False, refuses: bool = False, places: int | None = None
    ) -> None:
        self.holds = holds
        self.refuses = refuses
        self.places = places
        self.admitted = 0
        self.left = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def room(self, living: int) -> int | None:
        return None if self.places is None else self.places - living

    async def admit(self) -> None:
        if self.refuses:
            raise TurnedAway
        if self.holds:
            told = asyncio.get_running_loop().create_future()
            self.waiting.append(told)
            try:
                await told
            finally:
                if told in self.waiting:
                    self.waiting.remove(told)
        self.admitted += 1

    def leave(self) -> None:
        self.left += 1
        assert self.left <= self.admitted

    def let_in(self, count: int = 1) -> None:
        """The first that wait may pass."""
        for _ in range(count):
            self.waiting.popleft().set_result(None)

    def expire(self) -> None:
        """The first that waits has waited too long."""
        self.waiting.popleft().set_exception(TurnedAway(expired=True))


class Stand:
    """A relay, an upstream that the test answers for, and clients.

    At the end everything is closed, nothing may be left, and the counters must agree.

    Args:
        upstream: where the relay leads to, instead of to this stand's own listening socket.
        options: of the relay.
    """

    def __init__(self, upstream: tuple[str, int] | None = None, **options: Any) -> None:
        self.listening = socket.create_server((LOOPBACK, 0), backlog=4096)
        self.listening.setblocking(False)
        self.gate = options.setdefault("gate", Hand())
        self.relay = Relay(Route(upstream or self.listening.getsockname(), **options))
        self.address = self.relay.listen(LOOPBACK, 0)
        self._ends: list[End] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        for end in self._ends:
            end.close()
        self.relay.close()
        async with asyncio.timeout(WAIT_SECONDS):
            await self.relay.closed()
        self.listening.close()
        if kind is None:
            self.check()
            assert (self.relay.counters.living, self.gate.left) == (0, self.gate.admitted)

    def client_now(self) -> End:
        """A client whose connect is on its way."""
        end = End(socket.socket())
        self._ends.append(end)
        end.socket.connect_ex(self.address)
        return end

    async def client(self) -> End:
        end = End(socket.socket())
        self._ends.append(end)
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.get_running_loop().sock_connect(end.socket, self.address)
        return end

    async def server(self) -> End:
        """The upstream's end of the next connection that reaches it."""
        async with asyncio.timeout(WAIT_SECONDS):
            plain, _ = await asyncio.get_running_loop().sock_accept(self.listening)
        end = End(plain)
        self._ends.append(end)
        return end

    async def server_now(self) -> End:
        """The same, and with no more turns of the loop than it takes to reach the upstream."""
        turns = itertools.count()
        while True:
            with contextlib.suppress(BlockingIOError):
                end = End(self.listening.accept()[0])
                self._ends.append(end)
                return end
            await asyncio.sleep(0)
            assert next(turns) < 100_000, "nothing reached the upstream"

    async def pair(self, first: str = "client") -> tuple[End, End]:
        """Both ends of a new connection; with "server", the upstream's end first."""
        client = await self.client()
        server = await self.server()
        await self.settles(at_least=True, open=1)
        return (client, server) if first == "client" else (server, client)

    async def settles(self, at_least: bool = False, **states: int) -> None:
        """Wait until the connections are in these states, and in no others."""

        def there() -> bool:
            self.check()
            found = self._states()
            if at_least:
                return all(found.get(state, 0) >= count for state, count in states.items())
            return found == states

        await until(there, lambda: f"not {states}, but {self._states()}")

    def check(self) -> None:
        """Each accepted connection is in exactly one state."""
        counters = self.relay.counters
        assert sum(counters.states.values()) == counters.accepted
        assert min(counters.states.values()) >= 0
        # Some have ended for the counters and still close their sockets.
        assert counters.living <= len(list(self.relay.connections))

    def _states(self) -> dict[str, int]:
        return {name.value: count for name, count in self.relay.counters.states.items() if count}


@contextlib.contextmanager
def black_hole() -> Any:
    """An address that answers no SYN: its queue is full, and nobody takes from it.

    Yields the address, and a function that takes the first out of the queue.
    """
    listening = socket.socket()
    listening.settimeout(WAIT_SECONDS)
    listening.bind((LOOPBACK, 0))
    listening.listen(0)
    plug = socket.create_connection(listening.getsockname(), timeout=WAIT_SECONDS)
    accepted: list[socket.socket] = []

    def take() -> socket.socket:
        accepted.append(listening.accept()[0])
        return accepted[-1]

    try:
        yield listening.getsockname(), take
    finally:
        for each in (listening, plug, *accepted):
            each.close()


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """This process has none to spare."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def many_descriptors(count: int) -> None:
    """Allow this process so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        assert hard == resource.RLIM_INFINITY or hard >= count, f"{count} descriptors are needed"
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
