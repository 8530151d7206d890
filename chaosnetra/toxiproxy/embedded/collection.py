"""The proxies of one embedded server, by name."""

from collections.abc import Iterator

from chaosnetra.toxiproxy.embedded.bodies import ProxySpec
from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy
from chaosnetra.toxiproxy.embedded.refusals import Refused


class Collection:
    """All proxies; lives on the event loop's thread, where every call is done at once.

    Args:
        seed: of everything random. The same calls and connections in the same order draw the
            same numbers, whatever the proxies and toxics are called. A proxy that was made with
            a seed of its own draws by that one, whatever else the server has done.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._proxies: dict[str, EmbeddedProxy] = {}
        self._proxies_ever = 0

    def __iter__(self) -> Iterator[EmbeddedProxy]:
        return iter(list(self._proxies.values()))

    def get(self, name: str) -> EmbeddedProxy:
        """The proxy of that name.

        Raises:
            Refused: there is none.
        """
        try:
            return self._proxies[name]
        except KeyError:
            raise Refused(404, "proxy not found") from None

    def add(self, spec: ProxySpec) -> EmbeddedProxy:
        """Make a proxy.

        Raises:
            Refused: there is one of the name, or the address cannot be used.
        """
        if spec.name in self._proxies:
            raise Refused(409, "proxy already exists")
        return self._make(spec)

    def put(self, spec: ProxySpec) -> EmbeddedProxy:
        """Make a proxy, in place of one that listens or leads elsewhere.

        One that is as asked stays, with its toxics, enabled or not.

        Raises:
            Refused: the address cannot be used.
        """
        existing = self._proxies.get(spec.name)
        if existing is not None:
            if existing.spec.leads == spec.leads:
                return existing
            existing.disable()
        return self._make(spec)

    def remove(self, name: str) -> None:
        """End a proxy and its connections.

        Raises:
            Refused: there is none of the name.
        """
        self.get(name).disable()
        del self._proxies[name]

    def reset(self) -> None:
        """Enable every proxy and remove every toxic.

        Raises:
            Refused: a proxy's address cannot be used; all others are reset.
        """
        first: Refused | None = None
        for proxy in self:
            proxy.remove_all_toxics()
            try:
                proxy.enable()
            except Refused as error:
                first = first or error
        if first is not None:
            raise first

    def _make(self, spec: ProxySpec) -> EmbeddedProxy:
        self._proxies_ever += 1
        own = f"{self.seed}/{self._proxies_ever}"
        proxy = EmbeddedProxy(spec, own if spec.seed is None else spec.seed)
        if spec.enabled:
            proxy.enable()
        self._proxies[spec.name] = proxy
        return proxy
