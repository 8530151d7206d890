"""All tests: lint and types once, the suite on every supported Python that is installed, a part of
it with the lowest versions of other packages that are allowed, and last the experiments. One that
fails does not keep the others from being run.

Python 3.11 resolves to Chaos Toolkit 1.19 with chaostoolkit-lib 1.44, 3.12 and later to 1.21 with
1.45: both lines are tested when the interpreters are there. The whole suite runs on the Python that
nox runs on, and its core on the newest Python of the other line. One that adds no line (3.12 where
3.13 is there too) runs only what depends on the interpreter. `nox -s unit` and the like run one
kind alone.
"""

import shutil
import subprocess
import sys

import nox

LINES = {"3.11": "1.44", "3.12": "1.45", "3.13": "1.45"}  # of chaostoolkit-lib
nox.options.sessions = ["lint", "types", "docs", "tests", "lowest", "experiments"]
nox.needs_version = ">=2025.2.9"


def runs(version: str) -> bool:
    """Whether `python<version>` is there and starts; a version manager's shim may not."""
    program = shutil.which(f"python{version}")
    if program is None:
        return False
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version


OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
INSTALLED = [version for version in LINES if version == OWN or runs(version)]


def use_own_environment(session: nox.Session) -> bool:
    """The environment that nox runs in has everything: no second one for its Python."""
    return session.python in (OWN, None)


# Most tests wait for processes and sockets: more of them at once than there are cores. The budgets
# of experiments are a tenth of the real ones: two at once, of which each has the use of a core.
AT_ONCE = ("-n", "4", "--dist", "worksteal")
TWO_AT_ONCE = ("-n", "2", "--dist", "load", "--maxschedchunk", "1")
EXPERIMENTS = "tests/experiments"
# Many hundred processes are started: none of them is to compile the same modules again.
INSTALL = ("--quiet", "--compile-bytecode")
COMPILE = ("-m", "compileall", "-q", "-j", "0", "chaosnetra")


def pytest(session: nox.Session, *paths: str) -> None:
    """The tests at these paths, the experiments last."""
    own = use_own_environment(session)
    if not own:
        session.create_tmp()
        session.install(*INSTALL, "-e", ".[test]")
    program = sys.executable if own else "python"
    session.run(program, *COMPILE, external=own)
    experiments = [path for path in paths if path.startswith(EXPERIMENTS)]
    others = [path for path in paths if path not in experiments]
    for arguments, chosen in ((AT_ONCE, others), (TWO_AT_ONCE, experiments)):
        if chosen:
            words = (program, "-m", "pytest", *arguments, *chosen, *session.posargs)
            session.run(*words, external=own)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style, common mistakes, words, and that what is imported is declared."""
    session.run(sys.executable, "-m", "ruff", "check", ".", external=True)
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".", external=True)
    session.run(sys.executable, "-m", "codespell_lib", external=True)
    session.run(sys.executable, "-m", "deptry", ".", external=True)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Strict types: the package, and what tests and benchmarks share."""
    session.run(sys.executable, "-m", "mypy", external=True)


@nox.session(venv_backend="uv")
def docs(session: nox.Session) -> None:
    """The documents as a site, in `docs/_build`; a link that leads nowhere is an error."""
    session.install("--quiet", *nox.project.load_toml()["project"]["optional-dependencies"]["docs"])
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "docs", "docs/_build")


