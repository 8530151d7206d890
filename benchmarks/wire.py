"""What the observer costs: beside nothing, a relay of ours that only relays, and real Toxiproxy.

    flock FILE python benchmarks/wire.py [--rounds 9] [--only latency connects bulk memory startups]

Rounds are as in `benchmarks/relay.py`, whose clients these are: each candidate in turn, medians of
the rounds' ratios and differences. PgBouncer is one where it is installed.
"""

import argparse
import asyncio
import multiprocessing
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
from hops import REAL, Hop, direct, real_toxiproxy
from relay import (
    HELD,
    LEAST_CONNECT_RATIO,
    MEGABYTE,
    MOST_HELD_MB,
    Bench,
    allow_many_descriptors,
    held_megabytes,
    serve_bytes,
)

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.ports import free_port
from chaosnetra.processes.program import module_command, start_program
from chaosnetra.stand.hops import start_observer
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.wire.client import ObserverClient

LEAST_BULK = 200  # MB/s
STARTUPS = 50
STATEMENTS = 5_000
# One more in front of each startup's statements, and those of the log-in with TLS asked for.
LOGIN_TRIPS = 4


def relay(upstream: str) -> Hop:
    command = module_command("chaosnetra.relay.bridge", "127.0.0.1:0", upstream)
    answer, process = start_program("the relay", command)
    address = parse_network_address("listen", str(answer["listen"]))
    return Hop(address, process.stop, process.pid)


def observer(upstream: str) -> Hop:
    server = start_observer(upstream)
    nobody = DatabaseAddress("127.0.0.1", 1, "u", "p", "d")
    made = ObserverClient(server.url).database_for("hop", nobody)
    return Hop((made.host, made.port), server.stop, server.process.pid)


def pgbouncer(database: DatabaseAddress) -> Hop:
    """In session mode, which is what a hop without pooling is."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    port = free_port()
    users, settings = folder / "users", folder / "settings"
    users.write_text(f'"{database.user}" "{database.password}"\n')
    settings.write_text(
        f"[databases]\n* = host={database.host} port={database.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\n"
        f"auth_file = {users}\npool_mode = session\nunix_socket_dir =\nmax_client_conn = 4000\n"
        "default_pool_size = 90\nignore_startup_parameters = extra_float_digits\n"
    )
    process = subprocess.Popen(
        [str(shutil.which("pgbouncer")), "-q", "-u", "nobody", str(settings)],
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)

    def stop() -> None:
        process.kill()
        process.wait()
        shutil.rmtree(folder)

    return Hop(("127.0.0.1", port), stop, process.pid)


CANDIDATES: Mapping[str, Callable[[str], Hop]] = {
    "direct": direct,
    REAL: real_toxiproxy,
    "relay": relay,
    "observer": observer,
}


def latency(bench: Bench, hops: Mapping[str, Hop]) -> None:
    if shutil.which("pgbouncer"):
        hops = {**hops, "pgbouncer": pgbouncer(bench.database)}
    bench.latency(hops)
    if "pgbouncer" in hops:
        hops["pgbouncer"].stop()


def memory(bench: Bench) -> None:
    print(f"\nmemory with {HELD} connections held open (at most {MOST_HELD_MB} MB)")
    for name in (REAL, "relay", "observer"):
        hop = CANDIDATES[name](bench.bytes_server)
        try:
            assert hop.pid is not None  # noqa: S101 - for the type checker
            idle = psutil.Process(hop.pid).memory_info().rss / MEGABYTE
            held = bench.ask(held_megabytes, hop.address, hop.pid)
            print(f"  {name:10} {held:.0f} MB, idle {idle:.0f} MB")
        finally:
            hop.stop()


def ask_much(urls: list[str], statements: int) -> float:
    """Each a connection that asks so many statements one after the other; all at once."""
    import asyncpg
    import uvloop

    async def one(url: str) -> None:
        opened = await asyncpg.connect(url, timeout=120)
        for number in range(statements):
            await opened.execute(f"SELECT {number}")
        await opened.close()

    async def run() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(one(url) for url in urls))
        return time.perf_counter() - began

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def startups(bench: Bench) -> None:
    """50 at once of 5,000 statements, twice: nothing is lost, and memory is given back."""
    print(f"\n{STARTUPS} startups at once, {STATEMENTS} statements each")
    server = start_observer(bench.database.network_address)
    process = psutil.Process(server.process.pid)
    try:
        client = ObserverClient(server.url)
        for turn in range(3):
            before = process.memory_info().rss / MEGABYTE
            names = [f"{turn} {number}" for number in range(STARTUPS)]
            began = time.monotonic()
            urls = [client.database_for(name, bench.database).url for name in names]
            took = bench.ask(ask_much, urls, STATEMENTS)
            until = time.monotonic()
            full = process.memory_info().rss / MEGABYTE
            found, times = [], []
            for name in names:
                asked = time.perf_counter()
                found.append(client.observation(name, began, until))
                times.append(time.perf_counter() - asked)
            wrong = [
                seen
                for seen in found
                if seen.executions != STATEMENTS
                or seen.round_trips != STATEMENTS + LOGIN_TRIPS
                or not seen.complete
            ]
            client.forget(names)
            after = process.memory_info().rss / MEGABYTE
            print(
                f"  {took:.1f} s ({STARTUPS * STATEMENTS / took:.0f} statements/s), "
                f"{len(wrong)} miscounted; {before:.0f} MB before, {full:.0f} MB full, "
                f"{after:.0f} MB after; an observation {statistics.median(times) * 1000:.0f} ms"
            )
            assert wrong == [], wrong[0]  # noqa: S101 - what this measures
    finally:
        server.stop()


def observing(bench: Bench) -> None:
    """A query's time while observations of 100,000 round trips are computed."""
    print("\na query while observations of 100,000 round trips are computed, one after the other")
    server = start_observer(bench.database.network_address)
    try:
        client = ObserverClient(server.url)
        began = time.monotonic()
        url = client.database_for("long", bench.database).url
        other = client.database_for("other", bench.database).url
        bench.ask(ask_much, [url], 100_000)
        until = time.monotonic()
        quiet = bench.ask(query_percentile_ms, other, 3.0)
        pending = bench.clients.submit(query_percentile_ms, other, 3.0)
        took = []
        while not pending.done():
            asked = time.perf_counter()
            client.observation("long", began, until)
            took.append(time.perf_counter() - asked)
        print(
            f"  99th of 100: {quiet:.3f} ms quiet, {pending.result():.3f} ms meanwhile; "
            f"an observation {statistics.median(took) * 1000:.0f} ms"
        )
    finally:
        server.stop()


