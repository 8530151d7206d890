"""The latency at which a service that was tried stops starting."""

from pathlib import Path

from chaosnetra.runner.reports import write_reports
from chaosnetra.search.beginning import Varied, begun
from chaosnetra.search.beginning import Wanted as Asked
from chaosnetra.search.conclusion import conclude
from chaosnetra.search.conduct import conduct
from chaosnetra.search.folders import new_folder
from chaosnetra.search.subject import read_subject
from chaosnetra.search.telling import answer
from chaosnetra.trying.conduct import Say, Wanted

KEY = "latency_ms"
PAGE = "search.html"
LEAST_MS, MOST_MS = 10.0, 10_000.0
PRECISION = 0.2
MOST_TRIALS = 12


def broken_by(wanted: Wanted, experiment: Path, say: Say) -> tuple[str, Path | None, str | None]:
    """Search the breaking point of the latency, and write the page on it.

    Args:
        wanted: what was tried.
        experiment: with the latency alone.
        say: takes a line for each trial.

    Returns:
        It in one sentence; the page; and why there is none, if there is none.

    Raises:
        KeyboardInterrupt: it was interrupted, and everything is undone.
        ChaosnetraError: it cannot be searched.
        OSError: the folder cannot be written.
    """
    variables = {} if wanted.database_url is None else {"database_url": wanted.database_url}
    subject = read_subject(experiment, KEY, variables)
    asked = Asked(
        seed=0,
        precision=PRECISION,
        most_trials=MOST_TRIALS,
        most_seconds=None,
        operating_point=None,
        at_least=None,
        at_most=None,
        variables=variables,
    )
    folder = new_folder(experiment.parent, KEY)
    search = begun(Varied(subject, LEAST_MS, MOST_MS), asked, folder)
    found = conduct(subject, search, folder, variables, say)
    page = experiment.parent / PAGE
    no_page = write_reports([folder], [page])
    return answer(found, conclude(found)), None if no_page else page, no_page
