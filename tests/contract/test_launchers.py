"""Both ways to start a startup keep one contract: as a new interpreter, and as a copy of one."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from chaosnetra.errors import Interrupted, PartUnavailable
from chaosnetra.phase_patterns import parse
from chaosnetra.startup.launcher import Limits, launch
from chaosnetra.startup.outcome import EndedBy, Status
from chaosnetra.startup.phase_lines import PhaseLines
from tests.support.helpers import ESCAPE, alive, present, wait_until, written_pids
from tests.support.launches import DATABASE, HTTP, SERVE, TCP
from tests.support.repository import ROOT
from tests.support.start_methods import Method

pytestmark = pytest.mark.usefixtures("nothing_left", "little_grace")

# Ready


@pytest.mark.parametrize("readiness", [HTTP, TCP])
def test_a_server_is_ready_and_then_ended(method: Method, readiness: str) -> None:
    outcome = method.one(SERVE + "serve()", readiness)
    assert (outcome.status, outcome.error) == (Status.READY, None)
    assert (outcome.ended_by, outcome.signal) == (EndedBy.LAUNCHER, signal.SIGTERM)
    assert 0 < outcome.seconds < 10
    assert outcome.answered
    assert outcome.processes_left == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_of_its_output_shows_that_it_is_ready(method: Method, stream: str) -> None:
    text = f"import sys, time; print('now ready', file=sys.{stream}, flush=True); time.sleep(60)"
    assert method.one(text, "log:now +ready$").status is Status.READY


def test_its_end_shows_that_it_is_ready(method: Method) -> None:
    outcome = method.one("import time; time.sleep(0.3)", "exit")
    assert (outcome.status, outcome.exit_code) == (Status.READY, 0)
    assert outcome.ended_by is EndedBy.ITSELF
    assert 0.3 <= outcome.seconds < 5


def test_each_is_a_process_of_its_own(method: Method, tmp_path: Path) -> None:
    text = f"""{SERVE}
import json, random
mine = {{
    "pid": os.getpid(), "session": os.getsid(0), "directory": os.getcwd(),
    "environment": dict(os.environ), "arguments": sys.argv[1:], "random": random.random(),
    "input": sys.stdin.read(), "name": __name__, "path": sys.path[0],
    "files": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1],
}}
with open(f"seen-{{os.environ['PORT']}}.json", "w") as file:
    json.dump(mine, file)
serve()"""
    plan = method.plan(text, HTTP, LANG="C.UTF-8")
    plan = replace(plan, command=[*plan.command, "--port", "{port}"])
    own = [{"NUMBER": str(number)} for number in range(3)]
    outcomes = method.launched(plan, count=3, environments=own)
    assert [outcome.status for outcome in outcomes] == [Status.READY] * 3
    seen = [json.loads(path.read_text()) for path in tmp_path.glob("seen-*.json")]
    assert len({one["pid"] for one in seen}) == 3
    assert len({one["random"] for one in seen}) == 3
    assert {one["environment"].pop("NUMBER") for one in seen} == {"0", "1", "2"}
    for one in seen:
        assert one["session"] == one["pid"]
        assert one["directory"] == one["path"] == str(tmp_path)
        assert (one["name"], one["input"]) == ("__main__", "")
        assert one["arguments"] == ["--port", one["environment"]["PORT"]]
        assert one["environment"]["DATABASE_URL"] == DATABASE.url
        ours = {"PORT", "DATABASE_URL", "PATH", "LANG"}
        # Python adds one of its own where the locale is C.
        assert set(one["environment"]) - {"LC_CTYPE"} == ours
        assert one["files"] == [0, 1, 2]


def test_signals_are_handled_as_in_a_new_interpreter(method: Method, tmp_path: Path) -> None:
    text = """
