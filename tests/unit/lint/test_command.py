"""`chaosnetra lint` as its users meet it."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import chaosnetra
from chaosnetra.cli import netra
from chaosnetra.documents import download
from tests.support.http_servers import Answer, answering
from tests.support.programs import captured, chaos_command

EXPERIMENTS = sorted((Path(chaosnetra.__file__).parents[1] / "experiments").glob("*.json"))
CLEAN = '{"title": "t", "description": "d", "method": []}'
WARNED = (
    '{"title": "t", "description": "d",\n"method": [{"type": "action", "name": "a", '
    '"provider": {"type": "process", "path": "true"}}]}'
)
TRAP = '{"title": "t", "description": "d", "method": [],\n"rolbacks": []}'


def lint(*arguments: object) -> Result:
    return CliRunner().invoke(netra, ["lint", *map(str, arguments)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "e.json"


def test_there_are_experiments() -> None:
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_of_ours_is_clean(path: Path) -> None:
    done = lint(path)
    assert (done.exit_code, done.output) == (0, "")


def test_a_clean_experiment_says_nothing(file: Path) -> None:
    file.write_text(CLEAN)
    done = lint(file)
    assert (done.exit_code, done.output) == (0, "")


def test_findings_are_lines_and_exit_code_1(file: Path) -> None:
    file.write_text(TRAP)
    done = lint(file)
    assert done.exit_code == 1
    assert done.output == (
        f"{file}:2: [unknown-key] 'rolbacks' is no key of an experiment: it is ignored, so "
        "nothing is rolled back; write 'rollbacks'\n"
    )


def test_warnings_alone_do_not_fail(file: Path) -> None:
    file.write_text(WARNED)
    done = lint(file)
    assert done.exit_code == 0
    assert f"{file}:2: [no-undo] warning: the action 'a'" in done.output


def test_an_unreadable_file_is_exit_code_2_and_the_others_are_linted(file: Path) -> None:
    file.write_text(TRAP)
    done = lint(file.with_name("none.json"), file)
    assert done.exit_code == 2
    assert "there is no such file" in done.stderr
    assert "[unknown-key]" in done.stdout


def test_json_holds_what_the_lines_hold(file: Path) -> None:
    file.write_text(TRAP)
    done = lint("--format", "json", file, file.with_suffix(".txt"))
    assert done.exit_code == 2
    said = json.loads(done.stdout)
    assert said["findings"] == [
        {
            "file": str(file),
            "line": 2,
            "rule": "unknown-key",
            "severity": "error",
            "message": "'rolbacks' is no key of an experiment: it is ignored, so nothing is "
            "rolled back",
            "remedy": "write 'rollbacks'",
        }
    ]
    assert said["unreadable"] == [
        f"{file.with_suffix('.txt')}: the Chaos Toolkit reads only .json, .yaml and .yml files"
    ]


def test_a_folder_is_taken_as_ci_takes_it(tmp_path: Path) -> None:
    """Its experiments, also those in folders in it; journals and other data are none."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "trap.json").write_text(TRAP)
    (tmp_path / "clean.json").write_text(CLEAN)
    (tmp_path / "torn.json").write_text(CLEAN[:-1])
    (tmp_path / "profile.json").write_text('{"name": "x"}')
    done = lint(tmp_path, tmp_path / "inner" / "trap.json")
    assert done.exit_code == 2
    assert done.stdout.count("[") == done.stdout.count("inner/trap.json:2: [unknown-key]") == 1
    assert done.stderr.startswith(f"{tmp_path / 'torn.json'}: line 1: not JSON")
    (tmp_path / "torn.json").unlink()
    assert lint(tmp_path).exit_code == 1


def test_a_folder_without_an_experiment_is_told_as_that(tmp_path: Path) -> None:
    done = lint(tmp_path)
    assert (done.exit_code, done.stderr) == (2, f"{tmp_path} holds no experiment\n")
    assert lint("").exit_code == 2


ANSWERS: dict[str, Answer] = {
    "/e.json": (200, "application/json", TRAP.encode()),
    "/bom.json": (200, "application/json", b"\xef\xbb\xbf" + TRAP.encode()),
    "/e.yaml": (200, "text/yaml; charset=utf-8", b"title: t\ndescription: d\nmethod: []\nx: 1"),
    "/plain": (200, "text/plain", TRAP.encode()),
    "/page": (200, "text/html", b"<html>"),
    "/none": (404, "application/json", b"{}"),
    "/torn": (200, "application/json", b"{"),
    "/large": (200, "application/json", b" " * 1_000_001),
}


def answer(request: BaseHTTPRequestHandler, _: bytes) -> Answer:
    """What is asked for, as the kind that it is asked for."""
    status, kind, body = ANSWERS[request.path.partition("?")[0]]
    allowed = request.headers["Authorization"] in (None, "bearer s3cret")
    return status if allowed else 401, kind, body


@pytest.fixture
def url() -> Iterator[str]:
    with answering(answer) as url:
        yield url


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/e.json?token=s3cret", 1, "/e.json:2: [unknown-key] 'rolbacks'"),
        ("/bom.json", 1, "/bom.json:2: [unknown-key] 'rolbacks'"),
        ("/e.yaml", 1, "/e.yaml:4: [unknown-key] 'x'"),
        ("/plain", 1, "/plain:2: [unknown-key] 'rolbacks'"),
        ("/page", 2, "its content type is 'text/html'"),
        ("/none", 2, "the server answered with 404"),
        ("/torn", 2, "/torn: line 1: not JSON"),
        ("/large", 2, "more than 1,000,000 bytes"),
    ],
)
def test_a_url_is_taken_as_the_chaos_toolkit_takes_it(
    url: str, path: str, code: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOSTOOLKIT_LOADER_AUTH_BEARER_TOKEN", "s3cret")
    done = lint(url + path)
    assert done.exit_code == code
    assert says in done.output
    assert done.output.startswith(url)
    assert "s3cret" not in done.output


def test_a_url_that_does_not_answer_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        address = f"127.0.0.1:{server.getsockname()[1]}"
        done = lint(f"http://me:s3cret@{address}/e.json")
    assert done.exit_code == 2
    assert done.stderr == f"http://{address}/e.json: it cannot be loaded (ReadTimeout)\n"


def test_a_url_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(download, "WHOLE_SECONDS", 0)
    done = lint(f"{url}/e.json")
    assert (done.exit_code, done.stderr) == (2, f"{url}/e.json: it was not there after 0 s\n")


def test_what_is_no_url_is_a_line(tmp_path: Path) -> None:
    for name in ("http://[::1/e.json", "http://", "ftp://127.0.0.1/e.json"):
        done = lint(name)
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1


def test_both_command_lines_have_it(file: Path) -> None:
    file.write_text(TRAP)
    own = Path(chaos_command()[0]).with_name("chaosnetra")
    for command in ([own], [*chaos_command(), "--no-log-file", "netra"]):
        done = captured([*command, "lint", file])
        assert done.returncode == 1
        assert "[unknown-key]" in done.stdout
