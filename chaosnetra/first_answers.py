"""What can be measured of a service by its first answer alone: with no password, and no data.

Each measurement is a connection of its own: it sends a request and waits for the first byte.
"""

import asyncio
import struct
import time
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import Place
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.paths import FirstAnswer, FirstAnswerTiming, added_by_rank
from chaosnetra.streams import open_stream

# A connection that stays open so long was taken.
OPEN_SECONDS = 0.3
# A new connection for each varies more than queries on one that is open.
SAMPLES_A_ROUND_TRIP = 2


@dataclass(frozen=True)
class Service:
    """How a kind of service is made to answer.

    Attributes:
        name: of its protocol.
        request: what a client sends; empty: nothing is expected but that it stays connected.
        begins: what its answer begins with.
    """

    name: str
    request: bytes
    begins: tuple[bytes, ...] = ()


# PostgreSQL answers an SSLRequest with one byte before it asks who we are: one round trip that
# needs no password. Source: PostgreSQL documentation, "Message Formats", SSLRequest.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
POSTGRESQL = Service("PostgreSQL", SSL_REQUEST, (b"S", b"N", b"E"))
HTTP = Service(
    "HTTP",
    b"HEAD / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: chaosnetra\r\nConnection: close\r\n\r\n",
    (b"HTTP/",),
)
CONNECTION = Service("TCP", b"")


async def first_answer(address: Place, request: bytes, timeout_seconds: float) -> FirstAnswerTiming:
    """Connect, send a request, and time the first byte of the answer."""
    started = time.perf_counter()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await open_stream(address)
            if request:
                writer.write(request)
                answer = FirstAnswer.ANSWERED if await reader.read(1) else FirstAnswer.CLOSED
            else:
                answer = await _stays_open(reader)
    except TimeoutError:
        answer = FirstAnswer.SILENT
    except ConnectionRefusedError:
        answer = FirstAnswer.REFUSED
    except OSError:
        answer = FirstAnswer.RESET
    finally:
        if writer is not None:
            writer.transport.abort()
    return FirstAnswerTiming(answer, time.perf_counter() - started)


def first_answers(
    address: Place, request: bytes, connections: int, timeout_seconds: float
) -> list[FirstAnswerTiming]:
    """Time the first answers on new connections that are opened at once."""

    async def answers() -> list[FirstAnswerTiming]:
        asked = (first_answer(address, request, timeout_seconds) for _ in range(connections))
        return list(await asyncio.gather(*asked))

    return asyncio.run(answers())


async def _stays_open(reader: asyncio.StreamReader) -> FirstAnswer:
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            return FirstAnswer.ANSWERED if await reader.read(1) else FirstAnswer.CLOSED
    except TimeoutError:
        return FirstAnswer.ANSWERED


def speaks(address: tuple[str, int], service: Service, timeout_seconds: float) -> bool:
    """Whether what listens at an address answers as such a service does, and in time."""

    async def ask() -> bytes:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(service.request)
                return await reader.readexactly(max(len(each) for each in service.begins))
            except asyncio.IncompleteReadError as error:
                return error.partial
            finally:
                writer.transport.abort()

    try:
        return asyncio.run(ask()).startswith(service.begins)
    except (TimeoutError, OSError):
        return False


@dataclass(frozen=True)
class AnswerPath:
    """A `chaosnetra.paths.DatabasePath` to a service of which only the first answer is timed."""

    service: Service
    direct: tuple[str, int]
    proxied: tuple[str, int]

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        async def added() -> list[float]:
            times: dict[tuple[str, int], list[float]] = {self.direct: [], self.proxied: []}
            # In turn, so that what else the machine does meanwhile meets both.
            for _ in range(SAMPLES_A_ROUND_TRIP * samples):
                for address, seconds in times.items():
                    seconds.append(await self._answer_seconds(address, timeout_seconds))
            return added_by_rank(times[self.direct], times[self.proxied])

        return asyncio.run(added())

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        address = self.direct if direct else self.proxied
        return first_answers(address, self.service.request, connections, timeout_seconds)

    def transfer_seconds(self, *_arguments: Any, **_named: Any) -> float:
        raise DatabaseUnavailable(f"no data can be sent through {self.service.name} at will")

    def close_seconds(self, *_arguments: Any, **_named: Any) -> float:
        raise DatabaseUnavailable(f"the close of {self.service.name} connections is not seen")

    async def _answer_seconds(self, address: tuple[str, int], timeout_seconds: float) -> float:
        timing = await first_answer(address, self.service.request, timeout_seconds)
        if timing.answer is not FirstAnswer.ANSWERED:
            raise DatabaseUnavailable(
                f"a new connection to {address[0]}:{address[1]} was {timing.answer.value} "
                f"after {timing.seconds:.3f} s"
            )
        return timing.seconds
