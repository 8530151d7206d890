# ruff: noqa: T201
"""Runs every experiment at time scale 1 with both profiles: failing before, holding after.

    python -m tests.long.realtime [--experiments vpc_latency …] [--folder DIR]

It takes about half an hour, so that no run of the test suite does it. Exit code 1 when an
experiment does not end with 1 with the settings of issue 1263, or not with 0 with those of
issue 1278.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.long.remediation import OLD_PROFILE, timed
from tests.support.repository import EXPERIMENTS

NEW_PROFILE = "issue-1278"
EXPECTED = {OLD_PROFILE: 1, NEW_PROFILE: 0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long.realtime", description=__doc__)
    parser.add_argument("--experiments", nargs="*", help="names; all of them")
    parser.add_argument("--folder", type=Path, help="where journals go; a temporary one")
    given = parser.parse_args()
    names = given.experiments or sorted(path.stem for path in EXPERIMENTS.glob("*.json"))
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="realtime-"))).resolve()
    os.environ["CHAOSNETRA_TIME_SCALE"] = "1"
    wrong = [
        f"{name} with {profile}"
        for name in names
        for profile, code in EXPECTED.items()
        if timed(EXPERIMENTS / f"{name}.json", profile, folder / profile / f"{name}.json") != code
    ]
    print(f"journals are in {folder}; not as expected: {', '.join(wrong) or 'none'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
