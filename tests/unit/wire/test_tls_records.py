"""The answer that begins a session in TLS, told by the lengths of records."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.wire.tls_records import (
    APPLICATION_DATA,
    HANDSHAKE,
    SHORTEST_OF_A_SESSION_BYTES,
    TlsRecords,
)

CHANGE_CIPHER = 20
LONG, SHORT = SHORTEST_OF_A_SESSION_BYTES, SHORTEST_OF_A_SESSION_BYTES - 1


def record(kind: int, length: int) -> bytes:
    return bytes([kind, 3, 3]) + length.to_bytes(2, "big") + bytes([23]) * length


# Of TLS 1.3: its certificate is hidden in application data.
HELLO = record(HANDSHAKE, 90) + record(CHANGE_CIPHER, 1) + record(APPLICATION_DATA, 2000)
RETRY = record(HANDSHAKE, 88) + record(CHANGE_CIPHER, 1)


def in_chunks(records: TlsRecords, answer: bytes, cuts: list[int]) -> bool:
    edges = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})
    found = [records.begins_session(answer[start:end]) for start, end in pairwise(edges)]
    return any(found)


@given(
    st.lists(st.sampled_from([HELLO, RETRY]), min_size=1, max_size=2),
    st.lists(st.integers(0, SHORT), max_size=4),
    st.booleans(),
    st.lists(st.integers(0, 5000), max_size=12),
)
def test_only_a_long_answer_after_the_handshake_begins_a_session(
    handshake: list[bytes], asked: list[int], accepted: bool, cuts: list[int]
) -> None:
    records = TlsRecords()
    for flight in handshake:
        assert not in_chunks(records, flight, cuts)
        records.client_sent()
    for length in asked:
        assert not in_chunks(records, record(APPLICATION_DATA, length), cuts)
        records.client_sent()
    last = record(APPLICATION_DATA, LONG if accepted else SHORT)
    assert in_chunks(records, last, cuts) is accepted


@given(st.lists(st.binary(max_size=70), max_size=30))
def test_what_is_no_tls_is_passed_over(chunks: list[bytes]) -> None:
    records = TlsRecords()
    for chunk in chunks:
        records.begins_session(chunk)
