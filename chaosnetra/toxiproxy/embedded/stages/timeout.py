"""Timeout: no data passes, and after a while the connection closes."""

import time
from collections.abc import Callable, Mapping
from random import Random

from chaosnetra.toxiproxy.embedded.stages.alarm import Alarm
from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage


class Timeout(ToxicStage):
    """Drops all data; closes after `timeout` milliseconds without any, 0 never does.

    Removing it closes the connection, whose stream has a hole by then.
    """

    def __init__(self, attributes: Mapping[str, int], generator: Callable[[], Random]) -> None:
        super().__init__(attributes, generator)
        self._alarm = Alarm(self.take_out)

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

    def drop(self) -> None:
        self._alarm.close()
