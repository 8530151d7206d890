"""The logs of a rehearsal: masked, bounded, and of the newest executions."""

import stat
from pathlib import Path

from chaosnetra.cloudrun.emulator.logs import (
    FIRST_BYTES,
    KEPT_EXECUTIONS,
    LAST_BYTES,
    LONGEST_LINE_BYTES,
    LogFolder,
    TaskLog,
)

SECRET = "s3cret-of-the-database"
ENVIRONMENT = {"DATABASE_URL": f"postgresql://netra:{SECRET}@127.0.0.1:5432/netra"}


def written(path: Path, *chunks: bytes) -> str:
    log = TaskLog(path, ENVIRONMENT)
    for chunk in chunks:
        log.write(chunk)
    log.close()
    return path.read_text(encoding="utf-8")


def test_a_secret_is_masked_also_where_it_comes_in_pieces(tmp_path: Path) -> None:
    raw = f"cannot log in with {SECRET}\nends without a line end, {SECRET}".encode()
    pieces = [raw[at : at + 7] for at in range(0, len(raw), 7)]
    text = written(tmp_path / "task0.log", *pieces)
    assert text == "cannot log in with ***\nends without a line end, ***\n"
    assert stat.S_IMODE((tmp_path / "task0.log").stat().st_mode) == 0o600


def test_what_was_printed_is_there_while_the_task_runs(tmp_path: Path) -> None:
    log = TaskLog(tmp_path / "task0.log", ENVIRONMENT)
    log.write(b"one\ntw")
    assert (tmp_path / "task0.log").read_text() == "one\n"
    log.close()


def test_another_attempt_goes_on_in_the_file(tmp_path: Path) -> None:
    written(tmp_path / "task0.log", b"first\n")
    assert written(tmp_path / "task0.log", b"second\n") == "first\nsecond\n"


def test_beginning_and_end_of_a_long_output_are_kept(tmp_path: Path) -> None:
    lines = [b"line %07d\n" % number for number in range(20_000)]
    text = written(tmp_path / "task0.log", b"".join(lines))
    assert text.startswith("line 0000000\n")
    assert text.endswith("line 0019999\n")
    (told,) = [line for line in text.splitlines() if line.startswith("…")]
    left_out = int(told.split()[1])
    assert left_out == sum(map(len, lines)) - (len(text.encode()) - len(f"{told}\n".encode()))
    assert len(text.encode()) <= FIRST_BYTES + LAST_BYTES + 100


def test_a_line_without_an_end_is_cut_and_takes_no_memory(tmp_path: Path) -> None:
    log = TaskLog(tmp_path / "task0.log", ENVIRONMENT)
    for _ in range(100):
        log.write(b"x" * 10_000)
        assert len(log._line) <= 2 * LONGEST_LINE_BYTES
    log.write(SECRET.encode() + b"\nnext\n")
    log.close()
    long, after = (tmp_path / "task0.log").read_text(encoding="utf-8").splitlines()
    assert (len(long), after) == (LONGEST_LINE_BYTES + len(" … cut"), "next")


def test_a_file_that_cannot_be_written_is_given_up(tmp_path: Path) -> None:
    log = TaskLog(tmp_path / "gone" / "task0.log", ENVIRONMENT)
    log.write(b"one\n")
    log.close()
    assert not (tmp_path / "gone").exists()


def test_the_newest_executions_are_kept_and_those_of_another_endpoint_are_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "logs" / "startups-of-yesterday").mkdir(parents=True)
    logs = LogFolder(tmp_path / "logs")
    names = [f"projects/p/executions/startups-{number}" for number in range(KEPT_EXECUTIONS + 3)]
    folders = [logs.of_execution(name) for name in names]
    assert sorted((tmp_path / "logs").iterdir()) == sorted(folders[3:])
