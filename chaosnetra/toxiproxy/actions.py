"""Actions on Toxiproxy: toxics and proxies, each undone by its undo action or at the end.

Durations are given at time scale 1 and scaled with the run. Whatever an action puts in place is
written down first, measured after, and undone when the run ends even without a rollback.
"""

import logging
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.faults import undone_result
from chaosnetra.quantities import fraction, truth
from chaosnetra.running.activity import Attributes, Result, edge
from chaosnetra.running.session import Session
from chaosnetra.text import effect_text
from chaosnetra.toxiproxy.faults import (
    ProxyCreated,
    ProxySwitched,
    existing_proxy,
    existing_toxic,
    proxy_fault_name,
    toxic_fault_name,
)
from chaosnetra.toxiproxy.toxic_faults import ToxicAdded, ToxicUpdated
from chaosnetra.toxiproxy.toxics import change_toxic, is_addressable, make_toxic, parse_attributes

logger = logging.getLogger("chaostoolkit")

LONGEST_NAME = 100

__all__ = [
    "add_bandwidth_limit",
    "add_data_limit",
    "add_latency",
    "add_reset_peer",
    "add_slicer",
    "add_slow_close",
    "add_timeout",
    "create_proxy",
    "delete_proxy",
    "disable_proxy",
    "enable_proxy",
    "remove_toxic",
    "update_toxic",
]


