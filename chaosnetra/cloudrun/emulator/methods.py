"""Every method that the endpoint has: its request, and what answers it."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from google.cloud import run_v2
from google.longrunning import operations_pb2

from chaosnetra.cloudrun.emulator.controls import Rule
from chaosnetra.cloudrun.emulator.jobs import Jobs
from chaosnetra.cloudrun.emulator.operations import Operations
from chaosnetra.cloudrun.emulator.resources import find
from chaosnetra.cloudrun.emulator.services import Services
from chaosnetra.cloudrun.emulator.status import Refused

DEFAULT_PAGE = 100
MOST_ON_A_PAGE = 1000
_V2 = "google.cloud.run.v2"

Work = Callable[[Any, Rule], Any]
Method = tuple[Any, Work]


def methods(services: Services, jobs: Jobs, operations: Operations) -> dict[str, dict[str, Method]]:
    """By gRPC service and method: the type of the request, and what makes the answer."""
    return {
        f"{_V2}.Services": {
            "GetService": (
                run_v2.GetServiceRequest,
                lambda request, rule: services.get(request.name),
            ),
            "ListServices": (
                run_v2.ListServicesRequest,
                _listing(run_v2.ListServicesResponse, "services", services.listed),
            ),
            "CreateService": (run_v2.CreateServiceRequest, services.create),
            "UpdateService": (run_v2.UpdateServiceRequest, services.update),
        },
        f"{_V2}.Jobs": {
            "GetJob": (run_v2.GetJobRequest, lambda request, rule: jobs.get(request.name)),
            "ListJobs": (
                run_v2.ListJobsRequest,
                _listing(run_v2.ListJobsResponse, "jobs", jobs.listed),
            ),
            "CreateJob": (run_v2.CreateJobRequest, jobs.create),
            "RunJob": (run_v2.RunJobRequest, jobs.run),
        },
        f"{_V2}.Executions": {
            "GetExecution": (
                run_v2.GetExecutionRequest,
                lambda request, rule: jobs.execution(request.name).message,
            ),
            "ListExecutions": (
                run_v2.ListExecutionsRequest,
                _listing(run_v2.ListExecutionsResponse, "executions", jobs.executions_of),
            ),
            "CancelExecution": (
                run_v2.CancelExecutionRequest,
                lambda request, rule: jobs.cancel(request),
            ),
        },
        f"{_V2}.Tasks": {
            "GetTask": (run_v2.GetTaskRequest, lambda request, rule: _task(jobs, request.name)),
            "ListTasks": (
                run_v2.ListTasksRequest,
                _listing(
                    run_v2.ListTasksResponse, "tasks", lambda name: jobs.execution(name).tasks
                ),
            ),
        },
        "google.longrunning.Operations": {
            "GetOperation": (
                operations_pb2.GetOperationRequest,
                lambda request, rule: operations.get(request.name),
            ),
        },
    }


def _listing(answer: Any, field: str, find: Callable[[str], Iterable[Any]]) -> Work:
    """The work of a method that lists what is in a parent, page by page."""

    def work(request: Any, rule: Rule) -> Any:  # noqa: ARG001 - as all calls
        message = answer.pb()()
        found = find(request.parent)
        message.next_page_token = _page(request, found, getattr(message, field))
        return message

    return work


def _task(jobs: Jobs, given: str) -> Any:
    name = jobs.location.canonical(given)
    tasks = {task.name: task for task in jobs.execution(name.rpartition("/tasks/")[0]).tasks}
    return find(tasks, name, "TASK")


def _page(request: Any, found: Iterable[Any], into: Any) -> str:
    """Put one page of what was found into an answer; the token of the next page, or none."""
    size = min(request.page_size or DEFAULT_PAGE, MOST_ON_A_PAGE)
    try:
        first = int(request.page_token or "0")
    except ValueError:
        raise Refused("INVALID_ARGUMENT", "page_token is not one of this list") from None
    page = list(islice(found, first, first + size + 1))
    into.extend(page[:size])
    return str(first + size) if len(page) > size else ""
