"""A file is whole, or it is the one that was there before."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chaosnetra.whole_file import write_whole, written_whole
from tests.support.helpers import present

HALF = """
import sys
from pathlib import Path
from chaosnetra.whole_file import written_whole

with written_whole(Path(sys.argv[1])) as file:
    file.write("half of")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text("old")
    path.chmod(0o640)
    with written_whole(path) as file:
        file.write("nü")
        assert path.read_text() == "old"
    assert path.read_text(encoding="utf-8") == "nü"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text("old")
    with pytest.raises(TypeError), written_whole(path) as file:
        json.dump({"half": "of", "it": object()}, file)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_what_was_there_and_the_next_writes_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert present(writer.stdout).readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"
    with written_whole(path) as file:
        file.write("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_two_runs_that_write_to_one_place_do_not_meet(tmp_path: Path) -> None:
    """The later one's journal stays, and neither fails."""
    path = tmp_path / "a journal+.json"
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert present(writer.stdout).readline() == b"written\n"
        with written_whole(path) as file:
            file.write("new")
        assert path.read_text() == "new"
        writer.communicate()
    assert writer.returncode == 0
    assert path.read_text() == "half of"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "journal.json"
    path.symlink_to(tmp_path / "elsewhere" / "journal.json")
    with written_whole(path) as file:
        file.write("new")
    assert path.is_symlink()
    assert (tmp_path / "elsewhere" / "journal.json").read_text() == "new"


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()), daemon=True)
    reader.start()
    with written_whole(path) as file:
        file.write("new")
    reader.join(10)
    assert read == ["new"]
    assert path.is_fifo()


def test_a_new_file_overwrites_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    with written_whole(path, new=True) as file:
        file.write("first")
    with pytest.raises(FileExistsError), written_whole(path, new=True) as file:
        file.write("second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_nobody_elses(tmp_path: Path) -> None:
    with written_whole(tmp_path / "private", private=True):
        pass
    write_whole(tmp_path / "public", "text")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("private", "public")]
    assert modes[0] == 0o600
    assert modes[1] & 0o400
