"""A run as advice looks at it: what it ran with, and where its figures come from."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.values import object_or_empty, seconds_or_none, text_or_none
from chaosnetra.quantities import finite_or_none

SUFFIX = "_seconds"
# Stands in checks for the file that `chaosnetra recommend --write-profile NAME` writes.
PLACE_OF_PROFILE = "./NAME.json"


@dataclass(frozen=True)
class RanWith:
    """The profile of a run, as its journal holds it.

    Attributes:
        name: of the profile.
        environment: that it describes.
        budgets: seconds at time scale 1 by name (without `_seconds`); None bounds nothing.
        pool: its settings, as in a profile.
        orchestrator: how it fails, as in a profile; empty where the journal does not say.
        infrastructure: its sections, as in a profile; empty where the journal does not say.
    """

    name: str
    environment: str
    budgets: Mapping[str, float | None]
    pool: Mapping[str, Any]
    orchestrator: Mapping[str, Any]
    infrastructure: Mapping[str, Mapping[str, Any]]

    @property
    def key(self) -> str:
        """The same for runs with the same profile."""
        return json.dumps(vars(self), sort_keys=True, default=str)

    def figure(self, section: str, name: str) -> float | None:
        """A figure of the infrastructure; None where there is none."""
        return finite_or_none(self.infrastructure.get(section, {}).get(name))


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        title: of its experiment.
        file: the experiment's file, if the journal says.
        time_scale: that it ran at.
        ran: what it ran with.
        data: the journal.
    """

    title: str
    file: str | None
    time_scale: float
    ran: RanWith
    data: Mapping[str, Any]

    @property
    def where(self) -> str:
        """The run as a source of figures."""
        return f"experiment {self.title!r}"

    @property
    def check(self) -> str:
        """The command that runs it again with what was recommended: did it help?"""
        return f"CHAOSNETRA_PROFILE={PLACE_OF_PROFILE} {self.check_of_service}"

    @property
    def check_of_service(self) -> str:
        """The command that runs it again with a service that was changed, and the profile as is."""
        return f"chaos run {shlex.quote(self.file) if self.file else 'EXPERIMENT'}"

    def full(self, seconds: float) -> float:
        """Seconds of this run at time scale 1."""
        return seconds / self.time_scale


def run_of(journal: Journal) -> tuple[Run | None, str | None]:
    """What a journal says of its run; else why nothing can be learned from it."""
    profile = journal.section.get("profile")
    if not isinstance(profile, dict):
        return None, "its journal does not hold the profile that it ran with"
    scale = finite_or_none(journal.section.get("time_scale"))
    if scale is None or not 1e-6 <= scale <= 1e6:
        return None, "its journal does not hold the time scale that it ran at"
    budgets, pool = profile.get("budgets"), profile.get("pool")
    if not isinstance(budgets, dict) or not isinstance(pool, dict):
        return None, "its journal does not hold budgets and pool settings"
    infrastructure = object_or_empty(profile.get("infrastructure"))
    ran = RanWith(
        name=text_or_none(profile.get("name")) or "unknown",
        environment=text_or_none(profile.get("environment")) or "unknown",
        budgets={
            key.removesuffix(SUFFIX): seconds_or_none(value)
            for key, value in budgets.items()
            if isinstance(key, str) and key.endswith(SUFFIX)
        },
        pool=pool,
        orchestrator=object_or_empty(profile.get("orchestrator")),
        infrastructure={
            name: section for name, section in infrastructure.items() if isinstance(section, dict)
        },
    )
    file = text_or_none(journal.section.get("experiment_file"))
    return Run(journal.title or "(no title)", file, scale, ran, journal.data), None


def shown(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"


def shown_ms(seconds: float) -> str:
    """Seconds for people in milliseconds, where they are of one round trip."""
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{1000 * seconds:.0f} ms"


def shown_short(seconds: float) -> str:
    """Seconds for people that may be very few."""
    return shown(seconds) if seconds >= 0.1 else shown_ms(seconds)
