"""A task of a job runs in its service's own image, with little of ours installed."""

import re
from pathlib import Path

import pytest

from chaosnetra.startup.task import main
from tests.support.image import in_image, run_python

IMPORTED = """
import sys
import chaosnetra.task_path.check, chaosnetra.task_path.hops, chaosnetra.task_path.task
import asyncpg, re2
areas = {name.split(".")[1] for name in sys.modules if name.startswith("chaosnetra.")}
print(*sorted(areas & {"settings", "profiles", "running", "stand"}))
"""


def test_a_task_needs_the_extra_alone_and_no_settings(tmp_path: Path) -> None:
    done = run_python("-c", IMPORTED, environ=in_image(tmp_path))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("packages", "words"),
    [(("asyncpg", "re2"), "lacks psutil"), (("re2",), "lacks psutil and asyncpg")],
)
def test_an_image_without_the_extra_says_what_to_install(
    tmp_path: Path, packages: tuple[str, ...], words: str
) -> None:
    environ = in_image(tmp_path, packages)
    done = run_python("-m", "chaosnetra.startup.task", "--", "true", environ=environ)
    assert done.returncode == 64
    assert done.stderr == ""
    assert words in done.stdout
    assert "install chaostoolkit-netra[task]" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_check_goes_on_to_the_next_package_that_is_missing(tmp_path: Path) -> None:
    environ = in_image(tmp_path, ("asyncpg",))
    done = run_python("-m", "chaosnetra.startup.task", "--check", environ=environ)
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert lines == [["ok", "Python"], ["no", "psutil"], ["ok", "asyncpg"], ["no", "google-re2"]]
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        ([], {}, "no  the job's container does not set DATABASE_URL"),
        (["PGHOST={host}"], {}, "does not set PGHOST"),
        (["PGHOST"], {}, "no  'PGHOST' must be NAME=TEMPLATE"),
        ([], {"CHAOSNETRA_TARGET_ENVIRONMENT": "[1]"}, "must be a JSON object of templates"),
        ([], {"CHAOSNETRA_TARGET_ENVIRONMENT": '{"D": "{dsn}"}'}, "does not set D"),
        ([], {"DATABASE_URL": "postgresql://u:pass-word@127.0.0.1:1/d"},
         "Connect call failed.*check the variables of the job's container"),
    ],
)  # fmt: skip
def test_a_check_says_which_variables_would_not_do(
    arguments: list[str],
    environ: dict[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:

    assert main(["--check", *arguments], environ) == 1
    said = capsys.readouterr().out
    assert re.search(words, said)
    assert "pass-word" not in said