# What meets the line of the Chaos Toolkit, and with it the interpreter. What a run that was killed
# left is taken back without either; so of that only what `chaos` has a part in, and one of a kind.
SAFETY = "tests/integration/safety"
VPC_LATENCY = f"{EXPERIMENTS}/test_vpc_latency.py"
CORE = (
    "tests/unit",
    "tests/contract/test_launchers.py",
    "tests/contract/test_uvicorn_launches.py",
    "tests/integration/controls/test_abort_control.py",
    "tests/integration/processes/test_forking.py",
    "tests/integration/controls/test_journal_control.py",
    "tests/integration/controls/test_journal_judgement.py",
    "tests/integration/controls/test_journal_signals.py",
    "tests/integration/commands/test_lint_traps.py",
    f"{SAFETY}/test_recover_by_hand.py::test_all_of_it_at_once_also_as_a_command_of_chaos",
    f"{SAFETY}/test_run_signals.py",
    f"{SAFETY}/test_watchdog.py::test_a_run_that_is_killed_leaves_nothing",
    f"{SAFETY}/test_watchdog.py::test_the_watchdog_is_there_from_the_first_undo_to_the_end",
    f"{VPC_LATENCY}::test_the_remediated_profile_holds",
    f"{VPC_LATENCY}::test_the_older_profile_deviates_and_names_phase_and_budget",
    f"{VPC_LATENCY}::test_a_negative_latency_injects_nothing",
    f"{VPC_LATENCY}::test_a_signal_leaves_nothing",
    f"{VPC_LATENCY}::test_a_part_of_the_stand_that_dies_makes_the_run_prove_nothing",
)
# Of these, what meets neither: figures, bytes and pages, which the own Python checks.
MEETS_NEITHER = (
    "tests/unit/report",
    "tests/unit/search",
    "tests/unit/whatif",
    "tests/unit/wire",
)
# What meets other packages: web servers, the database's driver, Google's libraries, the command
# line, and the Chaos Toolkit.
MEETS_PACKAGES = (
    "tests/unit/cloudrun",
    "tests/unit/commands",
    "tests/unit/connector",
    "tests/unit/controls",
    "tests/unit/orchestrator",
    "tests/unit/postgres",
    "tests/unit/progress",
    "tests/unit/startup",
    "tests/unit/toxiproxy",
)
# What depends on the interpreter alone: `inspect`, frames, the parser of regular expressions, JSON
# and how deep it may nest, `asyncio`, what an import loads; and whole runs that hold, that signals
# end, whose probes are coroutines, and whose startups are forked.
RUNS = "tests/integration/controls/test_journal_control.py"
ENDED = "tests/integration/controls/test_journal_signals.py"
INTERPRETER = (
    "tests/unit/controls/test_abort.py",
    "tests/unit/test_architecture.py",
    "tests/unit/commands/test_cli.py",
    "tests/unit/consent/test_consent.py",
    "tests/unit/controls/test_empty_run.py",
    "tests/unit/evidence/test_json_stream.py",
    "tests/unit/evidence/test_jsonsafe.py",
    "tests/unit/documents/test_document.py",
    "tests/unit/lint/test_patterns.py",
    "tests/unit/lint/test_rules.py",
    "tests/unit/lint/test_traps.py",
    "tests/unit/running/test_precheck.py",
    "tests/unit/pressure/test_choice.py",
    "tests/unit/testing/test_pytest_plugin.py",
    "tests/unit/startup/test_readiness.py",
    "tests/unit/support/test_virtual_time.py",
    "tests/integration/processes/test_forking.py",
    f"{RUNS}::test_a_steady_state_that_holds_exits_with_0",
    f"{RUNS}::test_output_that_is_not_json_fails_the_probe_and_the_journal_is_whole",
    f"{ENDED}::test_sigterm_inside_an_activity_ends_the_run",
    f"{ENDED}::test_rollbacks_of_anybody_are_played_to_their_end",
    f"{ENDED}::test_who_asks_twice_gets_the_rollbacks_of_anybody",
    f"{RUNS}::test_a_failure_of_the_control_itself_fails_the_run",
)


def adds_a_line(version: str) -> bool:
    """Whether no newer Python, nor our own, resolves to the same line of the Chaos Toolkit."""
    same = [other for other in INSTALLED if LINES[other] == LINES[version]]
    return OWN not in same and version == same[-1]


@nox.session(python=INSTALLED, venv_backend="uv")
def tests(session: nox.Session) -> None:
    """All but the experiments on the Python that this runs on; on the others as told above."""
    version = str(session.python)
    if version == OWN:
        pytest(session, "tests/unit", "tests/contract", "tests/integration")
    elif adds_a_line(version):
        pytest(session, *CORE, *(f"--ignore={path}" for path in MEETS_NEITHER))
    else:
        pytest(session, *INTERPRETER)


@nox.session(python=min(LINES), venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The unit tests that meet other packages, with the lowest versions of them that are allowed.

    Where 3.11 is missing there is nothing to show: newer Pythons have no wheels of these versions.
    """
    if min(LINES) not in INSTALLED:
        session.skip(f"there is no Python {min(LINES)}")
    session.create_tmp()
    session.install(*INSTALL, "--resolution", "lowest-direct", "-e", ".[test]")
    session.run("python", "-m", "pytest", *AT_ONCE, *MEETS_PACKAGES, *session.posargs)


@nox.session(venv_backend="none")
def unit(session: nox.Session) -> None:
    """Only what needs no other process."""
    pytest(session, "tests/unit")


@nox.session(venv_backend="none")
def integration(session: nox.Session) -> None:
    """Real parts, one at a time, and the contracts they keep."""
    pytest(session, "tests/integration", "tests/contract")


@nox.session(venv_backend="none")
def experiments(session: nox.Session) -> None:
    """The experiments, run as their users run them."""
    pytest(session, EXPERIMENTS)