@edge
def add_latency(
    session: Session,
    latency_ms: float,
    jitter_ms: float = 0,
    name: str = "latency",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Delay what passes through a proxy, each way trip once.

    Args:
        latency_ms: delay in milliseconds at time scale 1, 0 to 3,600,000.
        jitter_ms: random part, added or subtracted; at most `latency_ms`.
        name: names the toxic within the run.
        proxy: `database`, or the name of a proxy on the server.
        direction: `downstream` (from the database) or `upstream`.
        toxicity: share of the connections it applies to, 0 to 1.

    Returns:
        `name`, `parameters` as injected, and `effect` as measured.

    Raises:
        ActivityFailed: it is not in place; says what to change.
    """
    return _add(
        session,
        "latency",
        name,
        proxy,
        direction,
        toxicity,
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
    )


@edge
def add_bandwidth_limit(
    session: Session,
    rate_kb_per_second: int,
    name: str = "bandwidth",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Limit the rate of each connection; 0 stalls it without loss. See `add_latency`.

    Args:
        rate_kb_per_second: rate in kilobytes (1,000 bytes) a second.
    """
    return _add(
        session,
        "bandwidth",
        name,
        proxy,
        direction,
        toxicity,
        rate_kb_per_second=rate_kb_per_second,
    )


@edge
def add_slow_close(
    session: Session,
    delay_ms: float,
    name: str = "slow_close",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Delay the close of connections. See `add_latency`.

    Args:
        delay_ms: delay in milliseconds at time scale 1, 0 to 3,600,000.
    """
    return _add(session, "slow_close", name, proxy, direction, toxicity, delay_ms=delay_ms)


@edge
def add_timeout(
    session: Session,
    timeout_ms: float,
    name: str = "timeout",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Let no data pass, and close after a while; 0 never closes: a black hole.

    See `add_latency`. Removing it closes every connection that it applied to. Of a black hole
    the client does not learn either that the server ends the connection meanwhile, as PostgreSQL
    does after `authentication_timeout`; with a toxicity below 1 it does, and the effect says so.

    Args:
        timeout_ms: milliseconds at time scale 1, 0 to 3,600,000.
    """
    return _add(session, "timeout", name, proxy, direction, toxicity, timeout_ms=timeout_ms)


@edge
def add_reset_peer(
    session: Session,
    timeout_ms: float = 0,
    name: str = "reset_peer",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Reset each connection (TCP RST) once data has passed. See `add_latency`.

    Args:
        timeout_ms: milliseconds before the reset at time scale 1, 0 to 3,600,000.
    """
    return _add(session, "reset_peer", name, proxy, direction, toxicity, timeout_ms=timeout_ms)


@edge
def add_slicer(
    session: Session,
    average_size_bytes: int,
    size_variation_bytes: int = 0,
    delay_us: float = 0,
    name: str = "slicer",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Cut data into small pieces, with a delay between them. See `add_latency`.

    Args:
        average_size_bytes: at least 1.
        size_variation_bytes: less than the average.
        delay_us: microseconds between two pieces at time scale 1. Without it the effect cannot
            be measured, and the verdict is inconclusive.
    """
    return _add(
        session,
        "slicer",
        name,
        proxy,
        direction,
        toxicity,
        average_size_bytes=average_size_bytes,
        size_variation_bytes=size_variation_bytes,
        delay_us=delay_us,
    )


@edge
def add_data_limit(
    session: Session,
    limit_bytes: int,
    name: str = "limit_data",
    proxy: str = "database",
    direction: str = "downstream",
    toxicity: float = 1.0,
) -> Result:
    """Close each connection once so much data has passed. See `add_latency`.

    Args:
        limit_bytes: bytes, not scaled.
    """
    return _add(session, "limit_data", name, proxy, direction, toxicity, limit_bytes=limit_bytes)


@edge
def update_toxic(
    session: Session,
    name: str,
    attributes: Attributes,
    # `chaos discover` knows no `float | None`.
    toxicity: float = None,  # type: ignore[assignment]  # noqa: RUF013
    proxy: str = "database",
) -> Result:
    """Give a toxic that is in place other values; what is left out stays. Undone at the end.

    Args:
        name: the toxic's name within the run, or on the server for somebody else's.
        attributes: by the names that the `add_` actions use, at time scale 1.
        toxicity: share of the connections, 0 to 1; None is as it is.
        proxy: `database`, or the name of a proxy on the server.

    Returns:
        As `add_latency`.
    """
    # Checked before anything is brought up, so that a slip costs no time.
    _checked_name("name", name)
    _checked_name("proxy", proxy)
    if not isinstance(attributes, dict):
        raise InvalidInput(f"attributes must be an object, got {attributes!r:.200}")
    values = parse_attributes(attributes, session.settings.time_scale)
    share: float | None = toxicity
    if share is not None:
        share = fraction("toxicity", share)
    proxy_name = session.proxy_name(proxy)
    known = _held_toxic(session, proxy_name, name)
    found = existing_toxic(session.toxiproxy, proxy_name, known or name)
    toxic = change_toxic(found, share, values)
    effects, number = session.effects_on(proxy), session.next_number()
    fault = ToxicUpdated(session.toxiproxy, proxy_name, toxic, effects, number)
    return session.injector.inject(fault).to_result()


@edge
def remove_toxic(session: Session, name: str, proxy: str = "database") -> Result:
    """Remove a toxic of this run. Doing it again, or with none in place, is no error.

    Args:
        name: its name within the run.
        proxy: `database`, or the name of a proxy on the server.

    Returns:
        `result` (done, already done, not ours any more) and `detail`.

    Raises:
        ActivityFailed: it may still be there.
    """
    _checked_name("proxy", proxy)
    proxy_name = _known_proxy(session, proxy)
    held = _held_toxic(session, proxy_name, name)
    report = session.injector.undo(toxic_fault_name(proxy_name, held)) if held else None
    return undone_result(report, f"this run holds no toxic {name} on {proxy}")


@edge
def create_proxy(
    session: Session, name: str, upstream: str, listen: str = "127.0.0.1:0", enabled: bool = True
) -> Result:
    """Make a proxy; deleted at the end.

    Args:
        name: its name on the server; one that is there already is an error.
        upstream: `host:port` that it leads to.
        listen: `host:port`; port 0 lets the server choose.
        enabled: whether it accepts connections at once.

    Returns:
        `name`, `parameters`, `listen` as the server chose it, `effect` None.
    """
    from chaosnetra.addresses import parse_network_address

    _checked_name("name", name)
    session.require_local("a proxy of its own")
    for what, address in (("upstream", upstream), ("listen", listen)):
        if not isinstance(address, str):
            raise InvalidInput(f"{what} must be host:port, got {address!r:.200}")
        parse_network_address(what, address)
    serves = truth("enabled", enabled)
    # Its own numbers, and the same ones in each run of this seed.
    seed = f"{session.settings.seed}/{name}"
    injected = session.injector.inject(
        ProxyCreated(session.toxiproxy, name, listen, upstream, serves, seed)
    )
    proxy = session.toxiproxy.proxy(name)
    return {**injected.to_result(), "listen": proxy.listen if proxy else None}


@edge
def delete_proxy(session: Session, name: str) -> Result:
    """Delete a proxy that this run made. Doing it again is no error.

    Args:
        name: its name.

    Returns:
        `result` and `detail`.
    """
    _checked_name("name", name)
    session.require_local("a proxy of its own")
    report = session.injector.undo(proxy_fault_name(name))
    return undone_result(report, f"this run made no proxy {name}")


@edge
def disable_proxy(session: Session, proxy: str = "database") -> Result:
    """Take a proxy down: its connections drop, new ones are refused. Undone at the end.

    Args:
        proxy: `database`, or the name of a proxy on the server.

    Returns:
        As `add_latency`.
    """
    return _switch(session, proxy, enabled=False)


@edge
def enable_proxy(session: Session, proxy: str = "database") -> Result:
    """Put a proxy up again that this run took down; or one that was down before.

    Args:
        proxy: `database`, or the name of a proxy on the server.

    Returns:
        `result` and `detail`, or as `add_latency` for one that was down before.
    """
    _checked_name("proxy", proxy)
    report = session.injector.undo(f"proxy {_known_proxy(session, proxy)} down")
    if report is not None:
        return undone_result(report, "")
    if existing_proxy(session.toxiproxy, session.proxy_name(proxy)).enabled:
        return undone_result(None, f"proxy {proxy} is up again already")
    return _switch(session, proxy, enabled=True)


def _add(
    session: Session,
    type_: str,
    name: str,
    proxy: str,
    direction: str,
    toxicity: float,
    **values: Any,
) -> Result:
    # Checked before anything is brought up, so that a slip costs no time.
    full_name = _full_name(session, name)
    _checked_name("proxy", proxy)
    scale = session.settings.time_scale
    toxic = make_toxic(full_name, type_, direction, toxicity, values, scale)
    proxy_name = session.proxy_name(proxy)
    effects = session.effects_on(proxy)  # no fault waits for the session meanwhile
    injected = session.injector.inject(ToxicAdded(session.toxiproxy, proxy_name, toxic, effects))
    if injected.effect is not None:
        logger.info(f"{type_} on {proxy}: {effect_text(injected.effect.to_json())}")
    return injected.to_result()


def _switch(session: Session, proxy: str, *, enabled: bool) -> Result:
    _checked_name("proxy", proxy)
    proxy_name = session.proxy_name(proxy)
    effects = session.effects_on(proxy)  # no fault waits for the session meanwhile
    fault = ProxySwitched(session.toxiproxy, proxy_name, enabled, effects)
    return session.injector.inject(fault).to_result()


def _full_name(session: Session, name: str) -> str:
    return f"{session.identifier}_{_checked_name('name', name)}"


def _checked_name(what: str, value: Any) -> str:
    """A name that the server's paths can hold: an experiment may hold anything."""
    if (
        not isinstance(value, str)
        or len(value) > LONGEST_NAME
        or not value.isprintable()
        or not is_addressable(value)
    ):
        raise InvalidInput(
            f"{what} must be 1 to {LONGEST_NAME} printable characters without a slash, "
            f"got {value!r:.200}"
        )
    return value


def _known_proxy(session: Session, proxy: str) -> str:
    """A proxy's name on the server, without bringing anything up for it."""
    return session.identifier if proxy == "database" else proxy


def _held_toxic(session: Session, proxy: str, name: str) -> str | None:
    """The full name of a toxic of this run that is in place."""
    full_name = _full_name(session, name)
    wanted = toxic_fault_name(proxy, full_name)
    return full_name if any(fault.name == wanted for fault in session.injector.active) else None
