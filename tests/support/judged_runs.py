"""Experiments whose activities are a user's own, run with the journal control and judged."""

from typing import Any

from tests.conftest import ChaosRun
from tests.support import experiments
from tests.support.experiments import activity, control

USER_MODULES = {
    "row_helpers": '''
import pathlib, time

def value(of):
    return of

def count_up(file, good_until):
    """True for the first calls, then False."""
    path = pathlib.Path(file)
    calls = int(path.read_text()) if path.exists() else 0
    path.write_text(str(calls + 1))
    return calls < good_until

def raise_later(file, good_until):
    if not count_up(file, good_until):
        raise RuntimeError("gone wrong")
    return True

def touch(file):
    pathlib.Path(file).touch()

def missing(file, asked=None):
    """Whether there is no such file; each time that there is one, `asked` grows."""
    if not pathlib.Path(file).exists():
        return True
    if asked:
        with open(asked, "a") as told:
            told.write("x")
    return False

def remove(file):
    pathlib.Path(file).unlink()

def fail(text):
    raise RuntimeError(text)

def wait_for(file, size=0):
    """Until there is such a file, and it is so large."""
    path, until = pathlib.Path(file), time.monotonic() + 60
    while not path.exists() or path.stat().st_size < size:
        if time.monotonic() > until:
            raise RuntimeError(f"{file} has not come")
        time.sleep(0.02)
    return True

def wait(seconds, mark):
    pathlib.Path(mark).touch()
    time.sleep(seconds)
    return True

async def coroutine():
    return True

def no(value=None):
    return False

def set_clock(by):
    """As if somebody set the wall clock: the core reads it through these."""
    import datetime, chaoslib.activity, chaoslib.run, chaosnetra.text
    now, real = time.time, datetime.datetime
    time.time = lambda: now() + by

    class Set(real):
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + datetime.timedelta(seconds=by)

    for module in (chaoslib.activity, chaoslib.run, chaosnetra.text):
        module.datetime = Set

def not_json():
    return object()

def not_a_number():
    return {"held": True, "rate": float("nan")}
'''
}


def call(kind: str, function: str, tolerance: Any = None, **arguments: Any) -> dict[str, Any]:
    made = activity(kind, "row_helpers", function, **arguments)
    return made if tolerance is None else {**made, "tolerance": tolerance}


def probe(function: str, tolerance: Any = True, **arguments: Any) -> dict[str, Any]:
    return call("probe", function, tolerance, **arguments)


def action(function: str, **arguments: Any) -> dict[str, Any]:
    return call("action", function, **arguments)


def experiment(
    probes: list[dict[str, Any]],
    method: list[dict[str, Any]],
    rollbacks: list[dict[str, Any]] | None = None,
    strategy: str | None = "always",
    **control_arguments: Any,
) -> dict[str, Any]:
    return experiments.experiment(
        *method,
        probes=probes,
        rollbacks=rollbacks,
        strategy=strategy,
        controls=[control(**control_arguments)],
    )


def assert_judged(run: ChaosRun, verdict: str, cause: str, *, returncode: int = 1) -> None:
    assert run.section["verdict"] == verdict, run.output
    assert run.section["cause"] == cause, run.output
    assert run.returncode == returncode, run.output
    assert "Traceback" not in run.output
    assert run.events[-1]["event"] == "run.ended"