import json, signal
names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD", "SIGUSR1")
found = {name: str(signal.getsignal(getattr(signal, name))) for name in names}
json.dump([found, signal.set_wakeup_fd(-1)], open("seen.json", "w"))
"""
    assert method.one(text, "exit").status is Status.READY
    found, wakeup = json.loads((tmp_path / "seen.json").read_text())
    assert "default_int_handler" in found.pop("SIGINT")
    assert found.pop("SIGPIPE") == str(signal.SIG_IGN)
    assert set(found.values()) == {str(signal.SIG_DFL)}
    assert wakeup == -1


# Failed


@pytest.mark.parametrize("code", [0, 1, 3, 7, 255])
def test_the_exit_code_is_told(method: Method, code: int) -> None:
    outcome = method.one(f"import sys; print('ERROR: no luck'); sys.exit({code})", TCP)
    assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.FAILED, code, None)
    assert outcome.ended_by is EndedBy.ITSELF
    assert present(outcome.error).text == "no luck"
    assert not outcome.answered


def test_words_to_exit_with_are_printed(method: Method) -> None:
    outcome = method.one("raise SystemExit('FATAL: it broke')", TCP)
    assert outcome.exit_code == 1
    assert "it broke" in present(outcome.error).text


def test_an_exception_is_printed_with_its_cause(method: Method) -> None:
    text = "try:\n    open('/nowhere')\n"
    text += "except OSError as e:\n    raise RuntimeError('giving up') from e"
    outcome = method.one(text, TCP)
    assert outcome.exit_code == 1
    assert outcome.error is not None
    assert outcome.error.error_class == "FileNotFoundError"
    assert outcome.error.causes[0] == "RuntimeError: giving up"
    assert outcome.cause_kept is True


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("import os; os.kill(os.getpid(), 9)", signal.SIGKILL),
        ("import os; os.abort()", signal.SIGABRT),
        ("raise KeyboardInterrupt", signal.SIGINT),
        ("import os, time; os.kill(os.getpid(), 15); time.sleep(9)", signal.SIGTERM),
    ],
)
def test_the_signal_that_ended_it_is_told(method: Method, text: str, number: int) -> None:
    outcome = method.one(text, TCP)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, None)
    assert (outcome.signal, outcome.ended_by) == (number, EndedBy.ITSELF)


def test_what_is_to_be_done_at_exit_is_done(method: Method, tmp_path: Path) -> None:
    text = """
import atexit, sys, threading, time
atexit.register(lambda: open("atexit", "w").write("done"))
threading.Thread(target=lambda: (time.sleep(0.3), open("thread", "w").write("done"))).start()
sys.stdout.write("no newline at the end")
sys.exit(5)
"""
    outcome = method.one(text, TCP)
    assert outcome.exit_code == 5
    assert present(outcome.error).text == "no newline at the end"
    assert (tmp_path / "atexit").exists()
    assert (tmp_path / "thread").exists()


def test_a_module_that_does_not_exist_is_told(method: Method) -> None:
    plan = replace(method.plan("", TCP), command=[sys.executable, "-m", "netra_no_such_module"])
    (outcome,) = method.launched(plan)
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 1)
    assert "netra_no_such_module" in present(outcome.error).text


# Out of time, interrupted, killed


def test_one_that_is_never_ready_is_ended(method: Method) -> None:
    outcome = method.one("import time; time.sleep(100)", TCP, Limits(0.8, 0.2, 1))
    assert outcome.status is Status.TIMED_OUT
    assert (outcome.signal, outcome.ended_by) == (signal.SIGTERM, EndedBy.LAUNCHER)
    assert 1 <= outcome.seconds < 3
    assert outcome.error is not None
    assert (outcome.error.budget, outcome.error.budget_seconds) == ("startup", 0.8)
    assert set(outcome.checks) == {"refused"}
    assert "refused" in outcome.error.text


def test_one_that_ignores_sigterm_is_killed(method: Method) -> None:
    text = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    outcome = method.one(text + "print('up', flush=True); time.sleep(100)", "log:up")
    assert (outcome.status, outcome.signal) == (Status.READY, signal.SIGKILL)
    assert outcome.ended_by is EndedBy.LAUNCHER


def test_escaped_helpers_are_ended_and_counted(method: Method, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    text = f"{SERVE}{ESCAPE}\nescape({place})\nstubborn_child({place})\nwrite_pid({place})\n"
    text += f"while open({place}).read().count('\\n') < 3: time.sleep(0.01)\nserve()"
    outcome = method.one(text, HTTP)
    assert outcome.status is Status.READY
    assert outcome.processes_left == 2
    assert alive(written_pids(pids, 3)) == []


def test_helpers_of_one_that_failed_are_its_own(method: Method, tmp_path: Path) -> None:
    """Two at once: each is charged with what it left, and not with the other's."""
    text = f"""{SERVE}{ESCAPE}
mark = "pids-" + os.environ["PORT"]
try:
    os.mkdir("first")
    escape(mark)
    await_pids(mark, 1)
    raise SystemExit(3)
except FileExistsError:
    serve()"""
    outcomes = method.launched(method.plan(text, HTTP), count=2)
    left = {outcome.status: outcome.processes_left for outcome in outcomes}
    assert left == {Status.FAILED: 1, Status.READY: 0}
    (pids,) = tmp_path.glob("pids-*")
    assert alive(written_pids(pids, 1)) == []


