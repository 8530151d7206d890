"""What a path adds to the container of a task; measured by `benchmarks/task_path.py`.

Linux on x86-64, Python 3.11, without uvloop. What it is in an image of one's own,
`python -m chaosnetra.startup.task --check` measures there.
"""

PACKAGES = ("asyncpg", "google-re2", "psutil")
INSTALLED_MB = 19  # of these 14, and 5 of this package
READY_SECONDS = 0.15
MEMORY_MB = 27
ROUND_TRIP_MS = 0.09
FOOTPRINT = (
    f"packages {', '.join(PACKAGES)} and chaostoolkit-netra itself ({INSTALLED_MB} MB installed), "
    f"a process of {MEMORY_MB} MB, about {1000 * READY_SECONDS:.0f} ms until it is ready, and "
    f"{ROUND_TRIP_MS:g} ms a round trip"
)
