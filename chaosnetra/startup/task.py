"""One startup as a task of a job: `python -m chaosnetra.startup.task -- COMMAND…`.

The command starts the orchestrator as its service does; `{port}` in it stands for a free port,
which `PORT` also holds. What a task does is in `chaosnetra.task_path.task`.

`python -m chaosnetra.startup.task --check [NAME=TEMPLATE…]` says line by line whether it would
work in this image, with this environment, and what it adds; see `chaosnetra.task_path.check`. It
exits with 0 if it would, and with 1 if not.

Besides this package's own modules a task needs what the extra `task` names: psutil and asyncpg,
and google-re2 where the run has `phase_patterns` or its readiness is `log:REGEX`. This module
needs none of them, so that it can say which is missing.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

NEEDED = ("psutil", "asyncpg")
# As `chaosnetra.startup.reports` has it, which needs more than nothing.
NOT_UNDERSTOOD = 64
CHECK = "--check"


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the task, or the check; returns the exit code."""
    if arguments[:1] == [CHECK]:
        from chaosnetra.task_path.check import check

        return check(arguments[1:], environ)
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        wanted = "install chaostoolkit-netra[task] in it"
        print(  # noqa: T201 - the logs are read
            f"chaosnetra: the image lacks {' and '.join(lacking)}: {wanted}", flush=True
        )
        return NOT_UNDERSTOOD
    from chaosnetra.task_path.task import main as run

    return run(arguments, environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
