"""Messages found in chunks, and what is held of them."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.wire.framing import LONGEST_KEPT, OF_CLIENT, OF_SERVER, Framer
from tests.support.wire import (
    AUTHENTICATED,
    chunks,
    complete,
    copy_data,
    error,
    message,
    parameter,
    query,
    ready,
    row,
)

ANSWER = row(b"x" * 100) + complete() + parameter() + copy_data(b"z" * 50) + error() + ready()


def held_bytes(framer: Framer) -> int:
    begun = framer._begun[1] if framer._begun else b""
    return len(framer._held) + len(begun)


def test_payloads_of_rows_and_copies_are_passed_over() -> None:
    found = Framer(OF_SERVER).messages(ANSWER)
    assert [chr(kind) for kind, _ in found] == ["C", "E", "Z"]
    assert found[0][1] == b"SELECT 1\0"


@given(st.lists(st.integers(0, len(ANSWER))))
def test_chunks_give_the_same_messages_wherever_they_are_cut(cuts: list[int]) -> None:
    framer = Framer(OF_SERVER)
    found = [one for chunk in chunks(ANSWER, cuts) for one in framer.messages(chunk)]
    assert found == Framer(OF_SERVER).messages(ANSWER)
    assert not framer.midway


@pytest.mark.parametrize("size", [LONGEST_KEPT - 6, LONGEST_KEPT, LONGEST_KEPT + 1, 3_000_000])
def test_a_long_statement_is_told_when_it_is_complete_with_its_beginning(size: int) -> None:
    data = query("x" * size)
    framer = Framer(OF_CLIENT)
    for chunk in chunks(data[:-1], range(60_000, len(data), 60_000)):
        assert framer.messages(chunk) == []
        assert framer.midway
        assert held_bytes(framer) <= LONGEST_KEPT + 5
    ((kind, body),) = framer.messages(data[-1:])
    assert kind == ord("Q")
    assert body == data[5 : 5 + LONGEST_KEPT]


def test_a_row_of_a_gigabyte_is_awaited_and_not_held() -> None:
    framer = Framer(OF_SERVER)
    assert framer.messages(b"D" + struct.pack(">I", 1_000_000_000)) == []
    for _ in range(20):
        assert framer.messages(b"x" * 100_000) == []
    assert not framer.broken
    assert held_bytes(framer) == 0


@pytest.mark.parametrize(
    "lie",
    [
        b"Z" + struct.pack(">I", 3), b"D" + struct.pack(">I", 0),
        b"D" + struct.pack(">I", 3) + b"abc", b"D\xff\xff\xff\xff", b"T\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n", b"R" + struct.pack(">I", 0x10000000),
        b"\x00\x00\x00\x00\x00", b"1" + struct.pack(">I", 5) + b"x",
    ],
)  # fmt: skip
def test_lengths_and_letters_that_cannot_be_are_no_messages(lie: bytes) -> None:
    framer = Framer(OF_SERVER)
    told = framer.messages(ready() + lie)
    assert told == [(ord("Z"), b"I")]
    assert framer.broken
    assert framer.messages(ready()) == []


def test_a_message_of_no_length_in_bulk_ends_the_reading() -> None:
    framer = Framer(OF_CLIENT)
    assert framer.messages(copy_data(b"") + b"d\0\0\0\0" * 1000) == []
    assert framer.broken


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_are_borne_and_little_is_held(data: list[bytes]) -> None:
    for kinds in (OF_CLIENT, OF_SERVER):
        framer = Framer(kinds)
        for chunk in data:
            for kind, body in framer.messages(chunk):
                assert kind in kinds.told
                assert len(body) <= LONGEST_KEPT
            assert held_bytes(framer) <= LONGEST_KEPT + 5


def test_a_message_that_comes_byte_by_byte_is_held_once() -> None:
    framer = Framer(OF_CLIENT)
    data = message("P", b"\0" + b"y" * (LONGEST_KEPT + 2000))
    for at in range(len(data) - 1):
        assert framer.messages(data[at : at + 1]) == []
        assert held_bytes(framer) <= LONGEST_KEPT + 5
    assert len(framer.messages(data[-1:])) == 1
    assert sys.getsizeof(framer) < 200


def test_authentication_is_told_with_its_code() -> None:
    assert Framer(OF_SERVER).messages(AUTHENTICATED) == [(ord("R"), b"\0\0\0\0")]
