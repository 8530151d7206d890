"""A proxy that writes down what passes, and counts turns of direction: not by the code under test.

A turn is what the client sends and then the server. Of a client that asks one thing after the
other each is a round trip, whatever the protocol.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Recording:
    """One connection: all bytes of each direction, and the turns."""

    client: bytearray = field(default_factory=bytearray)
    server: bytearray = field(default_factory=bytearray)
    turns: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    _asked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client_sent(self, data: bytes) -> None:
        with self._lock:
            self.client += data
            self._asked = True

    def server_sent(self, data: bytes) -> None:
        with self._lock:
            self.server += data
            self.turns += self._asked
            self._asked = False


class Recorder:
    """Listens on a free port of loopback and leads to `upstream`; one recording a connection."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.recordings: list[Recording] = []

    def __enter__(self) -> "Recorder":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.host, self.port = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def taken(self) -> list[Recording]:
        """The recordings until now, all of which must have ended; the next are new ones."""
        found, self.recordings = self.recordings, []
        for recording in found:
            assert recording.ended.wait(20), "a connection does not end"
        return found

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                recording = Recording()
                self.recordings.append(recording)
                threading.Thread(target=self._carry, args=(client, recording), daemon=True).start()

    def _carry(self, client: socket.socket, recording: Recording) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self.upstream) as far:
            for plain in (client, far):
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(
                target=_pump, args=(far, client, recording.server_sent), daemon=True
            )
            back.start()
            _pump(client, far, recording.client_sent)
            back.join(30)
        recording.ended.set()


def _pump(near: socket.socket, far: socket.socket, note: Callable[[bytes], None]) -> None:
    with contextlib.suppress(OSError):
        while data := near.recv(1 << 18):
            note(data)  # before it goes on: what it causes is noted behind it
            far.sendall(data)
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_WR)
