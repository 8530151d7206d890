"""Who may pass, and when: the protocol of what stands between accept and dial."""

from typing import Protocol


class TurnedAway(Exception):
    """The gate does not let this client pass: its connection is reset.

    Args:
        expired: it was let into the queue and waited there until its deadline.
    """

    def __init__(self, *, expired: bool = False) -> None:
        self.expired = expired
        super().__init__("expired" if expired else "refused")


class Gate(Protocol):
    """Decides for each client; lives on the event loop's thread."""

    def room(self, living: int) -> int | None:
        """How many more connections may be taken out of the kernel's queue; None is any number.

        While there is no room the listener accepts nothing, and its backlog is as small as the
        system allows: most new clients then get no answer at all.

        Args:
            living: accepted connections that have not ended.
        """

    async def admit(self) -> None:
        """Return when the client may pass. It is cancelled when the client gives up.

        Raises:
            TurnedAway: it may not.
        """

    def leave(self) -> None:
        """An admitted client is gone; called exactly once for each."""


class OpenGate:
    """Everybody passes at once."""

    def room(self, living: int) -> int | None:  # noqa: ARG002 - a Gate
        return None

    async def admit(self) -> None:
        return

    def leave(self) -> None:
        return


OPEN_GATE = OpenGate()
