"""How long a fault stays after its run was killed, with nobody doing anything.

    python benchmarks/recovery.py [--kills 20]

Each run of vpc_latency.json is killed (kill -9) while its latency is injected into servers that
outlive it; counted is the time until toxic, proxy, schema, sessions, processes and ledger are gone.
Exit code 1 when anything is left, or one took longer than was promised.
"""

import argparse
import json
import statistics
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.long.campaign import Run, own_beds, run_folder, until_clean  # noqa: E402
from tests.long.crash.bed import Bed  # noqa: E402

DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 60
# What docs/speed.md promises of each kill.
PROMISED_SECONDS = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    taken = []
    with own_beds() as (bed,), run_folder() as folder:
        experiment = folder / "experiment.json"
        long = json.loads((ROOT / "experiments" / "vpc_latency.json").read_text())
        long["method"][0]["pauses"] = {"after": PAUSE_SECONDS}
        experiment.write_text(json.dumps(long))
        for number in range(kills):
            environment = bed.servers.environment("configured parts")
            run = Run(folder / f"run{number}", experiment, environment)
            try:
                if not run.wait_for(partial(injected, run)):
                    print(run.output.read_text(), file=sys.stderr)
                    return 1
                run.process.kill()
                run.process.wait()
                left, seconds = until_clean(partial(left_by, run, bed), DEADLINE_SECONDS)
                if left:
                    print(f"left after {seconds:.0f} s: {left}", file=sys.stderr)
                    return 1
                taken.append(seconds)
            finally:
                run.end()
    print(
        f"{len(taken)} kills: clean after a median of {statistics.median(taken):.2f} s, "
        f"at the most {max(taken):.2f} s; 0 leftovers"
    )
    late = sum(seconds > PROMISED_SECONDS for seconds in taken)
    if late:
        print(f"{late} of {len(taken)} took over {PROMISED_SECONDS:g} s", file=sys.stderr)
    return 1 if late else 0


def injected(run: Run) -> bool:
    return "fault.injected" in toxic_events(run)


def left_by(run: Run, bed: Bed) -> list[str]:
    return run.left() + bed.servers.left()


def toxic_events(run: Run) -> list[str]:
    """Names of the events of a toxic."""
    return [one["event"] for one in run.events() if one.get("name", "").startswith("toxic ")]


if __name__ == "__main__":
    sys.exit(main())
