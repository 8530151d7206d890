"""How long each local experiment takes, one after the other, as its user would run it.

python benchmarks/experiments.py [--profile issue-1278] [--time-scale 0.1]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="issue-1278")
    parser.add_argument("--time-scale", default="0.1")
    given = parser.parse_args()
    settings = {"PROFILE": given.profile, "TIME_SCALE": given.time_scale}
    environment = {**os.environ, **{f"CHAOSNETRA_{key}": text for key, text in settings.items()}}
    total = 0.0
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
            print(f"{path.name:28} exit {done.returncode} {seconds:6.1f} s", flush=True)
    print(f"{'all of them':28} {total:13.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
