"""What the bodies of control calls say, checked.

They are read as the real server reads them: keys in any case, those that it does not know and
those that cannot change ignored. It also stores attributes that no toxic has, negative numbers, a
toxicity of 7.5 and names that no call can address. Those are refused here, in words that say what
is wrong: such a fault would not be the one that was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import Place, shown_address
from chaosnetra.errors import InvalidInput
from chaosnetra.quantities import fraction
from chaosnetra.toxiproxy.embedded.addresses import Address, listen_address, upstream_address
from chaosnetra.toxiproxy.embedded.refusals import Refused
from chaosnetra.toxiproxy.toxics import (
    DIRECTIONS,
    SERVER_TOXIC_TYPES,
    Toxic,
    is_addressable,
    server_attributes,
)

# A path with two such names, percent-encoded, is well within what the HTTP server reads.
LONGEST_NAME = 400
# `seed` is ours alone: the real server ignores it, as every field that it does not know.
PROXY_KEYS = ("name", "listen", "upstream", "enabled", "seed")
TOXIC_KEYS = ("name", "type", "stream", "toxicity", "attributes")
CHANGING_TOXIC_KEYS = ("toxicity", "attributes")
_WORDS = {str: "text", bool: "true or false", dict: "an object"}


@dataclass(frozen=True)
class ProxySpec:
    """What a proxy should be; `listen` and `upstream` are checked addresses.

    `listen_text`: what the address is shown as: as it was given until the proxy is enabled.
    `seed`: text that the random numbers of its toxics come from; None is the server's own.
    """

    name: str
    listen: Address
    listen_text: str
    upstream: Place
    upstream_text: str
    enabled: bool
    seed: str | None = None

    @property
    def leads(self) -> tuple[str, str]:
        """What a proxy cannot change without closing its connections."""
        return shown_address(*self.listen), self.upstream_text


def new_proxy(data: Any, *, anywhere: bool, place: str = "") -> ProxySpec:
    """A proxy to make.

    Args:
        data: the body, as JSON data.
        anywhere: whether it may listen on other addresses than those of loopback.
        place: which of several it is, for messages.

    Raises:
        Refused: a field is missing.
        InvalidInput: a value cannot be used.
    """
    fields = _object(data, PROXY_KEYS)
    name = _take(fields, "name", str, "")
    listen = _take(fields, "listen", str, "")
    upstream = _take(fields, "upstream", str, "")
    for key, value in (("name", name), ("upstream", upstream)):
        if not value:
            raise Refused(400, f"missing required field: {key}{place}")
    return ProxySpec(
        addressable(name),
        listen_address(listen, anywhere=anywhere),
        listen,
        upstream_address(upstream),
        upstream,
        _take(fields, "enabled", bool, True),
        _seed(fields),
    )


def changed_proxy(data: Any, now: ProxySpec, *, anywhere: bool) -> ProxySpec:
    """What `now` becomes; what is left out stays, and so does its name. See `new_proxy`."""
    fields = _object(data, PROXY_KEYS)
    _take(fields, "name", str, "")
    listen = _take(fields, "listen", str, None)
    upstream = _take(fields, "upstream", str, now.upstream_text)
    return ProxySpec(
        now.name,
        now.listen if listen is None else listen_address(listen, anywhere=anywhere),
        now.listen_text if listen is None else listen,
        upstream_address(upstream),
        upstream,
        _take(fields, "enabled", bool, now.enabled),
        now.seed,
    )


def population(data: Any, *, anywhere: bool) -> list[ProxySpec]:
    """The proxies of a configuration. See `new_proxy`."""
    if not isinstance(data, list | None):
        raise InvalidInput("it must be a list of proxies")
    return [
        new_proxy(item, anywhere=anywhere, place=f" at proxy {number}")
        for number, item in enumerate(data or [], start=1)
    ]


def new_toxic(data: Any) -> Toxic:
    """A toxic to add. See `new_proxy`."""
    fields = _object(data, TOXIC_KEYS)
    stream = _take(fields, "stream", str, "") or "downstream"
    direction = stream.lower()
    if direction not in DIRECTIONS:
        raise Refused(400, "stream was invalid, can be either upstream or downstream")
    type_ = _take(fields, "type", str, "")
    if type_ not in SERVER_TOXIC_TYPES:
        known = ", ".join(SERVER_TOXIC_TYPES)
        raise Refused(400, f"invalid toxic type {type_!r:.100}; known are {known}")
    return Toxic(
        name=addressable(_take(fields, "name", str, "") or f"{type_}_{stream}"),
        type=type_,
        direction=direction,
        toxicity=_toxicity(fields, 1.0),
        attributes=_attributes(type_, fields, {}),
    )


def changed_toxic(data: Any, now: Toxic) -> Toxic:
    """What `now` becomes: other attributes, another toxicity. See `new_proxy`."""
    fields = _object(data, CHANGING_TOXIC_KEYS)
    return Toxic(
        name=now.name,
        type=now.type,
        direction=now.direction,
        toxicity=_toxicity(fields, now.toxicity),
        attributes=_attributes(now.type, fields, now.attributes),
    )


def addressable(name: str) -> str:
    """A name that a call's path can hold."""
    _only_unicode("name", name)
    if not is_addressable(name) or len(name) > LONGEST_NAME:
        raise InvalidInput(
            f"name must be 1 to {LONGEST_NAME} characters without a slash, and not . or .. "
            f"(no call could name it), got {name!r:.100}"
        )
    return name


def _seed(fields: Mapping[str, Any]) -> str | None:
    seed: str | None = _take(fields, "seed", str, None)
    return None if seed is None else _only_unicode("seed", seed)


def _only_unicode(key: str, text: str) -> str:
    """JSON can hold halves of characters, which nothing can encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{key} must be Unicode text, got {text!r:.100}") from None
    return text


def _object(data: Any, known: tuple[str, ...]) -> dict[str, Any]:
    """The known fields that are given, in whatever case; null is as left out, alone too."""
    if not isinstance(data, dict | None):
        raise InvalidInput("it must be a JSON object")
    fields = _given(data or {})
    return {key: fields[key] for key in known if key in fields}


def _given(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null, by keys without their case; of several the last counts."""
    return {key.casefold(): value for key, value in data.items() if value is not None}


def _take(fields: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = fields.get(key, default)
    if value is not default and not isinstance(value, kind):
        raise InvalidInput(f"{key} must be {_WORDS[kind]}, got {value!r:.100}")
    return value


def _toxicity(fields: Mapping[str, Any], default: float) -> float:
    value = fields.get("toxicity", default)
    if isinstance(value, str):
        raise InvalidInput(f"toxicity must be a number, got {value!r:.100}")
    return fraction("toxicity", value)


def _attributes(type_: str, fields: Mapping[str, Any], before: Mapping[str, int]) -> dict[str, int]:
    merged = {**before, **_given(_take(fields, "attributes", dict, {}))}
    for key, value in merged.items():
        if isinstance(value, (str, float)):
            raise InvalidInput(f"{key} must be a whole number, got {value!r:.100}")
    return server_attributes(type_, merged)
