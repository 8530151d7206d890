"""All tests: lint and types once, the suite on every supported Python that is installed, and last
the experiments. One that fails does not keep the others from being run.

Python 3.11 resolves to Chaos Toolkit 1.19 with chaostoolkit-lib 1.44, 3.12 and later to 1.21 with
1.45: both lines are tested when the interpreters are there. `nox -s unit` and the like run one
kind alone.
"""

import shutil
import subprocess
import sys

import nox

SUPPORTED = ("3.11", "3.12", "3.13")
nox.options.sessions = ["lint", "types", "tests", "experiments"]
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
INSTALLED = [version for version in SUPPORTED if version == OWN or runs(version)]


def use_own_environment(session: nox.Session) -> bool:
    """The environment that nox runs in has everything: no second one for its Python."""
    return session.python in (OWN, None)


# Most tests wait for processes and sockets: more of them at once than there are cores. Not so the
# experiments, whose budgets are a tenth of the real ones and would feel it.
AT_ONCE = ("-n", "3", "--dist", "worksteal")
EXPERIMENTS = "tests/experiments"


def pytest(session: nox.Session, *paths: str) -> None:
    """The tests at these paths, the experiments last."""
    experiments = [path for path in paths if path.startswith(EXPERIMENTS)]
    others = [path for path in paths if path not in experiments]
    if others:
        run_pytest(session, *AT_ONCE, *others)
    if experiments:
        run_pytest(session, *experiments)


def run_pytest(session: nox.Session, *arguments: str) -> None:
    if use_own_environment(session):
        session.run(sys.executable, "-m", "pytest", *arguments, *session.posargs, external=True)
        return
    session.create_tmp()
    session.install("--quiet", "-e", ".[test]")
    session.run("python", "-m", "pytest", *arguments, *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.run(sys.executable, "-m", "ruff", "check", ".", external=True)
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".", external=True)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Strict types."""
    session.run(sys.executable, "-m", "mypy", external=True)


# The whole runs on one Python. On the others runs what meets the interpreter and its line of
# the Chaos Toolkit: 3.11 resolves to an older one than 3.12 and 3.13.
CORE = ("tests/unit", "tests/integration/test_journal_control.py")
MORE = (
    "tests/contract/test_launchers.py",
    "tests/integration/test_abort_control.py",
    "tests/integration/test_forking.py",
    "tests/integration/test_lint_traps.py",
    "tests/integration/test_watchdog.py",
    "tests/experiments/test_vpc_latency.py",
)


@nox.session(python=INSTALLED)
def tests(session: nox.Session) -> None:
    """All but the experiments on the Python that this runs on, the suite's core on the others."""
    version = str(session.python)
    if version == OWN:
        pytest(session, "tests/unit", "tests/contract", "tests/integration")
    else:
        pytest(session, *CORE, *(() if version == "3.12" else MORE))


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
