"""The folders around an experiment: its own, and those above it in its repository."""

from collections.abc import Iterator
from pathlib import Path

SETTINGS_FILE = "chaosnetra.toml"


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
