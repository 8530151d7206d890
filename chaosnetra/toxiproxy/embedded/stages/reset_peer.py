"""Reset peer: after the first data the connection is reset."""

import time
from collections.abc import Callable, Mapping
from random import Random

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import CHUNK_COST_BYTES, ToxicStage


class ResetPeer(ToxicStage):
    """Resets both sides `timeout` milliseconds after data or the end of the stream came.

    What comes meanwhile is held, so that a connection whose toxic is removed in time goes on as
    if nothing had been.
    """

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__(attributes, generator)
        self._struck_at: float | None = None
        self._held: list[bytes] = []
        self._eof = False

    def take(self, data: bytes) -> None:
        self._held.append(data)
        self.held_bytes += len(data) + CHUNK_COST_BYTES
        self._strike()

    def take_eof(self) -> None:
        self._eof = True
        self._strike()

    def changed(self) -> None:
        if self._struck_at is not None:
            self._alarm.at(self._struck_at + self.attributes["timeout"] / 1000)

    def take_out(self) -> None:
        self._alarm.cancel()
        self._struck_at = None
        held, self._held, self.held_bytes = self._held, [], 0
        for data in held:
            self.outlet.feed(data)
        if self._eof:
            self._eof = False
            self.outlet.feed_eof()

    def drop(self) -> None:
        super().drop()
        self._held.clear()
        self._eof = False

    def _strike(self) -> None:
        if self._struck_at is None:
            self._struck_at = time.monotonic()
            self.changed()

    def ring(self) -> None:
        self.flow.reset_connection()
