"""Probes of Toxiproxy, and of what it adds to the path to the database."""

from chaosnetra.hints import argument
from chaosnetra.quantities import duration, whole_number
from chaosnetra.running.activity import Result, Results, edge
from chaosnetra.running.measuring import measuring
from chaosnetra.running.session import Session
from chaosnetra.toxiproxy.effects import added_latency as measured_latency_ms
from chaosnetra.toxiproxy.faults import existing_proxy

__all__ = ["added_latency", "proxies", "toxics"]


@edge
def proxies(session: Session) -> Result:
    """List the server's proxies.

    Returns:
        By name: `listen`, `upstream`, `enabled`, `toxics` (names).
    """
    return {
        name: {
            "listen": proxy.listen,
            "upstream": proxy.upstream,
            "enabled": proxy.enabled,
            "toxics": [toxic.name for toxic in proxy.toxics],
        }
        for name, proxy in session.toxiproxy.proxies().items()
    }


@edge
def toxics(session: Session, proxy: str = "database") -> Results:
    """List the toxics of a proxy.

    Args:
        proxy: `database`, or the name of a proxy on the server.

    Returns:
        Each with `name`, `type`, `stream`, `toxicity`, `attributes`, as the server has them.
    """
    found = existing_proxy(session.toxiproxy, session.proxy_name(proxy))
    return [toxic.to_server() for toxic in found.toxics]


@edge
def added_latency(
    session: Session, minimum_ms: float = 0, maximum_ms: float = 3_600_000, samples: int = 5
) -> Result:
    """Measure what the path adds to one round trip to the database.

    Args:
        minimum_ms: lower bound of what holds, at time scale 1.
        maximum_ms: upper bound of what holds, at time scale 1.
        samples: queries to take the median of, 1 to 1,000.

    Returns:
        `held`, `expected`, `observed`; `added_latency_ms` (None when nothing could be measured),
        `minimum_ms` and `maximum_ms` as scaled; `error` and `sqlstate` when the path carried
        nothing.
    """
    scale = session.settings.scaled
    low = scale(argument(duration, "minimum_ms", minimum_ms))
    high = scale(argument(duration, "maximum_ms", maximum_ms))
    count = argument(whole_number, "samples", samples, minimum=1, maximum=1000)
    result: Result = {
        "held": False,
        "expected": f"{low:g} to {high:g} ms added to a round trip",
        "observed": "nothing could be measured",
        "added_latency_ms": None,
        "minimum_ms": low,
        "maximum_ms": high,
    }
    path = session.path
    with measuring(result):
        measured = measured_latency_ms(path, count)
        result |= {
            "held": low <= measured <= high,
            "observed": f"{measured:.2f} ms added to a round trip",
            "added_latency_ms": round(measured, 3),
        }
    return result
