"""Timeout: no data passes, and after a while the connection closes."""

import time

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage


class Timeout(ToxicStage):
    """Drops all data; closes after `timeout` milliseconds without any, 0 never does.

    Removing it closes the connection, whose stream has a hole by then.
    """

    def begin(self) -> None:
        if self.attributes["timeout"]:
            self._alarm.at(time.monotonic() + self.attributes["timeout"] / 1000)
        else:
            self._alarm.cancel()

    def take(self, data: bytes) -> None:  # noqa: ARG002 - it is lost
        self.begin()

    def changed(self) -> None:
        self.begin()

    def take_out(self) -> None:
        self.flow.close_connection(self)

    def ring(self) -> None:
        self.take_out()
