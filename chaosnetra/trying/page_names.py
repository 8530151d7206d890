"""Pages by which a service may show that it is ready: those in use, and those its sources name."""

import re
from collections.abc import Iterable, Iterator, Sequence

from chaosnetra.trying.reading import Source

# The start page last.
PATHS: Sequence[str] = (
    "/readyz",
    "/ready",
    "/readiness",
    "/healthz/ready",
    "/health/ready",
    "/actuator/health/readiness",
    "/q/health/ready",
    "/-/ready",
    "/actuator/health",
    "/healthz",
    "/health",
    "/healthcheck",
    "/api/health",
    "/api/healthz",
    "/api/v1/health",
    "/livez",
    "/liveness",
    "/-/healthy",
    "/status",
    "/ping",
    "/",
)
MOST_NAMED = 12
MOST_PREFIXES = 4
# What is asked below a prefix, beside what the sources name.
_BELOW_A_PREFIX = ("/ready", "/health/ready", "/actuator/health", "/healthz", "/health")
_WORD = (
    r"(?:(?:ready|health|live)(?:z|-?check)?|readiness|liveness|healthy|alive|ping|status"
    r"|heartbeat|up)"
)
_SEGMENT = r"[A-Za-z0-9_.-]{1,40}"
_BEFORE = r"""(?:^|[\s"'`=:(,]|//(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d+)?)"""
_AFTER = r"""(?=$|[\s"'`,;)?$])"""
_PAGE = re.compile(
    rf"{_BEFORE}((?:/{_SEGMENT}){{0,4}}?/{_WORD}(?:/{_WORD})?/?){_AFTER}",
    re.MULTILINE | re.IGNORECASE,
)
# As Django and others have it, in a text of its own.
_RELATIVE_PAGE = re.compile(
    rf"""["']\^?((?:{_SEGMENT}/){{0,4}}?{_WORD}(?:/{_WORD})?/)\$?["']"""
    rf"""|["']\^?((?:{_SEGMENT}/){{1,4}}?{_WORD})\$?["']""",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"""(?:(?:context|base)[-_]?path|root_path|url_prefix|prefix)["']?\s{0,5}[:=]\s{0,5}["']?"""
    rf"""((?:/{_SEGMENT}){{1,3}})(?=$|[\s"'`,)/])"""
    rf"""|(?:\.use|RequestMapping|mount)\(\s{{0,5}}["']((?:/{_SEGMENT}){{1,3}})["']"""
    rf"""|path\(\s{{0,5}}["']((?:{_SEGMENT}/){{1,3}})["'],\s{{0,5}}include""",
    re.MULTILINE | re.IGNORECASE,
)
_SAYS_READY = re.compile(r"ready|readiness")
_SAYS_HEALTHY = re.compile(r"health")


class NamedPages:
    """What a service's sources say of its pages, gathered while something else reads them."""

    def __init__(self) -> None:
        self._pages: dict[str, None] = {}
        self._prefixes: dict[str, None] = {}

    def noted(self, sources: Iterable[Source]) -> Iterator[Source]:
        """The sources, of which the pages are noted; those of compiled programs are not."""
        for source in sources:
            if not source.is_program:
                self._note(source.text)
            yield source

    def paths(self) -> list[str]:
        """Pages to ask, those that say "ready" before those that say "healthy" or "alive".

        Among equals, what the sources name comes before what is only in use.
        """
        named = [*self._pages]
        below = [
            f"{prefix}{page}"
            for prefix in self._prefixes
            for page in dict.fromkeys((*named, *_BELOW_A_PREFIX))
            if not page.startswith(f"{prefix}/")
        ]
        *in_use, start = PATHS
        return [*sorted(dict.fromkeys((*named, *below, *in_use)), key=_rank), start]

    def _note(self, text: str) -> None:
        for pattern, found, most in (
            (_PAGE, self._pages, MOST_NAMED),
            (_RELATIVE_PAGE, self._pages, MOST_NAMED),
            (_PREFIX, self._prefixes, MOST_PREFIXES),
        ):
            for match in pattern.finditer(text):
                if len(found) >= most:
                    break
                path = f"/{next(filter(None, match.groups())).lstrip('/')}"
                found.setdefault(path.rstrip("/") if found is self._prefixes else path)


def _rank(path: str) -> int:
    """0 for a page that says "ready", 1 for "healthy", 2 for all else."""
    if _SAYS_READY.search(path):
        return 0
    return 1 if _SAYS_HEALTHY.search(path) else 2
