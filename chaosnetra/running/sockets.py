"""A database behind a Unix socket: the way to it through a proxy, which knows only TCP.

target -> socket of the observer -> proxy -> bridge -> the database's socket
"""

from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import InvalidInput
from chaosnetra.ports import is_loopback
from chaosnetra.running.resources import Part, Resources
from chaosnetra.settings import setting_hint

BRIDGE = "Unix socket bridge"


def bring_tcp_end(
    resources: Resources, database: DatabaseAddress, toxiproxy_url: str
) -> DatabaseAddress:
    """The database by an address that a proxy can lead to: itself, unless it is behind a socket.

    Args:
        resources: the run's.
        database: its address, directly.
        toxiproxy_url: control URL of the server that has the proxy.

    Raises:
        InvalidInput: that server is on another machine, from where no socket of this one is
            reached.
        PartUnavailable: the bridge does not start.
    """
    if not database.is_socket:
        return database
    if not is_loopback(urlsplit(toxiproxy_url).hostname or ""):
        raise InvalidInput(
            f"the database is behind a Unix socket of this machine, which Toxiproxy at "
            f"{toxiproxy_url} cannot reach: name a server of this machine by 127.0.0.1",
            setting_hint("toxiproxy_url"),
        )
    from chaosnetra import __version__
    from chaosnetra.stand.hops import bridge_to_socket

    bridge = bridge_to_socket(database.network_address)
    shown = f"{bridge.listen} to {database.network_address}"
    resources.own(BRIDGE, bridge.listen, bridge.process)
    resources.add(Part(BRIDGE, "started for this run", shown, __version__))
    return database.at(*parse_network_address("listen", bridge.listen))
