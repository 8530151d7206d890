"""Takes clients out of the kernel's queue, as long as there is room for them."""

import asyncio
import socket
import time
from collections.abc import Callable

from chaosnetra.addresses import Place

BACKLOG = 1024
MOST_AT_ONCE = 64
# Out of descriptors or memory: others will be given back.
PAUSE_AFTER_ERROR_SECONDS = 0.1


class Listener:
    """Accepts on one address.

    Args:
        accepted: takes each new client's socket.
        room: how many more clients may be accepted now; None is any number.
        failed: called at each attempt to accept that failed.
    """

    def __init__(
        self,
        accepted: Callable[[socket.socket], None],
        room: Callable[[], int | None],
        failed: Callable[[], None],
    ) -> None:
        self._accepted = accepted
        self._room = room
        self._failed = failed
        self._socket: socket.socket | None = None
        self._reading = False
        self._pause: asyncio.TimerHandle | None = None
        # Since when clients have waited in the kernel's queue without a break; None: it was empty.
        self.accepting_since: float | None = None
        self._plug: socket.socket | None = None
        self._plugs: set[object] = set()  # addresses of our own that may still be in the queue

    def listen(self, host: str, port: int) -> tuple[str, int]:
        """Begin to accept; returns the address, with the port that the system chose for 0.

        Raises:
            OSError: the address cannot be used.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = self._listen(family, (host, port)).getsockname()
        return bound[0], bound[1]

    def listen_on_socket(self, path: str) -> None:
        """Begin to accept on a Unix socket.

        Raises:
            OSError: it cannot be used.
        """
        self._listen(socket.AF_UNIX, path)

    def _listen(self, family: socket.AddressFamily, address: Place) -> socket.socket:
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family != socket.AF_UNIX:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind(address)
            listening.listen(BACKLOG)
        except BaseException:
            listening.close()
            raise
        self._socket = listening
        self.look_again()
        return listening

    @property
    def listening(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        """Accept no more; new clients are refused by the system."""
        if self._socket is None:
            return
        self._read(False)
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._unplug()
        self._socket.close()
        self._socket = None

    def look_again(self) -> None:
        """There may be more room, or less."""
        if self._socket is None or self._pause is not None:
            return
        room = self._room()
        self._let_wait(room)
        if room is None or room > 0:
            self._unplug()
            self._read(True)
        else:
            self._read(False)
            self._stop_up()

    def _stop_up(self) -> None:
        """Take the one place in the kernel's queue that even a backlog of 0 leaves free.

        With it taken, the kernel answers no SYN: a client's connect times out.
        """
        if self._plug is None and self._socket is not None:
            try:
                self._plug = socket.socket(self._socket.family, socket.SOCK_STREAM)
            except OSError:
                return  # out of descriptors: one client may get an answer
            self._plug.setblocking(False)
            self._plug.connect_ex(self._socket.getsockname())
            self._plugs.add(self._plug.getsockname())

    def _unplug(self) -> None:
        if self._plug is not None:
            self._plug.close()
            self._plug = None

    def _let_wait(self, room: int | None) -> None:
        """Let the kernel complete so many handshakes ahead of us."""
        if self._socket is not None:
            # It completes one more than the backlog says.
            self._socket.listen(BACKLOG if room is None else max(0, min(BACKLOG, room - 1)))

    def _read(self, wanted: bool) -> None:
        if wanted == self._reading or self._socket is None:
            return
        self._reading = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._socket, self._accept)
        else:
            loop.remove_reader(self._socket)

    def _accept(self) -> None:
        if self.accepting_since is None:
            self.accepting_since = time.monotonic()
        for _ in range(MOST_AT_ONCE):
            if self._socket is None:
                return
            room = self._room()
            if room is not None:
                if room <= 0:
                    self.look_again()
                    return
                self._let_wait(room - 1)  # before the place of the next one is free
            try:
                client, address = self._socket.accept()
            except BlockingIOError:
                self.accepting_since = None
                self._plugs.clear()  # they are out of the queue, or never were in it
                return
            except (InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._failed()
                self._read(False)
                loop = asyncio.get_running_loop()
                self._pause = loop.call_later(PAUSE_AFTER_ERROR_SECONDS, self._resume)
                return
            if address in self._plugs:
                self._plugs.remove(address)
                client.close()
                continue
            client.setblocking(False)
            self._accepted(client)

    def _resume(self) -> None:
        self._pause = None
        self.look_again()
