"""What a hop costs: the embedded Toxiproxy and the connector emulator beside the real Toxiproxy.

    python benchmarks/relay.py [--rounds 9] [--only connects latency accuracy memory bulk]

In each round every candidate does the same work, one after the other, forwards and backwards in
turn, on the same machine in the same minute; what counts is the median of the rounds' ratios and
differences. Clients, servers and candidates are processes of their own.
"""

import argparse
import asyncio
import multiprocessing
import resource
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
from hops import CANDIDATES, REAL, Hop

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.toxiproxy.toxics import make_toxic

AT_ONCE = 50
HELD = 2_000
BULK_BYTES = 256 * 1024 * 1024
INJECTED_MS = (1, 2, 5, 10, 20, 50, 100, 200)
LEAST_CONNECT_RATIO = 0.95
MOST_ADDED_MS = 0.1
MOST_HELD_MB = 100
MEGABYTE = 1_000_000


# What runs in the clients' process


def allow_many_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connects_per_second(url: str, count: int) -> float:
    """Connect, ask one thing and close, so many times in all, 50 at a time."""
    import asyncpg
    import uvloop

    async def run() -> float:
        left = iter(range(count))

        async def client() -> None:
            for _ in left:
                connection = await asyncpg.connect(url, timeout=30)
                await connection.fetchval("SELECT 1")
                await connection.close()

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        return count / (time.perf_counter() - started)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def query_ms(url: str, count: int) -> float:
    """Median time of a query on an established connection."""
    import asyncpg
    import uvloop

    async def run() -> float:
        connection = await asyncpg.connect(url, timeout=30)
        times = []
        for number in range(count + 3):
            started = time.perf_counter()
            await connection.fetchval("SELECT 1")
            if number >= 3:  # the first ones prepare it
                times.append(time.perf_counter() - started)
        await connection.close()
        return statistics.median(times) * 1000

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def bulk_megabytes_per_second(address: tuple[str, int]) -> float:
    """One connection that only receives."""
    with socket.create_connection(address, timeout=60) as client:
        started = time.perf_counter()
        client.sendall(b"b")
        buffer = bytearray(1 << 20)
        left = BULK_BYTES
        while left:
            got = client.recv_into(buffer)
            if not got:
                raise ConnectionError("the end came too early")
            left -= got
        return BULK_BYTES / MEGABYTE / (time.perf_counter() - started)


def held_megabytes(address: tuple[str, int], pid: int) -> float:
    """Resident memory of a process that holds 2,000 connections, each of which has worked."""
    allow_many_descriptors()
    clients = []
    try:
        for _ in range(HELD):
            clients.append(socket.create_connection(address, timeout=30))
            clients[-1].sendall(b"h")
        for client in clients:
            if client.recv(1) != b"h":
                raise ConnectionError("a connection is not held")
        return psutil.Process(pid).memory_info().rss / MEGABYTE
    finally:
        for client in clients:
            client.close()


