"""Undoes toxics and proxies, from an undo's data alone.

Only what still is ours is touched, and `/reset` is never called: it would touch every proxy of
a server that others use too.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chaosnetra.errors import ToxiproxyRefused, ToxiproxyWedged, UndoFailed
from chaosnetra.faults import UndoReport, UndoResult
from chaosnetra.toxiproxy.client import ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic

# How the names begin that hold a run's id.
_OF_A_RUN = re.compile(r"chaosnetra_\d{8}t\d{6}_[0-9a-f]{6}(_|$)")


def remove_toxic(arguments: Mapping[str, Any]) -> UndoReport:
    """Remove a toxic that we added.

    On a wedged server deleting a toxic hangs, but deleting the proxy does not; so the proxy is
    then deleted and made again as it was before the toxic. As long as that goes on, a disabled
    proxy beside it says so: whoever plays the undo after one that was broken off goes on with it.

    Args:
        arguments: `url`, `proxy`, `toxic` (as sent to the server), and `before`: the proxy's
            `listen`, `upstream`, `enabled` and `toxics` before ours was added; `close_holder`: the
            toxic that came with it, None or left out where there is none.
    """
    client = ToxiproxyClient(arguments["url"])
    proxy, ours = arguments["proxy"], Toxic.from_server(arguments["toxic"])
    sign = f"{quote(ours.name, safe='')}_being_removed"
    try:
        if client.proxy(sign) is not None:
            return _make_proxy_again(client, proxy, sign, arguments["before"])
        held = client.toxic(proxy, ours.name)
        if held is None:
            _remove_close_holder(client, proxy, arguments)
            return UndoReport(UndoResult.ALREADY_DONE, f"no toxic {ours.name} on {proxy}")
        if (held.type, held.direction) != (ours.type, ours.direction):
            return UndoReport(
                UndoResult.NOT_OURS,
                f"{ours.name} on {proxy} is a {held.type} toxic {held.direction}, "
                f"ours was {ours.type} {ours.direction}",
            )
        went = not client.delete_toxic(proxy, ours.name)
        _remove_close_holder(client, proxy, arguments)
        if went:
            return UndoReport(UndoResult.ALREADY_DONE, f"toxic {ours.name} went meanwhile")
    except ToxiproxyWedged:
        return _make_proxy_again(client, proxy, sign, arguments["before"])
    return UndoReport(UndoResult.DONE, f"removed toxic {ours.name} from {proxy}")


def restore_toxic(arguments: Mapping[str, Any]) -> UndoReport:
    """Give an updated toxic its former values back.

    Args:
        arguments: `url`, `proxy`, `ours` and `before`: the toxic as we set it and as it was;
            `close_holder` and `taken_holder`: a toxic that came, and one that went with that.
    """
    client = ToxiproxyClient(arguments["url"])
    ours, before = (Toxic.from_server(arguments[key]) for key in ("ours", "before"))
    proxy = arguments["proxy"]
    _remove_close_holder(client, proxy, arguments)
    held = client.toxic(proxy, ours.name)
    if held is None:
        return UndoReport(UndoResult.NOT_OURS, f"toxic {ours.name} is gone")
    if held.same_as(before):
        return UndoReport(UndoResult.ALREADY_DONE, f"toxic {ours.name} has its former values")
    if not held.same_as(ours):
        return UndoReport(UndoResult.NOT_OURS, f"toxic {ours.name} was changed by somebody else")
    client.update_toxic(proxy, ours.name, before.attributes, before.toxicity)
    if arguments.get("taken_holder"):
        taken = Toxic.from_server(arguments["taken_holder"])
        if client.toxic(proxy, taken.name) is None:
            client.add_toxic(proxy, taken)
    return UndoReport(UndoResult.DONE, f"gave toxic {ours.name} its former values back")


def delete_proxy(arguments: Mapping[str, Any]) -> UndoReport:
    """Delete a proxy that we made.

    A name that only a run of ours gives is proof enough: also of a proxy that somebody else led
    elsewhere, and on a wedged server, where it cannot be inspected and deleting it is what clears
    the wedge.

    Args:
        arguments: `url`, `name`, `upstream`.
    """
    client = ToxiproxyClient(arguments["url"])
    name = arguments["name"]
    try:
        found = client.proxy(name)
    except ToxiproxyWedged:
        if not _OF_A_RUN.match(name):
            raise UndoFailed(
                f"Toxiproxy at {client.url} is wedged, and proxy {name} may be another's by now: "
                "restart the server, or delete the proxy if it is the run's"
            ) from None
        if not client.delete_proxy(name):
            return UndoReport(UndoResult.ALREADY_DONE, f"no proxy {name}")
        return UndoReport(UndoResult.DONE, f"deleted proxy {name} of a wedged server")
    if found is None:
        return UndoReport(UndoResult.ALREADY_DONE, f"no proxy {name}")
    if found.upstream != arguments["upstream"] and not _OF_A_RUN.match(name):
        return UndoReport(
            UndoResult.NOT_OURS,
            f"proxy {name} leads to {found.upstream}, ours to {arguments['upstream']}",
        )
    client.delete_proxy(name)
    return UndoReport(UndoResult.DONE, f"deleted proxy {name}")


def restore_proxy(arguments: Mapping[str, Any]) -> UndoReport:
    """Enable or disable a proxy again, as it was.

    Args:
        arguments: `url`, `name`, `enabled`: what it was before.
    """
    client = ToxiproxyClient(arguments["url"])
    name, enabled = arguments["name"], arguments["enabled"]
    found = client.proxy(name)
    if found is None:
        return UndoReport(UndoResult.NOT_OURS, f"proxy {name} is gone")
    if found.enabled == enabled:
        return UndoReport(UndoResult.ALREADY_DONE, f"proxy {name} is as it was")
    if client.update_proxy(name, enabled=enabled).enabled != enabled:
        raise UndoFailed(f"proxy {name} did not become {'enabled' if enabled else 'disabled'}")
    return UndoReport(UndoResult.DONE, f"{'enabled' if enabled else 'disabled'} proxy {name}")


def _remove_close_holder(client: ToxiproxyClient, proxy: str, arguments: Mapping[str, Any]) -> None:
    """Remove what held the server's end back, where it is still ours."""
    if not arguments.get("close_holder"):
        return
    ours = Toxic.from_server(arguments["close_holder"])
    held = client.toxic(proxy, ours.name)
    if held is not None and (held.type, held.direction) == (ours.type, ours.direction):
        client.delete_toxic(proxy, ours.name)


def _make_proxy_again(
    client: ToxiproxyClient, name: str, sign: str, before: Mapping[str, Any]
) -> UndoReport:
    try:
        if client.proxy(sign) is None:
            client.create_proxy(sign, "127.0.0.1:0", before["upstream"], enabled=False)
        client.delete_proxy(name)
        # Made disabled, so that no connection comes through before its toxics are back.
        client.create_proxy(name, before["listen"], before["upstream"], enabled=False)
        for toxic in before["toxics"]:
            client.add_toxic(name, Toxic.from_server(toxic))
        client.update_proxy(name, enabled=before["enabled"])
        client.proxies()
        client.delete_proxy(sign)
    except (ToxiproxyWedged, ToxiproxyRefused) as error:
        raise UndoFailed(
            f"Toxiproxy at {client.url} is wedged and proxy {name} could not be made again "
            f"({error}); restart the server, and make it if it is yours: listen "
            f"{before['listen']}, upstream {before['upstream']}"
        ) from error
    return UndoReport(
        UndoResult.DONE, f"the server was wedged: proxy {name} was deleted and made again"
    )
