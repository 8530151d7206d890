"""What each toxic does on one direction of one connection: one toxic a module."""

from chaosnetra.toxiproxy.embedded.stages.bandwidth import Bandwidth
from chaosnetra.toxiproxy.embedded.stages.latency import Latency
from chaosnetra.toxiproxy.embedded.stages.limit_data import LimitData
from chaosnetra.toxiproxy.embedded.stages.reset_peer import ResetPeer
from chaosnetra.toxiproxy.embedded.stages.slicer import Slicer
from chaosnetra.toxiproxy.embedded.stages.slow_close import SlowClose
from chaosnetra.toxiproxy.embedded.stages.timeout import Timeout
from chaosnetra.toxiproxy.embedded.stages.toxic_stage import ToxicStage

STAGES: dict[str, type[ToxicStage]] = {
    "latency": Latency,
    "bandwidth": Bandwidth,
    "slow_close": SlowClose,
    "timeout": Timeout,
    "reset_peer": ResetPeer,
    "slicer": Slicer,
    "limit_data": LimitData,
    "noop": ToxicStage,
}
