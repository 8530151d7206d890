"""A baseline that one run leaves to the next one of the same experiment, on the same machine.

The steady state after the rollbacks of one run is that before the method of the next, moments
later: a search need not measure it twice. `CHAOSNETRA_BASELINE` names the file that passes it on.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chaosnetra.running.exposure import FreeLaunch
from chaosnetra.running.run import BASELINE_FILE
from chaosnetra.stand.part import write_private

# Of `chaos run`: the core checks the steady state after the method only.
WITHOUT_BASELINE = ("--hypothesis-strategy", "after-method-only")


@dataclass(frozen=True)
class Baseline:
    """A steady state without a fault, and what its startups used.

    Attributes:
        run: that measured it.
        state: as the Chaos Toolkit's journal has it; met.
        launches: of its startups; none where it started none.
    """

    run: str
    state: Mapping[str, Any]
    launches: tuple[FreeLaunch, ...]


def baseline_file() -> Path | None:
    """Where a baseline is passed on; None: nowhere."""
    named = os.environ.get(BASELINE_FILE)
    return Path(named) if named else None


def read_baseline(path: Path) -> Baseline | None:
    """The one that the last run left; None: it left none that can be used."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        data = json.loads(path.read_text(encoding="utf-8"))
        launches = tuple(map(FreeLaunch.from_json, data["launches"]))
        return Baseline(data["run"], data["state"], launches)
    return None


def leave_baseline(path: Path, baseline: Baseline | None) -> None:
    """Leave it to the next run; None: there is none to leave."""
    with suppress(OSError):  # the next run measures its own
        path.unlink(missing_ok=True)
        if baseline is not None:
            write_private(path, asdict(baseline))
