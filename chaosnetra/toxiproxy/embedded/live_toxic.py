"""A toxic in place: its values, and what it does on each connection."""

from collections.abc import Iterator
from random import Random
from weakref import WeakKeyDictionary

from chaosnetra.relay.counters import State
from chaosnetra.relay.flow import Flow
from chaosnetra.relay.relay import Relay
from chaosnetra.toxiproxy.embedded.stages import STAGES
from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage
from chaosnetra.toxiproxy.toxics import Toxic


class LiveToxic:
    """One toxic of one proxy.

    Whether it applies to a connection is decided once, when they meet: the connection draws a
    number from 0 to 1, and the toxic applies while its toxicity is more.

    Args:
        toxic: checked values.
        relay: the proxy's.
        seed: text that its random numbers come from; the n-th connection that it meets always
            draws the same.
    """

    def __init__(self, toxic: Toxic, relay: Relay, seed: str) -> None:
        self.toxic = toxic
        self._relay = relay
        self._seed = seed
        self._draws = Random(seed)
        self._met = 0
        self._stages: WeakKeyDictionary[ToxicStage, float] = WeakKeyDictionary()

    def new_stage(self) -> ToxicStage:
        """What it does on a connection that it meets now."""
        self._met += 1
        seed = f"{self._seed}/{self._met}"
        stage = STAGES[self.toxic.type](self.toxic.attributes, lambda: Random(seed))
        draw = self._stages[stage] = self._draws.random()
        stage.follow(self.toxic.attributes, applies=draw < self.toxic.toxicity)
        return stage

    def put_in(self) -> None:
        """Meet every connection that is open, oldest first."""
        for flow in self._flows():
            flow.add_stage(self.new_stage())

    def change(self, toxic: Toxic) -> None:
        """Give it other attributes or another toxicity, on every connection."""
        self.toxic = toxic
        for flow in self._flows():
            for stage in self._of(flow):
                stage.follow(toxic.attributes, applies=self._stages[stage] < toxic.toxicity)
                flow.balance()

    def take_out(self) -> None:
        """Leave every connection; what it held goes on."""
        for flow in self._flows():
            for stage in self._of(flow):
                flow.remove_stage(stage)

    def _flows(self) -> Iterator[Flow]:
        for connection in self._relay.connections:
            if connection.state is State.OPEN:
                downstream = self.toxic.direction == "downstream"
                yield connection.downward if downstream else connection.upward

    def _of(self, flow: Flow) -> list[ToxicStage]:
        return [
            stage
            for stage in flow.stages
            if isinstance(stage, ToxicStage) and stage in self._stages
        ]
