"""Whole dialogues: cut anywhere, damaged anywhere, and anything at all."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import ConnectionLog, StartupLog
from chaosnetra.wire.observation import LONGEST_TEXT, Encryption, Reached
from tests.support.wire import (
    BOUND,
    CLOSED,
    COPY_DONE,
    COPY_IN,
    COPY_OUT,
    FLUSH,
    GSS_REQUEST,
    NO_DATA,
    PARSED,
    SSL_REQUEST,
    SYNC,
    answered,
    bind,
    chunks,
    close,
    columns,
    complete,
    copy_data,
    describe,
    error,
    execute,
    logged_in,
    notice,
    notification,
    parameter,
    parse,
    password,
    query,
    ready,
    row,
)
from tests.unit.wire.seen import Seen

CUTS = st.lists(st.integers(1, 400), max_size=8)
TEXTS = st.sampled_from(
    ["SELECT a", "SELECT 'x' || $1", "", "BEGIN; SELECT 1", "SELECT '" + "x" * 9_000 + "'"]
)
NAMES = st.sampled_from(["", "s1", "s2"])
ASIDES = st.sampled_from([b"", notice(), notification(), parameter()])
BATCH_MESSAGES = (parse("SELECT b"), bind(), describe("P"), execute(), close("P"))
BATCH_REPLIES = (PARSED, BOUND, columns("a"), row(b"1") + complete(), CLOSED)


class Dialogues(RuleBasedStateMachine):
    """A valid dialogue is heard twice: in whole turns, and in turns that are cut anywhere.

    Both logs are the same, and have as many round trips and executions as there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.cut = Seen(), Seen()
        self.trips = 0
        self.executions = 0
        self.errors = 0

    def say(self, side: str, data: bytes, cuts: list[int]) -> None:
        getattr(self.whole, side)(data)
        now = self.cut.now
        for chunk in chunks(data, cuts):
            self.cut.now = now
            getattr(self.cut, side)(chunk)

    @initialize(
        requests=st.lists(st.sampled_from([SSL_REQUEST, GSS_REQUEST]), max_size=2),
        scram=st.booleans(),
        cuts=CUTS,
    )
    def log_in(self, requests: list[bytes], scram: bool, cuts: list[int]) -> None:
        for request in requests:
            self.say("client", request, cuts)
            self.say("server", b"N", cuts)
        for side, data in logged_in(scram):
            self.say(side, data, cuts)
        self.trips += len(requests) + (3 if scram else 1)

    @rule(
        texts=st.lists(TEXTS, min_size=1, max_size=3), rows=st.integers(0, 40), aside=ASIDES, c=CUTS
    )
    def simple(self, texts: list[str], rows: int, aside: bytes, c: list[int]) -> None:
        self.say("client", b"".join(map(query, texts)), c)
        self.say("server", (aside + answered(rows)) * len(texts), c)
        self.trips += len(texts)
        self.executions += len(texts)

    @rule(text=TEXTS, c=CUTS)
    def failing(self, text: str, c: list[int]) -> None:
        self.say("client", query(text), c)
        self.say("server", error(text="x" * 500) + ready("E"), c)
        self.trips += 1
        self.executions += 1
        self.errors += 1

    @rule(text=TEXTS, name=NAMES, times=st.integers(1, 5), c=CUTS)
    def pipelined(self, text: str, name: str, times: int, c: list[int]) -> None:
        batch = parse(text, name) + bind("", name) + describe("P") + execute() + SYNC
        self.say("client", batch * times, c)
        self.say("server", (PARSED + BOUND + NO_DATA + complete() + ready()) * times, c)
        self.trips += times
        self.executions += times

    @rule(upto=st.integers(1, 5), flushed=st.booleans(), aside=ASIDES, c=CUTS)
    def in_steps(self, upto: int, flushed: bool, aside: bytes, c: list[int]) -> None:
        for message, reply in zip(BATCH_MESSAGES[:upto], BATCH_REPLIES, strict=False):
            self.say("client", message + (FLUSH if flushed else b""), c)
            self.say("server", aside + (reply if flushed else b""), c)
        self.say("client", SYNC, c)
        self.say("server", (b"" if flushed else b"".join(BATCH_REPLIES[:upto])) + ready(), c)
        self.trips += 1 + (upto if flushed else 0)
        self.executions += upto >= 4

    @rule(failed=st.integers(0, 3), flushed=st.booleans(), c=CUTS)
    def failing_batch(self, failed: int, flushed: bool, c: list[int]) -> None:
        flush = FLUSH if flushed else b""
        self.say("client", b"".join(BATCH_MESSAGES[:4]) + flush, c)
        self.say("server", b"".join(BATCH_REPLIES[:failed]) + error(), c)
        self.say("client", flush + SYNC, c)
        self.say("server", ready(), c)
        self.trips += 1 + flushed
        self.executions += 1
        self.errors += 1

    @rule(data=st.lists(st.binary(max_size=50), max_size=5), patient=st.booleans(), c=CUTS)
    def copied_in(self, data: list[bytes], patient: bool, c: list[int]) -> None:
        start, end = query("COPY t FROM STDIN"), b"".join(map(copy_data, data)) + COPY_DONE
        if patient:
            self.say("client", start, c)
            self.say("server", COPY_IN, c)
            self.say("client", end, c)
            self.say("server", complete() + ready(), c)
        else:
            self.say("client", start + end, c)
            self.say("server", COPY_IN + complete() + ready(), c)
        self.trips += 2
        self.executions += 1

    @rule(data=st.lists(st.binary(max_size=50), max_size=5), c=CUTS)
    def copied_out(self, data: list[bytes], c: list[int]) -> None:
        self.say("client", query("COPY t TO STDOUT"), c)
        rows = b"".join(map(copy_data, data))
        self.say("server", COPY_OUT + rows + COPY_DONE + complete() + ready(), c)
        self.trips += 1
        self.executions += 1

    @rule(c=CUTS)
    def unasked(self, c: list[int]) -> None:
        self.say("server", notification() + error("01000") + parameter(), c)
        self.errors += 1

    @invariant()
    def both_are_the_same_and_all_is_counted(self) -> None:
        assert self.whole.connection == self.cut.connection
        assert self.whole.log.texts == self.cut.log.texts
        assert self.whole.log.trips == len(self.whole.trips) == self.trips
        assert self.whole.log.executions == len(self.whole.executed) == self.executions
        assert self.whole.log.errors == len(self.whole.errors) == self.errors
        assert self.whole.connection.waiting_since is None
        assert self.whole.log.complete
        assert self.whole.stages[-1] in (Reached.SESSION, Reached.TCP)
        assert self.whole.connection.encryption in (Encryption.NONE, Encryption.DECLINED)


