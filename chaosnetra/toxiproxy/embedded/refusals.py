"""Errors of the control API, in the real server's words."""

from chaosnetra.errors import ChaosnetraError


class Refused(ChaosnetraError):
    """A call cannot be done; answered with this HTTP status and text."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)
