"""What the proxies of a server moved, as Prometheus reads it: the counters of `-proxy-metrics`."""

from collections.abc import Iterable, Iterator

from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy

# Of Prometheus' text format, version 0.0.4.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(proxies: Iterable[EmbeddedProxy]) -> str:
    """The bytes that each proxy received and sent, by direction, as counters.

    Received bytes count when their connection has ended, sent ones at once.
    """
    served = sorted(proxies, key=lambda proxy: proxy.spec.name)
    return "".join([*_counter("received", served), *_counter("sent", served)])


def _counter(what: str, proxies: Iterable[EmbeddedProxy]) -> Iterator[str]:
    name = f"toxiproxy_proxy_{what}_bytes_total"
    yield f"# HELP {name} Bytes {what} by a proxy.\n# TYPE {name} counter\n"
    for proxy in proxies:
        counters, spec = proxy.relay.counters, proxy.spec
        if what == "received":
            moved = (counters.received_downstream_bytes, counters.received_upstream_bytes)
        else:
            moved = (counters.downstream_bytes, counters.upstream_bytes)
        for direction, count in zip(("downstream", "upstream"), moved, strict=True):
            labels = {
                "direction": direction,
                "listener": spec.listen_text,
                "proxy": spec.name,
                "upstream": spec.upstream_text,
            }
            shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            yield f"{name}{{{shown}}} {count}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
