"""Errors of the control API, in the real server's words."""

from chaosnetra.errors import ChaosnetraError


class Refused(ChaosnetraError):
    """A call cannot be done; answered with this HTTP status and text."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def bad_body(why: object) -> Refused:
    return Refused(400, f"bad request body: {why}")


def missing_field(name: str) -> Refused:
    return Refused(400, f"missing required field: {name}")


def no_proxy() -> Refused:
    return Refused(404, "proxy not found")


def no_toxic() -> Refused:
    return Refused(404, "toxic not found")


def proxy_exists() -> Refused:
    return Refused(409, "proxy already exists")


def toxic_exists() -> Refused:
    return Refused(409, "toxic already exists")
