"""What reading PostgreSQL's protocol costs a hop: no socket, no event loop, this process alone.

    python benchmarks/wire_reading.py [--rounds 7]

Times are those of the processor; of the rounds the best counts, as all else that runs on the
machine can only slow one down.
"""

import argparse
import struct
import time
import tracemalloc
from collections.abc import Callable

from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import ConnectionLog, StartupLog

CHUNK_BYTES = 65_536
MEGABYTE = 1_000_000
BULK_BYTES = 64 * MEGABYTE
EXCHANGES = 10_000
IDLE_CONNECTIONS = 2_000
LEAST_COPY_MB = 500
LEAST_ROWS_MB = 200
MOST_EXCHANGE_MICROSECONDS = 15.0
MOST_IDLE_BYTES = 4_096


def message(letter: bytes, body: bytes = b"") -> bytes:
    return letter + struct.pack(">I", len(body) + 4) + body


STARTUP = struct.pack(">II", 24, 196_608) + b"user\0bob\0\0" + bytes(6)
READY = message(b"Z", b"I")
ANSWER = (
    message(b"T", struct.pack(">H", 1) + b"a\0" + bytes(18))
    + message(b"D", struct.pack(">HI", 1, 1) + b"1")
    + message(b"C", b"SELECT 1\0")
    + READY
)
BATCH = (
    message(b"B", b"\0s\0" + bytes(6))
    + message(b"E", b"\0" + bytes(4))
    + message(b"S")
)  # fmt: skip
BATCH_ANSWER = message(b"2") + message(b"D", bytes(11)) + message(b"C", b"SELECT 1\0") + READY


def in_session(log: StartupLog) -> Conversation:
    connection = ConnectionLog(0.0)
    log.connections.append(connection)
    conversation = Conversation(log, connection)
    conversation.dialed(0.0)
    conversation.client_sent(STARTUP, 0.0)
    conversation.server_sent(message(b"R", bytes(4)) + READY, 0.0)
    return conversation


def bulk_mb_per_second(letter: bytes, payload_bytes: int) -> float:
    """Messages of one kind from the server, one after the other, in chunks of 64 kB."""
    one = message(letter, bytes(payload_bytes))
    data = one * (BULK_BYTES // len(one))
    chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    receive = in_session(StartupLog()).server_sent
    began = time.process_time()
    for chunk in chunks:
        receive(chunk, 1.0)
    return len(data) / (time.process_time() - began) / MEGABYTE


def exchange_microseconds(ask: Callable[[int], bytes], answer: bytes) -> float:
    """A question and its answer, as two chunks.

    Args:
        ask: gives the question, by its number.
    """
    asked = [ask(number) for number in range(EXCHANGES)]
    conversation = in_session(StartupLog())
    send, receive = conversation.client_sent, conversation.server_sent
    began = time.process_time()
    for question in asked:
        send(question, 1.0)
        receive(answer, 1.0)
    return (time.process_time() - began) / EXCHANGES * 1e6


def same_query(_number: int) -> bytes:
    return message(b"Q", b"SELECT 1\0")


def other_query(number: int) -> bytes:
    text = f"SELECT a, b FROM orders WHERE id = {number} AND name = 'n{number}'"  # noqa: S608 - is only read
    return message(b"Q", text.encode() + b"\0")


def batch(_number: int) -> bytes:
    return BATCH


def idle_bytes() -> float:
    """What one connection in a session costs beside its sockets, with its log."""
    log, conversations = StartupLog(), []
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(IDLE_CONNECTIONS):
            conversations.append(in_session(log))  # noqa: PERF401 - the list is no part of it
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (after - before) / len(conversations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = range(parser.parse_args().rounds)
    held = True

    def tell(what: str, value: float, unit: str, bound: float, *, at_least: bool) -> None:
        nonlocal held
        good = value >= bound if at_least else value <= bound
        held = held and good
        word = "at least" if at_least else "at most"
        print(f"{what:42} {value:10,.1f} {unit:6} {word} {bound:g}{'' if good else '  MISSED'}")

    for what, letter, size, least in (
        ("COPY, messages of 64 kB", b"d", CHUNK_BYTES - 5, LEAST_COPY_MB),
        ("COPY, messages of 8 kB", b"d", 8_192, LEAST_COPY_MB),
        ("COPY, messages of 100 bytes", b"d", 95, LEAST_ROWS_MB),
        ("rows of 100 bytes", b"D", 95, LEAST_ROWS_MB),
    ):
        best = max(bulk_mb_per_second(letter, size) for _ in rounds)
        tell(what, best, "MB/s", least, at_least=True)
    for what, ask, answer in (
        ("a simple query and its answer", same_query, ANSWER),
        ("the same, with other literals each time", other_query, ANSWER),
        ("a prepared statement and its answer", batch, BATCH_ANSWER),
    ):
        best = min(exchange_microseconds(ask, answer) for _ in rounds)
        tell(what, best, "µs", MOST_EXCHANGE_MICROSECONDS, at_least=False)
    tell("an idle connection", idle_bytes(), "bytes", MOST_IDLE_BYTES, at_least=False)
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    main()
