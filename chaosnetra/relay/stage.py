"""What can happen to the bytes of one direction on their way: the protocol of a stage."""

from collections.abc import Callable
from typing import Protocol


class Outlet(Protocol):
    """Where bytes go next: another stage, or the far socket."""

    def feed(self, data: bytes) -> None:
        """Take bytes, in order; never an empty chunk."""

    def feed_eof(self) -> None:
        """The near side will send no more; called at most once, after all bytes."""


class FlowControl(Protocol):
    """What a stage may ask of the flow that it is part of."""

    def balance(self) -> None:
        """Look again at who holds how much; call it after `held_bytes` has shrunk."""

    def close_connection(self, stage: "StreamStage") -> None:
        """Close both sides, each behind what is still on its way to it.

        Nothing passes `stage` any more; what it and the stages before it hold is dropped.
        """

    def reset_connection(self) -> None:
        """End the whole connection at once, with a reset to both sides."""


class StreamStage:
    """Hands on what it is fed, changed, later, or not at all.

    A stage lives on the event loop's thread and never blocks. It may hold bytes back; while it
    holds more than `most_held_bytes` the near side is not read.

    Attributes:
        outlet: what comes next; set when the stage is put into a flow.
        flow: the flow it is part of; set with `outlet`.
        held_bytes: how much it holds back now.
        most_held_bytes: back-pressure begins above this.
    """

    most_held_bytes = 64 * 1024

    def __init__(self) -> None:
        self.outlet: Outlet
        self.flow: FlowControl
        self.held_bytes = 0

    def put_into(self, flow: FlowControl, outlet: Outlet) -> None:
        """Become part of a flow, in front of `outlet`. May be called again with another one."""
        self.flow = flow
        self.outlet = outlet

    def feed(self, data: bytes) -> None:
        self.outlet.feed(data)

    def feed_eof(self) -> None:
        self.outlet.feed_eof()

    def take_out(self) -> None:
        """The stage is being removed from a living flow: hand on, in order, all that is held."""

    def drop(self) -> None:
        """The connection is gone: cancel timers and forget what is held."""


# Makes the stages of one direction of a new connection; `True` is downstream, from the upstream
# server to the client.
StageFactory = Callable[[bool], list[StreamStage]]


def no_stages(downstream: bool) -> list[StreamStage]:  # noqa: ARG001 - a StageFactory
    """Bytes pass as they are."""
    return []