def test_an_interruption_ends_everything_at_once(method: Method, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    plan = method.plan(f"{ESCAPE}\nescape({place})\nwrite_pid({place})\ntime.sleep(100)", TCP)
    interrupted_at: list[float] = []

    def interrupted() -> bool:
        if not interrupted_at and pids.exists() and pids.read_text().count("\n") == 6:
            interrupted_at.append(time.monotonic())
        return bool(interrupted_at)

    with pytest.raises(Interrupted):
        method.launched(plan, Limits(60, 60, 5), count=3, interrupted=interrupted)
    assert time.monotonic() - interrupted_at[0] < 3
    assert alive(written_pids(pids, 6)) == []


def test_a_cancelled_launch_leaves_nothing(method: Method, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    plan = method.plan(f"{ESCAPE}\nescape({place})\nwrite_pid({place})\ntime.sleep(100)", TCP)
    starter = method.starter(plan)

    async def run() -> None:
        running = asyncio.create_task(
            launch(plan, [DATABASE] * 2, Limits(60, 60, 5), starter=starter)
        )
        await asyncio.to_thread(written_pids, pids, 4)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(run())
    wait_until(lambda: not alive(written_pids(pids, 4)), 3, "everything is ended")


# A launcher in a process of its own, for the test below to kill.
KILLED = """
import asyncio, sys
from pathlib import Path
from chaosnetra.startup.launcher import Limits, launch
from tests.support.launches import DATABASE, TCP
from tests.support.start_methods import Method

method = Method(sys.argv[1], Path(sys.argv[2]))
plan = method.plan(Path(sys.argv[3]).read_text(), TCP)
asyncio.run(launch(plan, [DATABASE] * 2, Limits(60, 60, 5), starter=method.starter(plan)))
"""


def test_nothing_outlives_a_launcher_that_is_killed(method: Method, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    place = repr(str(pids))
    text = tmp_path / "text.py"
    text.write_text(f"{ESCAPE}\nescape({place})\nwrite_pid({place})\ntime.sleep(100)")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, method.name, str(tmp_path), str(text)], cwd=ROOT
    ) as launcher:
        found = written_pids(pids, 4, seconds=30)
        below = psutil.Process(launcher.pid).children(recursive=True)
        launcher.kill()
    wait_until(lambda: not alive([*found, *(one.pid for one in below)]), 5, "everything is ended")


def test_a_startup_whose_supervisor_is_killed_proves_nothing(
    method: Method, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    plan = method.plan(f"{ESCAPE}\nwrite_pid({str(pids)!r})\ntime.sleep(100)", TCP)
    starter = method.starter(plan)

    async def run() -> None:
        running = asyncio.create_task(launch(plan, [DATABASE], Limits(60, 60, 5), starter=starter))
        (pid,) = await asyncio.to_thread(written_pids, pids, 1)
        psutil.Process(pid).parent().kill()
        await running

    with pytest.raises(PartUnavailable, match="supervisor of a startup was killed"):
        asyncio.run(run())
    # The system ends it, in its own time.
    wait_until(lambda: not alive(written_pids(pids, 1)), 10, "it has ended with its supervisor")


# Output


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_output_does_not_stop_a_startup(method: Method, stream: str) -> None:
    text = SERVE + f"for n in range(200_000): sys.{stream}.write('line %d of many\\n' % n)\n"
    outcome = method.one(f"{text}sys.{stream}.flush()\nserve()", HTTP, Limits(30, 1, 2))
    assert outcome.status is Status.READY


def test_what_one_that_fails_printed_is_kept_and_tells_its_phases(method: Method) -> None:
    text = "print('begin store'); raise OSError('no store')"
    plan = method.plan(text, TCP)
    words = PhaseLines(parse("words", {"start": r"^begin (?P<phase>\w+)$"}))
    failed, other = method.launched(replace(plan, phase_lines=words), count=2)
    assert (failed.phase, list(failed.phase_spans)) == ("store", ["store"])
    assert "begin store" in failed.output
    assert "Traceback (most recent call last):" in failed.output
    assert "OSError: no store" in failed.output
    assert (failed.output_of, other.output_of, other.output) == (1, 1, ())


def test_a_working_directory_that_is_gone_is_told_in_one_line(method: Method) -> None:
    plan = replace(method.plan("", TCP), directory=method.folder / "gone")
    with pytest.raises(PartUnavailable, match=r"(could not|cannot) be started"):
        method.launched(plan)
