"""A task of a job runs in its service's own image, with little of ours installed."""

import subprocess
import sys

# Refuses whatever the image of a job does not have.
IMPORTED = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in sys.stdlib_module_names or top in ("chaosnetra", "psutil", "asyncpg")
        if not known and not name.startswith("__editable__"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import asyncpg
import chaosnetra.startup.task
areas = {name.split(".")[1] for name in sys.modules if name.startswith("chaosnetra.")}
print(*sorted(areas & {"settings", "profiles", "running", "stand"}))
"""


def test_a_task_needs_psutil_asyncpg_and_no_settings() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
