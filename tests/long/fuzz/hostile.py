"""Hostile data of any kind: values that nobody expects, and JSON that is not quite JSON."""

import copy
import json
import math
import random
import re
from typing import Any

# What stands in a file as it is, because no JSON encoder would write it.
RAW = {
    "@deep@": "[" * 3000 + "]" * 3000,
    "@deeper@": '{"a":' * 60_000 + "1" + "}" * 60_000,
    "@digits@": "7" * 5000,
    "@overflow@": "1e999",
    "@octal@": "007",
}


def nested(depth: int) -> Any:
    made: Any = "x"
    for level in range(depth):
        made = [made] if level % 2 else {"k": made}
    return made


def hostile(rng: random.Random, escape: str = "/no/such/place") -> Any:
    """One value that nobody expects. `escape` is a path that must not come into being."""
    numbers = [0, -1, 2.5, 1e308, -1e308, 5e-324, 2**63, 10**30, math.nan, math.inf, True, None]
    texts = [
        "", " ", "x" * 100_000, "\0", "a\0b", "\x1b[31mred\x07\r", "\u202eabc\u2028\ufeff",
        "\ud800", "\udcff/\U0001f600", "../../x", "../../../" + "y" * 300, escape, "/etc/passwd",
        "one\ntwo", "%s%n%(x)s", "{port}{url}{nope}{}", "${latency_ms}", "${nope}",
        "'; DROP SCHEMA public CASCADE; --", "NaN", "1e999", "-0", "\u0663", "0x10", "@digits@",
        "a" * 300 + ".json", "~no-such-user/x.json", "[::1", "http://[", "tcp://127.0.0.1:99999",
    ]  # fmt: skip
    raws = ["@deep@", "@deeper@", "@digits@", "@overflow@", "@octal@"]
    made: list[Any] = [[], {}, [None], {"": ""}, nested(60), nested(400), [[], {}, "x", 1]]
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(numbers)
    if kind < 0.75:
        return rng.choice(texts)
    if kind < 0.82:
        return f"@RAW{rng.choice(raws)}"
    return copy.deepcopy(rng.choice(made))


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in JSON-like data."""
    found: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        one = waiting.pop()
        keys: Any = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            found.append((one, key))
            if isinstance(one[key], (dict, list)):
                waiting.append(one[key])
    return found


def mutate(rng: random.Random, data: Any, escape: str = "", times: int | None = None) -> Any:
    """A copy of `data` with some of it dropped, replaced, renamed, added or repeated."""
    data = json.loads(json.dumps(data))  # unlike a deep copy, nothing in it is shared
    for _ in range(times or rng.choice((1, 1, 1, 2, 3))):
        found = places(data)
        if not found:
            return data
        container, key = rng.choice(found)
        match rng.randrange(7):
            case 0:
                del container[key]
            case 1 | 2 | 3:
                container[key] = hostile(rng, escape)
            case 4:
                if isinstance(container, dict):
                    name = hostile(rng, escape)
                    container[name if isinstance(name, str) else "unknown"] = hostile(rng, escape)
                else:
                    container.append(hostile(rng, escape))
            case 5:
                if isinstance(container, dict) and isinstance(key, str):
                    container[f"{key}x"] = container.pop(key)
                else:
                    container.append(copy.deepcopy(container[key]))
            case 6:
                container[key] = rng.choice(([container[key]], {"type": container[key]}))
    return data


def as_text(rng: random.Random, data: Any) -> bytes:
    """JSON, and at times what is not quite JSON."""
    text = json.dumps(data, indent=1, ensure_ascii=rng.random() < 0.8)
    for mark, raw in RAW.items():
        text = text.replace(f'"@RAW{mark}"', raw)
    encoded = text.encode(errors="surrogatepass")
    if rng.random() > 0.15:
        return encoded
    middle = rng.randrange(len(encoded))
    match rng.randrange(6):
        case 0:  # a key twice
            names = re.findall(r'"(\w+)": ', text)
            if names:
                name = rng.choice(names)
                text = text.replace(f'"{name}": ', f'"{name}": "first", "{name}": ', 1)
            return text.encode(errors="surrogatepass")
        case 1:
            return encoded[:middle]
        case 2:
            return b"\xef\xbb\xbf" + encoded
        case 3:
            return encoded[:middle] + b"\0" + encoded[middle:]
        case 4:
            return encoded[:middle] + b"\xff\xfe" + encoded[middle:]
    return encoded + b"}"


def hostile_text(rng: random.Random) -> str:
    value = hostile(rng)
    return value if isinstance(value, str) else repr(value)[:1000]


def without_nan(data: Any) -> Any:
    """The control replaces what is not JSON before the journal is judged."""
    return json.loads(re.sub(r"\b(?:NaN|Infinity)\b", "1e3", json.dumps(data)))
