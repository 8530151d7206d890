"""What a path adds to the container of a task, on Linux and x86-64, Python 3.11, without uvloop.

What is installed `python -m chaosnetra.startup.task --check` has measured where pip had installed
nothing else, the rest `benchmarks/task_path.py`. The former says all of it of an image of one's
own.
"""

PACKAGES = ("asyncpg", "google-re2", "psutil")
INSTALLED_MB = 24  # of these 15, and 9 of this package, with what Python compiles of it
READY_SECONDS = 0.15
MEMORY_MB = 27
ROUND_TRIP_MS = 0.09
FOOTPRINT = (
    f"packages {', '.join(PACKAGES)} and chaostoolkit-netra itself ({INSTALLED_MB} MB installed), "
    f"a process of {MEMORY_MB} MB, about {1000 * READY_SECONDS:.0f} ms until it is ready, and "
    f"{ROUND_TRIP_MS:g} ms a round trip"
)
