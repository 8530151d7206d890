"""How soon the end of an operation is seen, and what it costs to read many tasks.

    python benchmarks/cloudrun.py

Against the local endpoint, in this process: what Google's own answers take comes on top. The many
tasks are copies of one that has run, put into the endpoint: this machine could not run so many.
"""

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

from google.cloud import run_v2

from chaosnetra.cloudrun.client import ServiceClient
from chaosnetra.cloudrun.connection import Connection
from chaosnetra.cloudrun.deploy import deploy_job, deploy_service
from chaosnetra.cloudrun.emulator.resources import EmulatedLocation
from chaosnetra.cloudrun.emulator.server import LocalCloudRun
from chaosnetra.cloudrun.executions import summarize
from chaosnetra.cloudrun.jobs import JobClient
from chaosnetra.cloudrun.scaling import WantedScaling
from chaosnetra.durations import Deadline

PLACE = EmulatedLocation("benchmark-1", "europe-west1", "100000000001")
OPERATION_SECONDS = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    local = LocalCloudRun(PLACE, operation_seconds=OPERATION_SECONDS)
    local.start()
    connection = Connection(local.endpoint)
    try:
        seen = [scale_seconds(local, connection, number) for number in range(repetitions)]
        print(
            f"an operation of {OPERATION_SECONDS:g} s: its end is seen and the service read after "
            f"{statistics.median(seen):.3f} s (median), {max(seen):.3f} s (longest), "
            f"of {repetitions}"
        )
        read_many(local, connection, repetitions)
    finally:
        connection.close()
        local.stop()


def scale_seconds(local: LocalCloudRun, connection: Connection, number: int) -> float:
    """Seconds from the write until the service is known to serve."""
    name = PLACE.service("service")
    deploy_service(local.endpoint, PLACE, "service", ["sleep", "60"], {}, {})
    services = ServiceClient(connection)
    plan = services.plan(name, WantedScaling(maximum=10 + number))
    started = time.perf_counter()
    services.scale(plan)
    return time.perf_counter() - started


def read_many(local: LocalCloudRun, connection: Connection, repetitions: int) -> None:
    deploy_job(local.endpoint, PLACE, "job", ["true"], {}, {})
    jobs, job = JobClient(connection), PLACE.job("job")
    execution = jobs.run(jobs.job(job), tasks=1, timeout_seconds=30, environment={})
    jobs.watch(execution, Deadline.after(30))
    for count in (1_000, 10_000):
        put(local, execution, count)
        seconds = [timed(lambda: summarize(jobs.tasks(execution))) for _ in range(repetitions)]
        tracemalloc.start()
        summary = summarize(jobs.tasks(execution))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"{summary.tasks} tasks listed and classified in {statistics.median(seconds):.3f} s "
            f"(median), {max(seconds):.3f} s (longest), of {repetitions}; "
            f"peak memory of Python's {peak / 1e6:.1f} MB"
        )


def put(local: LocalCloudRun, execution: str, count: int) -> None:
    """Copies of the execution's first task, until there are so many; every tenth failed."""
    with local.lock:
        tasks = local.jobs.execution(execution).tasks
        for index in range(len(tasks), count):
            task = run_v2.Task.pb()()
            task.CopyFrom(tasks[0])
            task.index, task.name = index, f"{tasks[0].name}{index}"
            if index % 10 == 0:
                task.last_attempt_result.exit_code = 3
                task.last_attempt_result.status.code = 2
            tasks.append(task)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
