"""Which commit was checked out where a run was started: read from git's own files."""

import re
from pathlib import Path

MOST_BYTES = 2**22  # of packed-refs, in a repository with very many
LONGEST_CHAIN = 5
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = "refs/heads/"


def checked_out(folder: Path | None) -> dict[str, str | None] | None:
    """The commit and the branch of the repository that a folder is in.

    Args:
        folder: an existing one; None: the current one.

    Returns:
        `commit` in full, and `branch` or None; None where there is no repository, it has no
        commit yet, or it keeps its branches in a way that is not known here. What was changed
        since the commit is not looked for: that takes git.
    """
    try:
        git = _git_folder((folder or Path.cwd()).resolve())
        return None if git is None else _head(git)
    except (OSError, ValueError):
        return None


def _git_folder(folder: Path) -> Path | None:
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # of a worktree or a submodule
            named = _text(git).removeprefix("gitdir:").strip()
            return place / named
    return None


def _head(git: Path) -> dict[str, str | None] | None:
    common = git / "commondir"
    shared = git / _text(common) if common.is_file() else git
    branch, found = None, _text(git / "HEAD")
    for _ in range(LONGEST_CHAIN):
        if not found.startswith("ref:"):
            break
        name = found.removeprefix("ref:").strip()
        branch = name.removeprefix(_BRANCH) if name.startswith(_BRANCH) else branch
        found = _ref(git, shared, name)
    if _COMMIT.fullmatch(found) is None:
        return None
    return {"commit": found, "branch": branch}


def _ref(git: Path, shared: Path, name: str) -> str:
    """What a name stands for; empty: nothing."""
    if ".." in Path(name).parts or Path(name).is_absolute():
        return ""
    for place in (git, shared):
        if (place / name).is_file():
            return _text(place / name)
    packed = shared / "packed-refs"
    for line in _text(packed).splitlines() if packed.is_file() else ():
        commit, _, named = line.partition(" ")
        if named == name:
            return commit
    return ""


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES).decode("utf-8", "replace").strip()
