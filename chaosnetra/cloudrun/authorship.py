"""Whose change a service shows: ours, somebody else's, or one that is not known. Pure.

A write rests on an etag, so of two that rest on the same one only the first is carried out. A
service whose generation is the next one shows that first change, and nobody's after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.cloudrun.scaling import FIELDS, Scaling
from chaosnetra.cloudrun.state import ServiceState


@dataclass(frozen=True)
class OurWrite:
    """A write of ours, of which it is not known whether it was carried out.

    Attributes:
        generation: of the service that it rests on.
        fields: what it sets, by our names.
        ours: the scaling that the service has once it was carried out.
        identity: who we are to the server, as it would name its last modifier; empty: not known.
    """

    generation: int
    fields: Sequence[str]
    ours: Scaling
    identity: str = ""

    @classmethod
    def from_undo(cls, arguments: Mapping[str, Any]) -> "OurWrite":
        """From an undo's data; that of earlier versions has neither `fields` nor `identity`."""
        before = Scaling.from_json(arguments["before"])
        ours = Scaling.from_json(arguments["ours"])
        changed = [name for name in FIELDS if not ours.holds(name, before)]
        return cls(
            arguments["generation"],
            arguments.get("fields") or changed,
            ours,
            arguments.get("identity") or "",
        )

    def is_somebody_elses(self, now: ServiceState) -> bool:
        """Whether what a service shows proves that somebody else's change came instead of ours."""
        if now.generation != self.generation + 1:
            return False
        if not all(now.scaling.holds(name, self.ours) for name in self.fields):
            return True
        return bool(self.identity and now.modifier and now.modifier != self.identity)


def identity_by(before: ServiceState, tried: ServiceState, known: str) -> str:
    """Who we are to the server, by its answer to a dry run; empty where that does not say.

    Args:
        before: the service as it was read.
        tried: the service as the dry run would leave it.
        known: who we are by our credentials; empty: not known.
    """
    # A server that does not fill it in answers with the modifier of before.
    named = tried.modifier
    return named if named and (named != before.modifier or named == known) else ""
