"""How long each local experiment takes, one after the other, as its user would run it.

python benchmarks/experiments.py [--profile issue-1278] [--time-scale 0.1]

Ends with 1 when an experiment does not end as the profile lets it (issue-1263: 1, any other: 0), or
when all of them take longer than 4 minutes at time scale 0.1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
FAILING_PROFILE = "issue-1263"
MOST_SECONDS = 240
AT_TIME_SCALE = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="issue-1278")
    parser.add_argument("--time-scale", type=float, default=AT_TIME_SCALE)
    given = parser.parse_args()
    settings = {"PROFILE": given.profile, "TIME_SCALE": str(given.time_scale)}
    environment = {**os.environ, **{f"CHAOSNETRA_{key}": text for key, text in settings.items()}}
    expected = int(given.profile == FAILING_PROFILE)
    total, wrong = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(EXPERIMENTS.glob("*.json")):
            started = time.monotonic()
            done = subprocess.run(
                [
                    str(Path(sys.executable).with_name("chaos")),
                    "--no-version-check",
                    "run",
                    str(path),
                ],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            seconds = time.monotonic() - started
            total += seconds
            wrong += done.returncode != expected
            print(f"{path.name:28} exit {done.returncode} {seconds:6.1f} s", flush=True)
    print(f"{'all of them':28} {total:13.1f} s")
    if wrong:
        print(f"{wrong} of them did not end with {expected}")
    late = given.time_scale == AT_TIME_SCALE and total > MOST_SECONDS
    if late:
        print(f"they took longer than {MOST_SECONDS} s")
    return int(wrong > 0 or late)


if __name__ == "__main__":
    sys.exit(main())