def serve_bytes(told: Any) -> None:
    """A server: after a `b` it sends in bulk, every other byte it sends back."""
    allow_many_descriptors()
    chunk = bytes(1 << 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while word := await reader.read(1):
                if word != b"b":
                    writer.write(word)
                    continue
                for _ in range(BULK_BYTES // len(chunk)):
                    writer.write(chunk)
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


# The rounds


@dataclass
class Bench:
    """Candidates in front of a database and of a server of bytes, and a process for clients."""

    rounds: int
    clients: ProcessPoolExecutor
    database: DatabaseAddress
    bytes_server: str

    def interleaved(
        self, hops: Mapping[str, Hop], work: Callable[[Hop], float]
    ) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {name: [] for name in hops}
        for hop in hops.values():
            work(hop)  # all find a server that has served
        for number in range(self.rounds):
            for name in list(hops)[:: 1 if number % 2 else -1]:
                found[name].append(work(hops[name]))
        return found

    def ask(self, work: Callable[..., float], *arguments: Any) -> float:
        return self.clients.submit(work, *arguments).result(600)

    def url(self, hop: Hop) -> str:
        return self.database.at(*hop.address).url

    def connects(self, hops: Mapping[str, Hop]) -> None:
        found = self.interleaved(
            hops, lambda hop: self.ask(connects_per_second, self.url(hop), 300)
        )
        print(
            f"\nconnects a second, {AT_ONCE} at a time (at least {LEAST_CONNECT_RATIO} of {REAL})"
        )
        self.show(found, "/s", 0)

    def latency(self, hops: Mapping[str, Hop]) -> None:
        found = self.interleaved(hops, lambda hop: self.ask(query_ms, self.url(hop), 1000))
        print(f"\nmedian of a query (at most {MOST_ADDED_MS} ms over {REAL})")
        self.show(found, " ms", 3)
        for name, times in found.items():
            over = statistics.median(a - b for a, b in zip(times, found[REAL], strict=True))
            added = statistics.median(a - b for a, b in zip(times, found["direct"], strict=True))
            print(f"  {name:10} adds {added:+.3f} ms to direct, {over:+.3f} ms to {REAL}")

    def bulk(self, hops: Mapping[str, Hop]) -> None:
        found = self.interleaved(hops, lambda hop: self.ask(bulk_megabytes_per_second, hop.address))
        print("\nbulk throughput of one connection")
        self.show(found, " MB/s", 0)

    def accuracy(self, hops: Mapping[str, Hop]) -> None:
        print("\ninjected latency: error of the median (at most 1 ms + 1 %)")
        with_toxics = {name: hop for name, hop in hops.items() if hop.toxics is not None}
        for injected in INJECTED_MS:
            found = self.interleaved(with_toxics, partial(self.error_ms, injected))
            most = 1 + injected / 100
            told = [f"{name} {statistics.median(found[name]):+.2f} ms" for name in found]
            print(f"  {injected:3} ms (at most {most:.2f}): {', '.join(told)}")

    def error_ms(self, injected: int, hop: Hop) -> float:
        """How much more than `injected` a query takes longer with it than without."""
        assert hop.toxics is not None  # noqa: S101 - for the type checker
        toxic = make_toxic("slow", "latency", "downstream", 1, {"latency_ms": injected})
        before = self.ask(query_ms, self.url(hop), 100)
        hop.toxics.add_toxic("hop", toxic)
        during = self.ask(query_ms, self.url(hop), 15)
        hop.toxics.delete_toxic("hop", toxic.name)
        return during - before - injected

    def memory(self) -> None:
        print(f"\nmemory with {HELD} connections held open (at most {MOST_HELD_MB} MB)")
        for name, start in CANDIDATES.items():
            hop = start(self.bytes_server)
            try:
                if hop.pid is not None:
                    idle = psutil.Process(hop.pid).memory_info().rss / MEGABYTE
                    held = self.ask(held_megabytes, hop.address, hop.pid)
                    print(f"  {name:10} {held:.0f} MB, idle {idle:.0f} MB")
            finally:
                hop.stop()

    def show(self, found: Mapping[str, list[float]], unit: str, digits: int) -> None:
        for name, values in found.items():
            ratios = [a / b for a, b in zip(values, found[REAL], strict=True)]
            print(
                f"  {name:10} {statistics.median(values):.{digits}f}{unit}, "
                f"{statistics.median(ratios):.3f} of {REAL} "
                f"({min(ratios):.3f} to {max(ratios):.3f}, {self.rounds} rounds)"
            )

    def with_hops(self, upstream: str, *measures: Callable[[Mapping[str, Hop]], None]) -> None:
        hops: dict[str, Hop] = {}
        try:
            for name, start in CANDIDATES.items():
                hops[name] = start(upstream)
            for measure in measures:
                measure(hops)
        finally:
            for hop in hops.values():
                hop.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    measures = ("connects", "latency", "accuracy", "memory", "bulk")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=measures, default=measures)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    bytes_server = context.Process(target=serve_bytes, args=(there,), daemon=True)
    bytes_server.start()
    postgres = start_postgres()
    try:
        with ProcessPoolExecutor(1, context) as clients:
            bench = Bench(given.rounds, clients, postgres.database, f"127.0.0.1:{here.recv()}")
            with_database = [
                getattr(bench, name)
                for name in ("connects", "latency", "accuracy")
                if name in given.only
            ]
            if with_database:
                bench.with_hops(postgres.database.network_address, *with_database)
            if "bulk" in given.only:
                bench.with_hops(bench.bytes_server, bench.bulk)
            if "memory" in given.only:
                bench.memory()
    finally:
        postgres.stop()
        bytes_server.kill()


if __name__ == "__main__":
    main()
