"""Every method that the endpoint has: its request, and what answers it."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from google.cloud import run_v2
from google.longrunning import operations_pb2

from chaosnetra.cloudrun.emulator.answers import Operations, Refused
from chaosnetra.cloudrun.emulator.controls import Rule
from chaosnetra.cloudrun.emulator.jobs import Jobs
from chaosnetra.cloudrun.emulator.resources import find
from chaosnetra.cloudrun.emulator.services import Services

DEFAULT_PAGE = 100
MOST_ON_A_PAGE = 1000
_V2 = "google.cloud.run.v2"

Work = Callable[[Any, Rule], Any]


def methods(services: Services, jobs: Jobs, operations: Operations) -> dict[str, dict[str, Work]]:
    """By gRPC service and method: what makes the answer."""
    return {
        f"{_V2}.Services": {
            "GetService": lambda request, rule: services.get(request.name),
            "ListServices": _listing("Services", services.listed),
            "CreateService": services.create,
            "UpdateService": services.update,
        },
        f"{_V2}.Jobs": {
            "GetJob": lambda request, rule: jobs.get(request.name),
            "ListJobs": _listing("Jobs", jobs.listed),
            "CreateJob": jobs.create,
            "RunJob": jobs.run,
        },
        f"{_V2}.Executions": {
            "GetExecution": lambda request, rule: jobs.execution(request.name).message,
            "ListExecutions": _listing("Executions", jobs.executions_of),
            "CancelExecution": lambda request, rule: jobs.cancel(request),
        },
        f"{_V2}.Tasks": {
            "GetTask": lambda request, rule: _task(jobs, request.name),
            "ListTasks": _listing("Tasks", lambda name: jobs.execution(name).tasks),
        },
        "google.longrunning.Operations": {
            "GetOperation": lambda request, rule: operations.get(request.name),
        },
    }


def request_of(method: str) -> Any:
    """The type of a method's request."""
    found = getattr(run_v2, f"{method}Request", None)
    return found.pb() if found is not None else getattr(operations_pb2, f"{method}Request")


def _listing(kind: str, find: Callable[[str], Iterable[Any]]) -> Work:
    """The work of a method that lists what is in a parent, page by page."""
    answer = getattr(run_v2, f"List{kind}Response").pb()

    def work(request: Any, rule: Rule) -> Any:  # noqa: ARG001 - as all calls
        message = answer()
        into = getattr(message, kind.lower())
        message.next_page_token = _page(request, find(request.parent), into)
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
