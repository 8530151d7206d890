# ruff: noqa: T201
"""Hostile input: broken experiments, settings, profiles, journals, ledgers and target output.

    python -m tests.long.fuzz --seconds 60 --seed 1 [--case AREA:INDEX] [--save FOLDER]

Each case is made from the seed, its area and its number alone, so `--case` plays one again.
Exit code 1 when a check failed; what was fed in then lies in the folder that is printed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.long.fuzz.fuzzer import Fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", help="AREA:INDEX, to play one case again")
    parser.add_argument("--no-real", action="store_true", help="no runs with real parts")
    parser.add_argument("--save", type=Path, help="where failed cases go")
    chosen = parser.parse_args()
    save = chosen.save or Path(tempfile.mkdtemp(prefix="fuzz-failures-"))
    fuzz = Fuzz(chosen.seed, save)
    if chosen.case:
        area, _, index = chosen.case.partition(":")
        with fuzz.stack:
            fuzz.case(area, int(index))
        report = fuzz.report
    else:
        report = fuzz.play(seconds=chosen.seconds, real=not chosen.no_real)
    print(f"seed {chosen.seed}; cases: {dict(report.cases)}")
    for text, count in sorted(report.seen.items()):
        print(f"{count:6} {text}")
    for line in report.failures:
        print(f"FAILED {line}")
    print(f"{len(report.failures)} failures" + (f", saved in {save}" if report.failures else ""))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
