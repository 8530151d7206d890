"""Errors of the client library as ours: which of them leave no doubt that nothing was done."""

from chaosnetra.cloudrun.names import shown
from chaosnetra.errors import (
    CloudRunCredentials,
    CloudRunError,
    CloudRunEtagChanged,
    CloudRunNotFound,
    CloudRunPermissionDenied,
    CloudRunQuotaExceeded,
    CloudRunRefused,
    CloudRunUnanswered,
    CloudRunUnauthenticated,
)

# What a service account needs for each call. Source: "Cloud Run IAM permissions".
PERMISSIONS = {
    "GetService": "run.services.get",
    "UpdateService": "run.services.update",
    "GetJob": "run.jobs.get",
    "RunJob": "run.jobs.run and run.jobs.runWithOverrides",
    "GetExecution": "run.executions.get",
    "ListExecutions": "run.executions.list",
    "CancelExecution": "run.executions.cancel",
    "ListTasks": "run.tasks.list",
    "GetOperation": "run.operations.get",
    "ListTimeSeries": "monitoring.timeSeries.list",
}


def as_ours(error: Exception, call: str, resource: str, endpoint: str) -> CloudRunError:
    """The error that says what became of a call, and what to change.

    Args:
        error: what `google.api_core` or `google.auth` raised.
        call: the method's name.
        resource: full name of what it was about.
        endpoint: whom it was sent to.
    """
    code, text = status_of(error)
    what = shown(resource)
    match code:
        case "NOT_FOUND":
            return CloudRunNotFound(f"there is no {what}; check project, region and name ({text})")
        case "PERMISSION_DENIED":
            return CloudRunPermissionDenied(
                f"{call} is not permitted on {what}: grant {PERMISSIONS.get(call, call)}, "
                f"or check the project ({text})"
            )
        case "UNAUTHENTICATED":
            return CloudRunUnauthenticated(f"Google does not take these credentials: {text}")
        case "ABORTED":
            return CloudRunEtagChanged(
                f"{what} was changed by somebody else meanwhile; read it and plan again ({text})"
            )
        case "RESOURCE_EXHAUSTED":
            return CloudRunQuotaExceeded(
                f"a quota is used up for {call} on {what}; wait, or raise the quota ({text})"
            )
        case "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "ALREADY_EXISTS":
            return CloudRunRefused(f"Cloud Run refused {call} on {what}: {text}")
        case "UNIMPLEMENTED":
            return CloudRunRefused(f"{endpoint} does not know {call}: is it Cloud Run? ({text})")
    if "metadata from plugin" in text:  # gRPC's words for credentials that cannot be refreshed
        return CloudRunCredentials(f"the Google credentials cannot be used: {text}")
    return CloudRunUnanswered(
        f"{endpoint} gave no answer to {call} on {what} ({code or type(error).__name__}: {text})"
    )


def status_of(error: Exception) -> tuple[str, str]:
    """Name of the gRPC status code, empty when there is none, and the text."""
    code = getattr(error, "grpc_status_code", None)
    return (code.name if code is not None else ""), str(getattr(error, "message", error))