def query_percentile_ms(url: str, seconds: float) -> float:
    """The 99th percentile of a query's time, over some seconds."""
    import asyncpg

    async def run() -> float:
        opened = await asyncpg.connect(url, timeout=30)
        times = []
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            await opened.fetchval("SELECT 1")
            times.append(time.perf_counter() - started)
        await opened.close()
        return statistics.quantiles(times, n=100)[-1] * 1000

    return asyncio.run(run())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    measures = ("latency", "connects", "bulk", "memory", "startups", "observing")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=measures, default=measures)
    given = parser.parse_args()
    allow_many_descriptors()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    bytes_server = context.Process(target=serve_bytes, args=(there,), daemon=True)
    bytes_server.start()
    postgres = start_postgres()
    try:
        with ProcessPoolExecutor(1, context) as clients:
            bench = Bench(given.rounds, clients, postgres.database, f"127.0.0.1:{here.recv()}")
            began = time.perf_counter()
            start_observer(bench.bytes_server).stop()
            print(f"started and stopped in {time.perf_counter() - began:.2f} s")
            if "latency" in given.only:
                run(postgres.database.network_address, lambda hops: latency(bench, hops))
            if "connects" in given.only:
                print(f"\n(the observer's connects: at least {LEAST_CONNECT_RATIO} of {REAL})")
                run(postgres.database.network_address, bench.connects)
            if "bulk" in given.only:
                print(f"\n(bulk through the observer: at least {LEAST_BULK} MB/s)")
                run(bench.bytes_server, bench.bulk)
            for name, measure in (
                ("memory", memory),
                ("startups", startups),
                ("observing", observing),
            ):
                if name in given.only:
                    measure(bench)
    finally:
        postgres.stop()
        bytes_server.kill()


def run(upstream: str, measure: Callable[[Mapping[str, Hop]], None]) -> None:
    hops: dict[str, Hop] = {}
    try:
        for name, start in CANDIDATES.items():
            hops[name] = start(upstream)
        measure(hops)
    finally:
        for hop in hops.values():
            hop.stop()


if __name__ == "__main__":
    main()
