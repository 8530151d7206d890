"""Every method that the endpoint has: its request, and what answers it."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from google.cloud import run_v2
from google.longrunning import operations_pb2

from chaosnetra.cloudrun.emulator.jobs import Jobs
from chaosnetra.cloudrun.emulator.location import EmulatedLocation
from chaosnetra.cloudrun.emulator.operations import Operations
from chaosnetra.cloudrun.emulator.rules import Rule
from chaosnetra.cloudrun.emulator.services import Services
from chaosnetra.cloudrun.emulator.status import Refused

DEFAULT_PAGE = 100
MOST_ON_A_PAGE = 1000
_V2 = "google.cloud.run.v2"

Work = Callable[[Any, Rule], Any]
Method = tuple[Any, Work]


def methods(
    place: EmulatedLocation, services: Services, jobs: Jobs, operations: Operations
) -> dict[str, dict[str, Method]]:
    """By gRPC service and method: the type of the request, and what makes the answer."""
    lists = _Lists(place, services, jobs)
    return {
        f"{_V2}.Services": {
            "GetService": (
                run_v2.GetServiceRequest,
                lambda request, rule: services.get(request.name),
            ),
            "ListServices": (run_v2.ListServicesRequest, lists.services),
            "CreateService": (run_v2.CreateServiceRequest, services.create),
            "UpdateService": (run_v2.UpdateServiceRequest, services.update),
        },
        f"{_V2}.Jobs": {
            "GetJob": (run_v2.GetJobRequest, lambda request, rule: jobs.get(request.name)),
            "ListJobs": (run_v2.ListJobsRequest, lists.jobs),
            "CreateJob": (run_v2.CreateJobRequest, jobs.create),
            "RunJob": (run_v2.RunJobRequest, jobs.run),
        },
        f"{_V2}.Executions": {
            "GetExecution": (
                run_v2.GetExecutionRequest,
                lambda request, rule: jobs.execution(request.name).message,
            ),
            "ListExecutions": (run_v2.ListExecutionsRequest, lists.executions),
            "CancelExecution": (
                run_v2.CancelExecutionRequest,
                lambda request, rule: jobs.cancel(request),
            ),
        },
        f"{_V2}.Tasks": {
            "GetTask": (run_v2.GetTaskRequest, lists.task),
            "ListTasks": (run_v2.ListTasksRequest, lists.tasks),
        },
        "google.longrunning.Operations": {
            "GetOperation": (
                operations_pb2.GetOperationRequest,
                lambda request, rule: operations.get(request.name),
            ),
        },
    }


class _Lists:
    """The methods that list things."""

    def __init__(self, place: EmulatedLocation, services: Services, jobs: Jobs) -> None:
        self._place = place
        self._services = services
        self._jobs = jobs

    def services(self, request: Any, rule: Rule) -> Any:  # noqa: ARG002 - as all calls
        self._place.canonical(request.parent)
        answer = run_v2.ListServicesResponse.pb()()
        answer.next_page_token = _page(request, self._services.all, answer.services)
        return answer

    def jobs(self, request: Any, rule: Rule) -> Any:  # noqa: ARG002
        self._place.canonical(request.parent)
        answer = run_v2.ListJobsResponse.pb()()
        answer.next_page_token = _page(request, self._jobs.all, answer.jobs)
        return answer

    def executions(self, request: Any, rule: Rule) -> Any:  # noqa: ARG002
        answer = run_v2.ListExecutionsResponse.pb()()
        found = self._jobs.executions_of(request.parent)
        answer.next_page_token = _page(request, found, answer.executions)
        return answer

    def task(self, request: Any, rule: Rule) -> Any:  # noqa: ARG002
        name = self._place.canonical(request.name)
        for task in self._jobs.execution(name.rpartition("/tasks/")[0]).tasks:
            if task.name == name:
                return task
        raise Refused("NOT_FOUND", f"Resource '{request.name}' of kind 'TASK' does not exist.")

    def tasks(self, request: Any, rule: Rule) -> Any:  # noqa: ARG002
        answer = run_v2.ListTasksResponse.pb()()
        found = self._jobs.execution(request.parent).tasks
        answer.next_page_token = _page(request, found, answer.tasks)
        return answer


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
