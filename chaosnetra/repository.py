"""The repository that an experiment is in: its folders, and the commit that is checked out."""

import re
from collections.abc import Iterator
from pathlib import Path

SETTINGS_FILE = "chaosnetra.toml"
MOST_BYTES = 2**22  # of packed-refs, in a repository with very many
LONGEST_CHAIN = 5
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = "refs/heads/"


def repository_of(folder: Path) -> Path | None:
    """The root of the repository that a folder is in."""
    folder = folder.resolve()
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)


def find_settings_file(folder: Path) -> Path | None:
    """The nearest `chaosnetra.toml` from a folder upwards to the root of its repository.

    Outside of a repository only the folder itself counts: what lies above may be somebody else's,
    and a target is a command.
    """
    found = (place / SETTINGS_FILE for place in _upwards(folder.resolve()))
    return next((path for path in found if path.is_file()), None)


def folder_of(experiment: str | None) -> Path:
    """Where the settings of an experiment are looked for first: its own folder.

    Of one that comes with the package, or from a URL, it is the current one.

    Args:
        experiment: its path; None: it has none.
    """
    here = Path.cwd()
    if experiment is None:
        return here
    folder = (here / experiment).parent
    package = Path(__file__).parent
    return here if package in (*folder.parents, *folder.resolve().parents) else folder


def _upwards(folder: Path) -> Iterator[Path]:
    root = repository_of(folder)
    yield folder
    if root is not None and folder != root:
        for place in folder.parents:
            yield place
            if place == root:
                return


def checked_out(folder: Path | None) -> dict[str, str | None] | None:
    """The commit and the branch of the repository that a folder is in, from git's own files.

    Args:
        folder: an existing one; None: the current one.

    Returns:
        `commit` in full, and `branch` or None; None where there is no repository, it has no
        commit yet, or it keeps its branches in a way that is not known here. What was changed
        since the commit is not looked for: that takes git.
    """
    try:
        git = _git_folder(folder or Path.cwd())
        return None if git is None else _head(git)
    except (OSError, ValueError):
        return None


def _git_folder(folder: Path) -> Path | None:
    root = repository_of(folder)
    if root is None:
        return None
    git = root / ".git"
    if git.is_file():  # of a worktree or a submodule
        return root / _text(git).removeprefix("gitdir:").strip()
    return git


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
