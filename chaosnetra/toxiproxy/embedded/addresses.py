"""Where a proxy of the embedded server may listen, and what it may lead to."""

import ipaddress

from chaosnetra.addresses import parse_network_address
from chaosnetra.errors import InvalidInput

Address = tuple[str, int]


def listen_address(text: str, *, anywhere: bool) -> Address:
    """The IP address and port that a proxy listens on; port 0 is any free one.

    Args:
        text: `host:port`; the host is `localhost` or an IP address. Without a host it is every
            interface where `anywhere` allows it, else 127.0.0.1; without a port any free one.
        anywhere: whether it may be another address than one of loopback.

    Raises:
        InvalidInput: it is not such an address.
    """
    named = text or ":0"
    if named.startswith(":"):
        named = f"{'[::]' if anywhere else '127.0.0.1'}{named}"
    host, port = parse_network_address("listen", named)
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise InvalidInput(
            f"listen must name an IP address, as 127.0.0.1:0 does, got {text!r}"
        ) from None
    if not address.is_loopback and not anywhere:
        raise InvalidInput(
            f"listen must be an address of loopback, as 127.0.0.1:0 is, got {text!r}; "
            "only a server started with --listen-anywhere takes others"
        )
    return str(address), port


def upstream_address(text: str) -> Address:
    """The host and port that a proxy leads to; without a host it is this machine.

    Raises:
        InvalidInput: it is not `host:port` with a port of 1 to 65535.
    """
    host, port = parse_network_address(
        "upstream", f"localhost{text}" if text.startswith(":") else text
    )
    try:
        usable = host.isprintable() and " " not in host and bool(host.encode("idna"))
    except UnicodeError:
        usable = False
    if not usable or port == 0:
        raise InvalidInput(f"upstream must be host:port, got {text!r}")
    return host, port
