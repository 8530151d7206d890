"""Hostile profiles."""

import json
import random
from pathlib import Path

from chaosnetra.errors import ChaosnetraError, changed_by
from chaosnetra.profiles import ALIASES, known_profiles, load_profile
from tests.long.fuzz.checks import PACKAGE, Report, one_line
from tests.long.fuzz.hostile import as_text, mutate

PROFILES = Path(PACKAGE) / "profiles" / "data"


def fuzz_profiles(rng: random.Random, report: Report, saved: Path) -> None:
    shipped = [name for name in known_profiles() if name not in ALIASES]
    data = json.loads((PROFILES / f"{rng.choice(shipped)}.json").read_text())
    file = saved / "profile.json"
    file.write_bytes(as_text(rng, mutate(rng, data)))
    try:
        with changed_by("CHAOSNETRA_PROFILE"):
            profile = load_profile(str(file))
        seconds = profile.startup_deadline_seconds
    except ChaosnetraError as error:
        report.seen["profile refused"] += 1
        one_line(error)
        return
    report.seen["profile taken"] += 1
    json.dumps([vars(profile.budgets), vars(profile.pool), seconds], allow_nan=False)
