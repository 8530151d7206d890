"""Launches the startups of a run: as processes here, or in staging as tasks of a Cloud Run job.

What the areas know of each other is put together here: the processes and the outcomes are
`chaosnetra.startup`'s, executions are `chaosnetra.cloudrun`'s, the session has the database.
"""

from chaosnetra.running.launching import Launcher
from chaosnetra.running.session import Session


def launcher_for(session: Session, count: int) -> Launcher:
    """For `count` startups at once, where the run acts; brings what they need.

    Raises:
        InvalidInput: a setting or the count cannot be used.
        PartUnavailable: a part cannot be brought.
        CloudRunError: the job cannot be read, or is not fit.
    """
    if session.settings.in_staging:
        from chaosnetra.running.job_launcher import JobLauncher

        return JobLauncher.of(session, count)
    from chaosnetra.running.process_launcher import ProcessLauncher

    return ProcessLauncher.of(session, count)
