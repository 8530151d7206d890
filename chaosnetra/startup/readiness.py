"""How a target shows that it is ready."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from chaosnetra.errors import InvalidInput, MachineryFailed, is_our_own
from chaosnetra.hints import key_hint, variable_of
from chaosnetra.line_patterns import NO_RE2, WHAT_RE2_LACKS, LinePattern
from chaosnetra.templates import SERVICE_PORT
from chaosnetra.text import cut

PORT = "{port}"
PORTS = (PORT, f"{{{SERVICE_PORT}}}")


class Check(StrEnum):
    """What a readiness check met."""

    READY = "ready"
    REFUSED = "refused"
    NOT_READY = "not_ready"
    TIMED_OUT = "timed_out"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class TcpCheck:
    """Ready when the port accepts a connection; what answers there must be the target's own."""

    host: str
    port: int

    async def run(self, timeout_seconds: float) -> Check:
        """Check once.

        Raises:
            MachineryFailed: this machine has nothing left to check with.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except TimeoutError:
            return Check.TIMED_OUT
        except OSError as error:
            _refuse_our_own(error)
            return Check.REFUSED
        writer.transport.abort()
        return Check.READY


@dataclass(frozen=True)
class HttpCheck:
    """Ready when the page answers with a status from 200 to 399, as Kubernetes judges it."""

    host: str
    port: int
    path: str

    async def run(self, timeout_seconds: float) -> Check:
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                writer.write(
                    f"GET {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
                    "User-Agent: chaosnetra\r\nConnection: close\r\n\r\n".encode()
                )
                words = (await reader.readline()).split()
        except TimeoutError:
            return Check.TIMED_OUT
        except ConnectionRefusedError:
            return Check.REFUSED
        except ValueError:
            return Check.NOT_READY
        except OSError as error:
            _refuse_our_own(error)
            return Check.NOT_READY
        finally:
            if writer is not None:
                writer.transport.abort()
        ready = len(words) > 1 and words[1].isdigit() and 200 <= int(words[1]) < 400
        return Check.READY if ready else Check.NOT_READY


def _refuse_our_own(error: OSError) -> None:
    """What this machine could not do says nothing of the target."""
    if is_our_own(error):
        raise MachineryFailed(error) from error


@dataclass(frozen=True)
class Readiness:
    """A readiness setting, parsed.

    Attributes:
        text: the setting as it was given.
        on_exit: ready when the target ends with exit code 0.
        log_pattern: ready when a line of its output has it.
    """

    text: str
    on_exit: bool = False
    log_pattern: LinePattern | None = None

    @classmethod
    def parse(cls, text: str) -> "Readiness":
        """Read `http://…`, `tcp://host:port`, `log:REGEX` or `exit`.

        Raises:
            InvalidInput: none of these, or not a usable one.
        """
        if text == "exit":
            return cls(text, on_exit=True)
        if text.startswith("log:"):
            try:
                return cls(text, log_pattern=LinePattern(text.removeprefix("log:")))
            except ImportError:
                raise InvalidInput(f"readiness {text!r}: {NO_RE2}", _HINT) from None
            except (ValueError, UnicodeError) as error:
                raise InvalidInput(
                    f"readiness: {cut(repr(text), 100)} is no regular expression of RE2 "
                    f"({WHAT_RE2_LACKS}): {cut(str(error), 100)}",
                    _HINT,
                ) from None
        readiness = cls(text)
        readiness.check(port=1)
        return readiness

    @property
    def is_network(self) -> bool:
        return not self.on_exit and self.log_pattern is None

    @property
    def fixed_port(self) -> int | None:
        """The port that the check names itself; None when it is the one the target is given."""
        is_given = any(port in self.text for port in PORTS)
        return None if not self.is_network or is_given else self.check(0).port

    def check(self, port: int) -> TcpCheck | HttpCheck:
        """The network check for a target that was given `port`."""
        url = self.text
        for placeholder in PORTS:
            url = url.replace(placeholder, str(port))
        try:
            parts = urlsplit(url)
            host, given = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidInput(f"readiness {self.text!r} cannot be read: {error}", _HINT) from None
        if parts.scheme == "tcp" and host and given is not None and not parts.path.strip("/"):
            return TcpCheck(host, given)
        if parts.scheme == "http" and host:
            path = parts.path or "/"
            return HttpCheck(host, given or 80, f"{path}?{parts.query}" if parts.query else path)
        raise InvalidInput(
            f"readiness must be an http:// URL, tcp://host:port, log:REGEX or exit, "
            f"got {self.text!r}",
            _HINT,
        )


_HINT = key_hint("readiness", variable_of("readiness"))
