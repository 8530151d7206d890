"""What a person would type to undo what a run left: command lines, and nothing is run.

Sources: reference of `gcloud run services update` (--min, --max, --scaling) and of
`gcloud run jobs executions cancel`.
"""

import shlex

from chaosnetra.cloudrun.scaling import Scaling
from chaosnetra.safety.guard import FULL_NAME

RECOVER = "chaosnetra recover"
# How the command line says that a bound is not set.
NOT_SET = "default"


def restore_command(name: str, before: Scaling) -> str:
    """The command that gives a service its former scaling.

    Args:
        name: full name of the service.
        before: its former scaling.
    """
    if before.is_manual:
        flags = [f"--scaling={before.manual or 0}"]
    else:
        flags = [
            "--scaling=auto",
            f"--min={before.minimum or NOT_SET}",
            f"--max={before.maximum or NOT_SET}",
        ]
    return _command("gcloud run services update", name, *flags)


def cancel_command(execution: str) -> str:
    """The command that cancels an execution, by its full name."""
    return _command("gcloud run jobs executions cancel", execution)


def list_command(job: str) -> str:
    """The command that lists the executions of a job, by its full name."""
    return _command("gcloud run jobs executions list", job, named_by="--job=")


def _command(verb: str, name: str, *flags: str, named_by: str = "") -> str:
    """A command on a resource; `named_by` stands before its id where a flag names it."""
    match = FULL_NAME.match(name)
    if match is None:
        return shlex.join([*verb.split(), f"{named_by}{name}", *flags])
    project, region, _, _ = match.groups()
    resource = name.rpartition("/")[2]
    where = [f"--project={project}", f"--region={region}"]
    return shlex.join([*verb.split(), f"{named_by}{resource}", *where, *flags])
