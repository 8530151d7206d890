"""Experiment files: which files are experiments, what they say of themselves, what runs leave."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

from chaosnetra.documents.document import read_document
from chaosnetra.errors import InvalidInput, Unreadable
from chaosnetra.runner.unparsed import HYPOTHESIS, may_be_an_experiment

SUFFIXES = (".json", ".yaml", ".yml")
MOST_FILES = 10_000


@dataclass(frozen=True)
class Experiment:
    """An experiment's file.

    Attributes:
        path: where it is.
        title: as it calls itself; empty when it does not.
        tags: its tags, those that are texts.
        broken: why it cannot be parsed, and so not be run; None when it can.
        declared: the keys of its configuration.
    """

    path: Path
    title: str
    tags: tuple[str, ...]
    broken: str | None = None
    declared: tuple[str, ...] = ()

    @property
    def markers(self) -> tuple[str, ...]:
        """Its tags as words that Python could use as names: `cloud-sql` is `cloud_sql`."""
        words = (re.sub(r"\W+", "_", tag.strip().lower()).strip("_") for tag in self.tags)
        return tuple(dict.fromkeys(word for word in words if word))


@dataclass(frozen=True)
class RunFiles:
    """What a run leaves in its folder."""

    folder: Path
    JOURNAL: ClassVar[str] = "journal.json"

    @property
    def journal(self) -> Path:
        return self.folder / self.JOURNAL

    @property
    def events(self) -> Path:
        return self.folder / "journal.events.jsonl"

    @property
    def output(self) -> Path:
        """What it said."""
        return self.folder / "output.log"

    @property
    def log(self) -> Path:
        """The core's own log."""
        return self.folder / "chaostoolkit.log"

    def remove(self) -> None:
        """Remove what an earlier run left: it must never be taken for this one's."""
        for path in (self.journal, self.events, self.output, self.log):
            path.unlink(missing_ok=True)


def read_experiment(path: Path) -> Experiment | None:
    """Read a file; None when it is something else than an experiment.

    Journals, profiles, game days and all other JSON or YAML are something else. One that cannot
    be parsed, and may be an experiment by how it begins, is broken: it is passed over only when
    its first keys are those of something else.
    """
    if path.suffix not in SUFFIXES:
        return None
    try:
        data = read_document(path).data
    except Unreadable as error:
        return _broken(path, error) if may_be_an_experiment(path) else None
    if not isinstance(data, dict) or isinstance(data.get("experiment"), dict):
        return None
    if "method" not in data and HYPOTHESIS not in data:
        return None
    title, tags, declared = data.get("title"), data.get("tags"), data.get("configuration")
    return Experiment(
        path,
        title if isinstance(title, str) else "",
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        declared=tuple(map(str, declared)) if isinstance(declared, dict) else (),
    )


def find_experiments(places: Iterable[Path]) -> list[Experiment]:
    """The experiments that are meant by files and folders, each once.

    Args:
        places: files, each of which must be an experiment or is broken, and folders, whose
            experiments are taken, also those in folders in them.

    Raises:
        InvalidInput: a file is whole and no experiment, a folder holds none, or over 10,000 files.
        Unreadable: there is no such file, or the Chaos Toolkit reads none of its kind.
    """
    found: dict[Path, Experiment] = {}
    for place in places:
        for experiment in _in_folder(place) if place.is_dir() else [_named(place)]:
            found.setdefault(experiment.path.resolve(), experiment)
    return list(found.values())


def _named(path: Path) -> Experiment:
    if not path.is_file():
        raise Unreadable(f"{path}: there is no such file")
    experiment = read_experiment(path)
    if experiment is not None:
        return experiment
    try:
        read_document(path)
    except Unreadable as error:
        if path.suffix not in SUFFIXES:
            raise
        return _broken(path, error)  # whoever names it says that it is an experiment
    raise InvalidInput(f"{path} is no experiment: it has neither method nor {HYPOTHESIS}")


def _in_folder(folder: Path) -> Iterator[Experiment]:
    files = (path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    paths = sorted(islice(files, MOST_FILES + 1))
    if len(paths) > MOST_FILES:
        raise InvalidInput(f"{folder} holds more than {MOST_FILES:,} JSON and YAML files")
    experiments = [found for path in paths if (found := read_experiment(path)) is not None]
    if not experiments:
        raise InvalidInput(f"{folder} holds no experiment")
    yield from experiments


def _broken(path: Path, why: Unreadable) -> Experiment:
    return Experiment(path, "", (), str(why))
