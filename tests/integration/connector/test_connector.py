"""The connector emulator as a process, with real clients in front and a real server behind."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import pytest

from chaosnetra.connector.client import ConnectorClient
from chaosnetra.stand.hops import start_connector
from tests.integration.connector.connecting import Clients, Upstream, answers, gauges, settled
from tests.support.helpers import wait_until

FIFTY = {
    "instances": 2,
    "maximum_instances": 2,
    "connections_per_instance": 25,
    "queue_timeout_seconds": 30,
}
TRYING_SECONDS = 40.0


def assert_exact(
    upstream: Upstream, wanted: float, share: float, measure: Callable[[ConnectorClient], float]
) -> None:
    """What takes `wanted` seconds is never early, and at most a share of it late.

    A wrong time is wrong every time; a machine that is busy is not. So it is measured again, each
    time on a fresh connector.
    """
    taken: list[float] = []
    deadline = time.monotonic() + TRYING_SECONDS
    while time.monotonic() < deadline:
        server = start_connector(upstream.address, seed=7)
        try:
            taken.append(measure(ConnectorClient(server.url)))
        finally:
            server.stop()
        assert taken[-1] >= 0.995 * wanted
        if taken[-1] <= (1 + share) * wanted:
            return
    raise AssertionError(f"{taken} s, not {wanted} s")


def test_it_starts_open_and_passes_everything(connector: ConnectorClient) -> None:
    with Clients(connector) as clients:
        made = clients.connect(200)
        assert answers(made, 10) == ["hello"] * 200
        state = settled(connector, 200)
        assert (state["in_use"], state["queued"]) == (200, 0)
    wait_until(lambda: connector.state()["in_use"] == 0, 5, "all slots free again")
    assert connector.state()["connections"]["closed"] == 200


def test_full_with_a_queue_ten_of_sixty_wait_their_turn(
    connector: ConnectorClient, upstream: Upstream
) -> None:
    connector.change(FIFTY)
    with Clients(connector) as clients:
        made = clients.connect(60)
        state = settled(connector, 60)
        assert gauges(connector) == (50, 50, 10)
        assert (state["connections"]["queued"], state["connections"]["open"]) == (10, 50)
        wait_until(lambda: upstream.clients == 50, 5, "fifty clients at the upstream")
        said = answers(made, 1)
        assert sorted(said) == ["hello"] * 50 + ["silent"] * 10
        served = [client for client, answer in zip(made, said, strict=True) if answer == "hello"]
        waiting = [client for client in made if client not in served]
        for client in served[:10]:
            client.close()
        assert answers(waiting, 5) == ["hello"] * 10
        assert gauges(connector) == (50, 50, 0)


def test_full_with_refusal_ten_of_sixty_are_reset(connector: ConnectorClient) -> None:
    connector.change({**FIFTY, "when_full": "refuse"})
    with Clients(connector) as clients:
        made = clients.connect(60)
        state = settled(connector, 60)
        assert sorted(answers(made, 5)) == ["hello"] * 50 + ["reset"] * 10
        assert gauges(connector) == (50, 50, 0)
        assert state["connections"]["refused"] == 10


def test_full_without_accepting_ten_of_sixty_get_no_answer(connector: ConnectorClient) -> None:
    connector.change({**FIFTY, "when_full": "ignore"})
    with Clients(connector) as clients:
        made = clients.connect(50)
        settled(connector, 50)
        for _ in range(10):  # in one burst the kernel answers some before its queue is full
            made += clients.connect(1)
            time.sleep(0.02)
        said = answers(made, 2)
        assert said == ["hello"] * 50 + ["silent"] * 10
        assert gauges(connector) == (50, 50, 0)
        assert connector.state()["connections"]["accepted"] == 50
        # Not even the handshake is completed: a genuine connect timeout. One may have slipped in.
        connected = 0
        for client, answer in zip(made, said, strict=True):
            if answer == "silent":
                with contextlib.suppress(OSError):
                    client.getpeername()
                    connected += 1
        assert connected <= 1
        # And with a slot free again, they come in: their system sends the SYN once more.
        for client, answer in zip(made, said, strict=True):
            if answer == "hello":
                client.close()
        late = [client for client, answer in zip(made, said, strict=True) if answer == "silent"]
        assert answers(late, 15) == ["hello"] * 10


def test_a_scale_up_lets_the_queue_in_when_its_delay_is_over(upstream: Upstream) -> None:
    delay = 2.0

    def drained_after(connector: ConnectorClient) -> float:
        connector.change(
            {
                **FIFTY,
                "maximum_instances": 3,
                "pressure_threshold": 1,
                "scale_up_delay_seconds": delay,
            }
        )
        with Clients(connector) as clients:
            began = time.monotonic()
            made = clients.connect(60)
            assert answers(made, 30) == ["hello"] * 60
            drained = time.monotonic() - began
            history = connector.history()
            (begun,) = [e for e in history["events"] if e["event"] == "scale-up begun"]
            (done,) = [e for e in history["events"] if e["event"] == "scaled up"]
            scaled = next(s["at_seconds"] for s in history["samples"] if s["slots"] == 75)
            assert gauges(connector) == (75, 60, 0)
            assert max(sample["most_queued"] for sample in history["samples"]) == 10
            assert history["samples"][-1]["slots"] == 75
            for at_seconds in (done["at_seconds"], scaled):
                assert at_seconds - begun["at_seconds"] >= delay
            return max(drained, scaled - begun["at_seconds"])

    assert_exact(upstream, delay, 0.05, drained_after)


def test_who_waits_past_the_deadline_is_reset(connector: ConnectorClient) -> None:
    connector.change({**FIFTY, "connections_per_instance": 1, "queue_timeout_seconds": 0.5})
    with Clients(connector) as clients:
        assert answers(clients.connect(2), 5) == ["hello"] * 2
        began = time.monotonic()
        assert answers(clients.connect(3), 5) == ["reset"] * 3
        assert 0.45 <= time.monotonic() - began < 2
        assert connector.state()["connections"]["expired"] == 3
        assert gauges(connector) == (2, 2, 0)


@pytest.mark.parametrize("how", ["farewell", "reset"])
def test_who_gives_up_waiting_is_forgotten(connector: ConnectorClient, how: str) -> None:
    connector.change({**FIFTY, "connections_per_instance": 1})
    with Clients(connector) as clients:
        assert answers(clients.connect(2), 5) == ["hello"] * 2
        waiting = clients.connect(3)
        wait_until(lambda: gauges(connector) == (2, 2, 3), 5, "three waiting")
        for client in waiting:
            if how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        wait_until(lambda: gauges(connector) == (2, 2, 0), 5, "nobody waiting")
        assert connector.state()["connections"]["abandoned"] == 3


def test_pressure_delays_new_connections_and_no_others(upstream: Upstream) -> None:
    def delayed(connector: ConnectorClient) -> float:
        # Who is delayed by an hour is not answered here.
        connector.change(
            {
                **FIFTY,
                "connections_per_instance": 5,
                "pressure_threshold": 0.7,
                "pressure_delay_seconds": 3600,
            }
        )
        with Clients(connector) as clients:
            early = clients.connect(7)
            assert answers(early, 10) == ["hello"] * 7
            connector.change({"pressure_delay_seconds": 1})
            began = time.monotonic()
            assert answers(clients.connect(3), 10) == ["hello"] * 3
            seconds = time.monotonic() - began
            connector.change({"pressure_delay_seconds": 3600})
            early[0].settimeout(10)
            early[0].sendall(b"still quick")
            assert early[0].recv(100) == b"still quick"
        return seconds

    assert_exact(upstream, 1.0, 0.1, delayed)


def test_connections_share_the_throughput_and_nothing_is_lost(upstream: Upstream) -> None:
    # 2 x 8 Mbit/s are 2 MB/s; 2.1 MB that go there and back take 2.1 s, whoever sends them.
    sent = bytes(range(256)) * 2048

    def echoed(connector: ConnectorClient) -> float:
        connector.change({**FIFTY, "throughput_mbps_per_instance": 8})
        with Clients(connector) as clients:
            return echo_seconds(clients, sent)

    assert_exact(upstream, 2 * 4 * len(sent) / 2_000_000, 0.15, echoed)


def echo_seconds(clients: Clients, sent: bytes) -> float:
    """How long four clients take to send so much and get it back; it must be the same."""
    made = clients.connect(4)
    assert answers(made, 5) == ["hello"] * 4
    began = time.monotonic()
    got: list[bytes] = [b""] * 4

    def echo(number: int) -> None:
        client = made[number]
        client.settimeout(30)
        writer = threading.Thread(target=client.sendall, args=(sent,))
        writer.start()
        while len(got[number]) < len(sent):
            got[number] += client.recv(65536)
        writer.join(30)

    threads = [threading.Thread(target=echo, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    seconds = time.monotonic() - began
    assert got == [sent] * 4
    return seconds


def test_a_line_that_is_fast_again_carries_what_waited_at_once(connector: ConnectorClient) -> None:
    # 1 kbit/s: 20 kB would take 160 s, and nobody else's bytes would come before them.
    slow = {"throughput_mbps_per_instance": 1, "background_mbps": 1}
    with Clients(connector) as clients:
        (client,) = clients.connect(1)
        assert answers([client], 5) == ["hello"]
        connector.change(slow)
        client.sendall(b"x" * 20_000)
        assert answers([client], 0.5) == ["silent"]
        connector.change({"throughput_mbps_per_instance": 80, "background_mbps": 0})
        client.settimeout(5)
        echoed = b""
        while len(echoed) < 20_000:
            echoed += client.recv(65536)
        # And with no limit at all, while the far end's answer waits.
        connector.change(slow)
        client.sendall(b"y" * 20_000)
        assert answers([client], 0.5) == ["silent"]
        connector.change({"throughput_mbps_per_instance": None, "background_mbps": 0})
        client.settimeout(5)
        while len(echoed) < 40_000:
            echoed += client.recv(65536)
        assert echoed == b"x" * 20_000 + b"y" * 20_000
        assert answers(clients.connect(1), 5) == ["hello"]


def test_what_was_on_its_way_to_a_client_that_is_gone_delays_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = start_connector(f"127.0.0.1:{listening.getsockname()[1]}", seed=1)
        connector = ConnectorClient(server.url)
        try:
            with Clients(connector) as clients:
                (gone,) = clients.connect(1)
                to_gone, _ = listening.accept()
                (other,) = clients.connect(1)
                to_other, _ = listening.accept()
                connector.change({"throughput_mbps_per_instance": 1, "background_mbps": 1})
                with to_gone, to_other:
                    to_gone.sendall(b"x" * 20_000)  # 160 s at 1 kbit/s
                    assert answers([gone], 0.5) == ["silent"]
                    to_other.sendall(b"hello")
                    assert answers([other], 0.5) == ["silent"]
                    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    gone.close()
                    assert answers([other], 10) == ["hello"]
        finally:
            server.stop()


def test_a_refusal_is_in_the_history_at_once(connector: ConnectorClient) -> None:
    connector.change({**FIFTY, "connections_per_instance": 1, "when_full": "refuse"})
    with Clients(connector) as clients:
        assert answers(clients.connect(2), 5) == ["hello"] * 2
        for refused in (1, 2):
            assert answers(clients.connect(1), 5) == ["reset"]
            assert connector.history()["samples"][-1]["refused"] == refused


def test_a_client_that_never_reads_holds_nobody_up(
    connector: ConnectorClient, upstream: Upstream
) -> None:
    with Clients(connector) as clients:
        (greedy,) = clients.connect(1)
        assert answers([greedy], 5) == ["hello"]
        greedy.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                greedy.send(b"x" * 65536)
        began = time.monotonic()
        connector.change({"instances": 1})
        connector.state()
        assert answers(clients.connect(20), 5) == ["hello"] * 20
        assert time.monotonic() - began < 3


def test_an_upstream_that_refuses_closes_its_clients_only(connector: ConnectorClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = start_connector(f"127.0.0.1:{unused.getsockname()[1]}", seed=1)
        try:
            client = ConnectorClient(dead.url)
            with Clients(client) as clients:
                assert set(answers(clients.connect(5), 5)) <= {"closed", "reset"}
            counters = client.state()["connections"]
            assert (counters["dials_failed"], counters["open"]) == (5, 0)
            assert client.state()["in_use"] == 0
        finally:
            dead.stop()
