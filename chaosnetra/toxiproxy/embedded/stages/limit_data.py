"""Limit data: the connection closes once so many bytes have passed."""

from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage


class LimitData(ToxicStage):
    """Lets `bytes` bytes pass in all, then closes. The count outlives changes of the limit."""

    _passed = 0

    def take(self, data: bytes) -> None:
        room = max(0, self.attributes["bytes"] - self._passed)
        passing = data[:room]
        if passing:
            self._passed += len(passing)
            self.outlet.feed(passing)
        if len(data) >= room:
            self.flow.close_connection(self)