TestDialogues = Dialogues.TestCase
TestDialogues.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


BEGINNINGS = st.sampled_from(
    [
        [],
        [("client", SSL_REQUEST)],
        [("client", SSL_REQUEST), ("server", b"S")],
        logged_in()[:1],
        logged_in(scram=True)[:3],
        logged_in(),
        [*logged_in(), ("client", query("COPY t FROM STDIN")), ("server", COPY_IN)],
    ]
)
PIECES = st.one_of(
    st.binary(max_size=60),
    TEXTS.map(query),
    TEXTS.map(parse),
    st.sampled_from(
        [
            *BATCH_MESSAGES, *BATCH_REPLIES, SYNC, FLUSH, COPY_DONE, COPY_IN, ready(), error(),
            password(), answered(), SSL_REQUEST, b"N", b"S", error("57P01", severity="FATAL"),
            b"E\0\0\0\6xx", b"P\0\0\0\4", b"B\0\0\0\4", b"E\0\0\0\4", b"D\0\0\0\4", b"C\0\0\0\4",
        ]
    ),
)  # fmt: skip


@settings(deadline=None)
@given(BEGINNINGS, st.lists(st.tuples(st.sampled_from(["client", "server"]), PIECES), max_size=40))
def test_anything_is_borne_and_what_is_kept_stays_consistent(
    beginning: list[tuple[str, bytes]], data: list[tuple[str, bytes]]
) -> None:
    seen = Seen()
    for side, chunk in [*beginning, *data]:
        getattr(seen, side)(chunk)
    of = seen.connection
    sent, received = (
        sum(len(chunk) for side, chunk in [*beginning, *data] if side == one)
        for one in ("client", "server")
    )
    assert (of.sent_bytes, of.received_bytes) == (sent, received)
    assert len(of.sent_at) == len(of.answered_at) == len(of.statements)
    assert all(began <= ended for began, ended in zip(of.sent_at, of.answered_at, strict=True))
    assert list(of.answered_at) == sorted(of.answered_at)
    assert len(of.executed_at) == len(of.executed)
    assert [at for at, _ in of.stages] == sorted(at for at, _ in of.stages)
    assert len(of.stages) <= len(Reached)
    assert all(-1 <= one < len(seen.log.texts) for one in (*of.statements, *of.executed))
    assert all(len(told.message) <= LONGEST_TEXT for told in of.errors)


@settings(deadline=None)
@given(st.data())
def test_a_dialogue_with_any_byte_changed_is_borne(data: st.DataObject) -> None:
    steps = [*logged_in(scram=True), ("client", query("SELECT 1")), ("server", answered(3))]
    log = StartupLog()
    conversation = Conversation(log, ConnectionLog(0.0))
    damaged = data.draw(st.integers(0, len(steps) - 1))
    for number, (side, chunk) in enumerate(steps):
        if number == damaged:
            at = data.draw(st.integers(0, len(chunk) - 1))
            chunk = chunk[:at] + bytes([data.draw(st.integers(0, 255))]) + chunk[at + 1 :]
        receive = conversation.client_sent if side == "client" else conversation.server_sent
        receive(chunk, float(number))
    assert log.complete
    assert log.trips <= len(steps)
