"""Slow close: the end of the stream comes later."""

import time

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage


class SlowClose(ToxicStage):
    """Lets data pass, and the end of the stream `delay` milliseconds after it came."""

    _ended_at: float | None = None

    def take_eof(self) -> None:
        self._ended_at = time.monotonic()
        self.changed()

    def changed(self) -> None:
        if self._ended_at is not None:
            self._alarm.at(self._ended_at + self.attributes["delay"] / 1000)

    def take_out(self) -> None:
        self._alarm.cancel()
        self.ring()

    def drop(self) -> None:
        super().drop()
        self._ended_at = None

    def ring(self) -> None:
        if self._ended_at is not None:
            self._ended_at = None
            self.outlet.feed_eof()
