"""Where runs meet the reports on them: the one place that knows how reports are made."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chaosnetra.text import one_line

REPORT_SECONDS = 120.0
# The `chaosnetra` command, wherever its script is installed.
PROGRAM = (sys.executable, "-P", "-c", "from chaosnetra.cli import main; main()")


def write_reports(journals: Sequence[Path], reports: Sequence[Path]) -> str | None:
    """Write reports on journals with `chaosnetra report`.

    Args:
        journals: at least one.
        reports: files to write; their endings (.html, .md, .xml) say how.

    Returns:
        None when all are written, else why not, one line. Runs are worth having without reports.
    """
    outputs = [word for report in reports for word in ("-o", str(report))]
    try:
        done = subprocess.run(
            [*PROGRAM, "report", *map(str, journals), *outputs],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=REPORT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return one_line(f"the reports could not be written: {error}")
    missing = [str(report) for report in reports if not report.is_file()]
    if done.returncode == 0 and not missing:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    why = said[-1] if said else f"missing: {', '.join(missing)}"
    return one_line(f"the reports could not be written (exit code {done.returncode}): {why}")
