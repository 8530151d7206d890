"""Whatever the ends of relayed connections do: no byte is altered, reordered or lost, nothing
hangs, and the counters agree with what happened."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from chaosnetra.relay.counters import State
from tests.support.relaying import FAREWELL, LOOPS, RESET, End, Stand, run_on, until

MOST_LINKS = 4
# One socket's buffers take the third, two the fourth, all on the way about one of the last.
SIZES = (1, 1_000, 70_000, 400_000, 5_000_000)
QUIET_LOOKS = 3
LOOK_SECONDS = 0.004
TURNS = 20

Step = tuple[str, int, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "connect", "send", "send", "send", "farewell", "reset", "stop reading",
                "stop reading", "read", "settle",
            ]
        ),
        st.integers(0, MOST_LINKS - 1),
        st.sampled_from(["client", "server"]),
        st.sampled_from(SIZES),
    ),
    min_size=20,
    max_size=40,
)  # fmt: skip


class Talker:
    """One end, which sends what it is given as far as it is taken, and reads when it may."""

    def __init__(self, end: End, seed: int) -> None:
        self.said = bytearray()
        self.heard = bytearray()
        self.checked = 0
        self.said_farewell = False
        self.has_reset = False
        self.saw: str | None = None
        self._end = end
        self._random = random.Random(seed)
        self._taken = 0
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._work = asyncio.Event()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._talk())]

    @property
    def is_reading(self) -> bool:
        return self._may_read.is_set()

    @property
    def speaks(self) -> bool:
        """Whether it may still be told to say something."""
        return not (self.said_farewell or self.has_reset or self.saw == RESET)

    def say(self, size: int) -> None:
        if self.speaks:
            self.said += self._random.randbytes(size)
            self._work.set()

    def say_farewell(self) -> None:
        if not self.has_reset:
            self.said_farewell = True
            self._work.set()

    def read(self, wanted: bool) -> None:
        if wanted:
            self._may_read.set()
        else:
            self._may_read.clear()

    async def reset(self) -> None:
        await self._rest()
        self._end.reset()
        self.has_reset = True

    async def close(self) -> None:
        await self._rest()
        self._end.close()

    def is_taken(self) -> bool:
        """Whether the relay's kernel has all that was said."""
        return self._taken == len(self.said) and self._end.unacknowledged() == 0

    async def _rest(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while self.saw is None:
            await self._may_read.wait()
            try:
                part = await loop.sock_recv(self._end.socket, 100_000)
            except ConnectionError:
                self.saw = RESET
            else:
                self.heard += part
                self.saw = None if part else FAREWELL

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # a reset by the other end; the listener tells it
            while True:
                await self._work.wait()
                self._work.clear()
                while self._taken < len(self.said):
                    part = bytes(self.said[self._taken : self._taken + 200_000])
                    await loop.sock_sendall(self._end.socket, part)
                    self._taken += len(part)
                if self.said_farewell:
                    self._end.say_farewell()
                    return


@dataclass
class Link:
    """Both ends of a relayed connection, and what must be true of it."""

    client: Talker
    server: Talker
    must_arrive: set[str] = field(default_factory=set)

    def both(self) -> tuple[tuple[Talker, Talker], tuple[Talker, Talker]]:
        """Each end with its other one."""
        return (self.client, self.server), (self.server, self.client)

    @property
    def was_reset(self) -> bool:
        return self.client.has_reset or self.server.has_reset

    @property
    def lives(self) -> bool:
        """It was not reset, and somebody may still say something."""
        return not self.was_reset and not (self.client.said_farewell and self.server.said_farewell)

    @property
    def is_through(self) -> bool:
        """Both have said farewell, and have heard the other's."""
        return self.client.saw == self.server.saw == FAREWELL

    async def reset(self, by: str) -> None:
        near, far = self.both()[by == "server"]
        if near.has_reset:
            return
        # What the relay took must arrive, unless it learns of the end by writing.
        clean = not far.has_reset and near.is_taken() and far.said == near.heard
        await near.reset()
        if clean:
            self.must_arrive.add(by)

    def say(self, who: str, size: int) -> None:
        near, _ = self.both()[who == "server"]
        near.say(size)
        self.must_arrive.discard("server" if who == "client" else "client")

    def check(self) -> None:
        """Nothing altered, nothing reordered, nothing invented."""
        for near, far in self.both():
            assert len(far.heard) <= len(near.said)
            same = far.heard[far.checked :] == near.said[far.checked : len(far.heard)]
            assert same
            far.checked = len(far.heard)


class World:
    """Some links through one relay."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._links: list[Link] = []

    async def connect(self) -> None:
        number = len(self._links)
        if number < MOST_LINKS:
            client = await self._stand.client()
            server = await self._stand.server()
            self._links.append(Link(Talker(client, number), Talker(server, -number - 1)))

    async def do(self, step: Step) -> None:
        kind, index, who, size = step
        link = self._links[index % len(self._links)]
        talker = link.client if who == "client" else link.server
        if kind == "connect":
            await self.connect()
        elif kind == "send":
            link.say(who, size)
        elif kind == "farewell":
            talker.say_farewell()
        elif kind == "reset":
            if size > 1:  # otherwise in the middle of whatever goes on
                await self.settle()
            await link.reset(who)
        elif kind == "settle":
            await self.settle()
        else:
            talker.read(kind == "read")
        self.check()

    def check(self) -> None:
        self._stand.check()
        for link in self._links:
            link.check()

    async def settle(self) -> None:
        """Let everything happen that happens by itself; the gauge must agree with what is known."""
        quiet, seen = 0, None
        while quiet < QUIET_LOOKS:
            await asyncio.sleep(LOOK_SECONDS)
            for _ in range(TURNS):  # of the loop; on a busy machine a sleep may be only one
                await asyncio.sleep(0)
            heard = [(len(link.client.heard), len(link.server.heard)) for link in self._links]
            now = (heard, self._stand.relay.counters.to_json())
            quiet, seen = (quiet + 1, seen) if now == seen else (0, now)
        living = sum(link.lives for link in self._links)
        unsure = sum(not (link.lives or link.is_through) for link in self._links)
        counters = self._stand.relay.counters
        assert living <= counters.states[State.OPEN] <= living + unsure
        assert counters.accepted == len(self._links)

    async def finish(self) -> None:
        """Everybody reads and says farewell: then every link ends, and all has arrived."""
        for link in self._links:
            for near, _ in link.both():
                near.read(True)
        for link in self._links:
            for near, far in link.both():
                if near.has_reset and not far.has_reset:
                    await until(lambda far=far: far.saw, lambda: "nothing told of a reset")
        for link in self._links:
            for near, _ in link.both():
                near.say_farewell()
        for link in self._links:
            if not link.was_reset:
                await until(lambda link=link: link.is_through, lambda: "an end was not told")
                assert len(link.client.heard) == len(link.server.said)
                assert len(link.server.heard) == len(link.client.said)
            for who, (near, far) in zip(("client", "server"), link.both(), strict=True):
                if who in link.must_arrive and not far.has_reset:
                    assert len(far.heard) == len(near.said)
            link.check()
        for link in self._links:
            await link.client.close()
            await link.server.close()
        await self._stand.settles(closed=len(self._links))
        counters = self._stand.relay.counters
        up = sum(len(link.server.heard) for link in self._links)
        down = sum(len(link.client.heard) for link in self._links)
        assert counters.upstream_bytes >= up
        assert counters.downstream_bytes >= down
        if not any(link.was_reset for link in self._links):
            assert (counters.upstream_bytes, counters.downstream_bytes) == (up, down)


@pytest.mark.parametrize("loop", LOOPS)
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each try of a hang takes its deadline
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=STEPS)
@example(
    steps=[
        ("stop reading", 0, "server", 1),
        ("send", 0, "client", 400_000),
        ("reset", 0, "client", 1_000),
    ]
)
@example(  # the other end's farewell meets a reset, with much still to be read
    steps=[
        ("stop reading", 0, "server", 1),
        ("send", 0, "client", 5_000_000),
        ("farewell", 0, "client", 1),
        ("settle", 0, "client", 1),
        ("reset", 0, "client", 1_000),
        ("farewell", 0, "server", 1),
    ]
)
def test_ends_may_do_what_they_want(loop: str, steps: list[Step]) -> None:
    async def scenario() -> None:
        async with Stand() as stand:
            world = World(stand)
            await world.connect()
            await world.connect()
            for step in steps:
                await world.do(step)
            await world.finish()

    run_on(loop, scenario)
