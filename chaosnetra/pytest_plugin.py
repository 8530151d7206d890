"""The pytest plug-in: experiments as test items, and a stand for tests of one's own.

    pytest --chaos-experiments experiments/ -m "cloud_sql and not e2e"

Every pytest run of whoever has this package installed loads this module: it imports nothing but
pytest, collects nothing unless it is asked to, and starts nothing before it is needed.
"""

import math
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chaosnetra.testing.stand import ChaosStand
    from chaosnetra.toxiproxy.client import ToxiproxyClient

FLAG = "--chaos-experiments"
PATTERNS = "chaos_experiments"
FOLDER = "chaos_output_folder"
LIMIT = "chaos_timeout_seconds"
DEFAULT_LIMIT_SECONDS = 3600.0
SUFFIXES = (".json", ".yaml", ".yml")

# What an experiment's tags may say of it; a tag `cloud-sql` gives its item the marker cloud_sql.
MARKERS = {
    "integration": "needs real parts, which the stand brings",
    "infrastructure": "is about the infrastructure under the service",
    "e2e": "starts the whole orchestrator",
    "staging_gcp": "belongs to the staging environment on Google Cloud too",
    "cloud_sql": "is about Cloud SQL",
    "issue_1278_reproduction": "reproduces the incident of issue 1278",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos", "chaos experiments (chaosnetra)")
    group.addoption(
        FLAG,
        action="store_true",
        help="collect the experiment files (JSON, YAML) in the given paths as tests",
    )
    group.addoption(
        "--chaos-output-folder",
        metavar="FOLDER",
        help="where each experiment leaves journal, events, output and report, in a folder of its "
        "own; by default one of pytest's temporary folders",
    )
    group.addoption(
        "--chaos-timeout",
        type=float,
        metavar="SECONDS",
        help="interrupt an experiment that takes longer (default: 3600)",
    )
    parser.addini(
        PATTERNS,
        "patterns of experiment files, relative to the root directory, that are collected without "
        f"{FLAG} too",
        type="linelist",
    )
    parser.addini(FOLDER, "as --chaos-output-folder, relative to the root directory")
    parser.addini(LIMIT, "as --chaos-timeout")


def pytest_configure(config: pytest.Config) -> None:
    limit_seconds(config)
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: the experiment {meaning}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in SUFFIXES or not _asked_for(file_path, parent.config):
        return None
    from chaosnetra.runner.files import read_experiment
    from chaosnetra.testing.items import ExperimentFile, Options

    experiment = read_experiment(file_path)
    if experiment is None:
        return None
    config = parent.config
    options = Options(limit_seconds(config), MARKERS, _output_folder(config))
    return ExperimentFile.from_parent(
        parent, path=file_path, experiment=experiment, options=options
    )


def limit_seconds(config: pytest.Config) -> float:
    """What one experiment may take.

    Raises:
        UsageError: it is not a number of seconds.
    """
    given = config.getoption("--chaos-timeout")
    if given is None:
        given = config.getini(LIMIT) or DEFAULT_LIMIT_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise pytest.UsageError(f"--chaos-timeout must be seconds, more than 0; got {given!r}")
    return seconds


def _output_folder(config: pytest.Config) -> Path | None:
    if given := config.getoption("--chaos-output-folder"):
        return Path(config.invocation_params.dir, given)
    ini = config.getini(FOLDER)
    return config.rootpath / str(ini) if ini else None


def _asked_for(path: Path, config: pytest.Config) -> bool:
    if config.getoption(FLAG):
        return True
    patterns = config.getini(PATTERNS)
    if not patterns or not path.is_relative_to(config.rootpath):
        return False
    relative = path.relative_to(config.rootpath)
    return any(relative.match(pattern) for pattern in patterns)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """The summary at a session's end names an experiment that failed in one line.

    In CI pytest puts the whole message there, which its failure has shown already.
    """
    report = yield
    if getattr(item, "has_closing_screen", False):
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            crash.message = crash.message.split("\n", 1)[0]
    return report


@pytest.fixture(scope="session")
def chaos_stand() -> Iterator["ChaosStand"]:
    """A real PostgreSQL, a real Toxiproxy, and a proxy from the one to the other.

    Started when the first test asks for it, and ended, with all data, after the last one or with
    this process. For a test that changes proxies or toxics, take `chaos_toxiproxy` too.
    """
    from chaosnetra.errors import PartUnavailable
    from chaosnetra.testing.stand import stand

    with ExitStack() as stack:
        try:
            started = stack.enter_context(stand())
        except PartUnavailable as error:
            pytest.fail(str(error), pytrace=False)
        yield started


@pytest.fixture
def chaos_toxiproxy(chaos_stand: "ChaosStand") -> Iterator["ToxiproxyClient"]:
    """A client for the stand's Toxiproxy; after the test there is the stand's proxy, and no toxic.

    Proxies that the test made are deleted, the stand's is enabled and leads to the database again.
    """
    yield chaos_stand.toxiproxy
    chaos_stand.reset()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Said only by runs that collect experiments."""
    if not config.getoption(FLAG) and not config.getini(PATTERNS):
        return None
    folder: Any = config.getoption("--chaos-output-folder") or config.getini(FOLDER)
    return f"chaos experiments: evidence in {folder or 'temporary folders'}"
