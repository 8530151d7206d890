"""The commit that a run was started at, as git's own files have it."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chaosnetra.repository import checked_out
from tests.support.helpers import lacking
from tests.support.programs import captured

IDENTITY = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    if shutil.which("git") is None:
        lacking("no git here")
    done = captured(["git", *IDENTITY, *words], cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_the_commit_and_the_branch_are_those_that_git_tells(repository: Path) -> None:
    (repository / "a" / "b").mkdir(parents=True)
    commit = git(repository, "rev-parse", "HEAD")
    assert checked_out(repository / "a" / "b") == {"commit": commit, "branch": "main"}


def test_so_they_are_when_git_has_packed_its_branches(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git" / "refs" / "heads" / "main").exists()
    assert checked_out(repository) == {"commit": commit, "branch": "main"}


def test_a_commit_without_a_branch_has_none(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    assert checked_out(repository) == {"commit": commit, "branch": None}


def test_a_worktree_has_a_commit_of_its_own(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", "-b", "feature/x", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "two")
    commit = git(other, "rev-parse", "HEAD")
    assert commit != git(repository, "rev-parse", "HEAD")
    assert checked_out(other) == {"commit": commit, "branch": "feature/x"}


@pytest.mark.parametrize(
    "head",
    ["", "ref: refs/heads/none", "ref: ../../secret", "ref: /etc/hostname", "\0", "ref: HEAD"],
)
def test_what_tells_no_commit_is_none(tmp_path: Path, head: str) -> None:
    (tmp_path / "secret").write_text("a" * 40)
    (tmp_path / "r" / ".git").mkdir(parents=True)
    (tmp_path / "r" / ".git" / "HEAD").write_text(head)
    assert checked_out(tmp_path / "r") is None


def test_a_folder_that_is_in_no_repository_or_gone_has_none(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/tmp") as place:
        assert checked_out(Path(place)) is None
    assert checked_out(tmp_path / "gone" / "\0") is None
