"""The files that a repository gets for a service. Pure, but for a look at its folder."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from chaosnetra import DISTRIBUTION
from chaosnetra.documents.json_layout import laid_out
from chaosnetra.errors import InvalidInput
from chaosnetra.repository import SETTINGS_FILE, repository_of
from chaosnetra.scaffold.building import build_commands, machine_for
from chaosnetra.scaffold.pipeline import github_workflow, gitlab_job
from chaosnetra.scaffold.service import Service, as_toml
from chaosnetra.scaffold.writing import Wanted
from chaosnetra.text import one_line
from chaosnetra.trying.conduct import FOLDER
from chaosnetra.trying.experiment import experiment_of, latency_experiment_of
from chaosnetra.trying.variables import USUAL

STAGES, LATENCY = "startup.json", "startup_latency.json"
GITHUB = PurePosixPath(".github/workflows/startup.yml")
GITLAB_MAIN = PurePosixPath(".gitlab-ci.yml")
GITLAB = PurePosixPath(".gitlab/startup.yml")
IGNORED = (
    "journal.json",
    "*.events.jsonl",
    "chaostoolkit.log",
    f"{FOLDER}*/",
    "/evidence/",
    "/baseline/",
)
WRITTEN_BY = "chaosnetra init"
_FOLDER = re.compile(r"[\w ./@+-]+")
_WORD = re.compile(r"[\w./-]+")
_ORDER = ("target", "target_python", "readiness", "prepare_command", "startup_timeout_seconds")


@dataclass(frozen=True)
class Place:
    """Where the files go.

    Attributes:
        folder: of the service; `chaosnetra.toml` lies in it.
        experiments: their folder, within it.
    """

    folder: Path
    experiments: str

    @property
    def root(self) -> Path:
        """Of the repository; without one it is the folder itself."""
        return repository_of(self.folder) or self.folder.resolve()

    @property
    def within(self) -> PurePosixPath:
        """The folder within the repository."""
        return PurePosixPath(self.folder.resolve().relative_to(self.root).as_posix())

    def shown(self, path: PurePosixPath) -> Path:
        """A path of the repository, as short as it can be from here."""
        return Path(os.path.relpath(self.root / path))


def wanted_files(service: Service, place: Place, *, github: bool, gitlab: bool) -> Iterator[Wanted]:
    """What a repository is to have.

    Args:
        service: that is started.
        place: where.
        github: whether it gets a workflow of GitHub's.
        gitlab: whether it gets a job of GitLab's.

    Raises:
        InvalidInput: the folder's name cannot stand in a pipeline's file.
    """
    yield Wanted(place.folder / SETTINGS_FILE, settings_text(service))
    # What is the same for both experiments stands in the file.
    tried = replace(service.tried, configuration={})
    for name, data in (
        (STAGES, experiment_of(tried, WRITTEN_BY)),
        (LATENCY, latency_experiment_of(tried, WRITTEN_BY)),
    ):
        yield Wanted(place.folder / place.experiments / name, f"{laid_out(data)}\n")
    if (github or gitlab) and not _FOLDER.fullmatch(str(place.within)):
        raise InvalidInput(
            f"the folder {str(place.within)!r:.200} cannot be named in a pipeline: give --no-ci"
        )
    build = build_commands(service, place.folder)
    name, root = service.tried.name, place.root
    if github:
        text = github_workflow(
            name, place.experiments, build, folder=place.within, branch=main_branch(root)
        )
        yield Wanted(place.shown(GITHUB), text)
    if gitlab:
        machine = machine_for(service, place.folder)
        text = gitlab_job(
            name, place.experiments, build, machine, folder=place.within, file=f"/{GITLAB}"
        )
        yield Wanted(place.shown(GITLAB), text)
        if not (root / GITLAB_MAIN).exists():
            yield Wanted(place.shown(GITLAB_MAIN), f"include:\n  - local: /{GITLAB}\n")


def settings_text(service: Service) -> str:
    """`chaosnetra.toml`."""
    given: Mapping[str, Any] = service.tried.configuration
    lines = [
        f"# How {one_line(service.tried.name)} is started, for all experiments below this folder.",
        "# Written by `chaosnetra init`; `chaosnetra settings --explain` tells what there is.",
        f"target_directory = {as_toml(given.get('target_directory', '.'))}",
    ]
    named = [key for key in _ORDER if key in given]
    apart = (*_ORDER, "target_directory", "target_environment")
    others = [key for key in given if key not in apart]
    lines += [f"{key} = {as_toml(given[key])}" for key in (*named, *others)]
    environment = given.get("target_environment", {})
    if environment:
        usual = [name for name in environment if name in USUAL]
        own = [name for name in environment if name not in USUAL]
        lines += ["", "# What the service takes its database from, and what else it needs."]
        lines += ["[target_environment]"]
        lines += [f"{_key(name)} = {as_toml(environment[name])}" for name in own]
        if own and usual:
            lines += [
                "# The usual names for the same database, which drivers and tools for migrations",
                "# read unasked. Remove those that yours do without.",
            ]
        lines += [f"{_key(name)} = {as_toml(environment[name])}" for name in usual]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else as_toml(name)


def main_branch(root: Path) -> str:
    """The main branch of a repository, as far as its files tell; else `main`."""
    for file, before in (
        ("refs/remotes/origin/HEAD", "ref: refs/remotes/origin/"),
        ("HEAD", "ref: refs/heads/"),
    ):
        try:
            text = (root / ".git" / file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeError):
            continue
        if text.startswith(before):
            return text.removeprefix(before)
    return "main"


def check_experiments(folder: Path, experiments: str) -> str:
    """The folder of the experiments, within the service's.

    Raises:
        InvalidInput: it is not within that, or holds a space.
    """
    path = PurePosixPath(experiments)
    if path.is_absolute() or ".." in path.parts or not path.parts or not _WORD.fullmatch(str(path)):
        raise InvalidInput(
            f"--experiments must be a folder within {folder}, of letters, digits and ._-/, got "
            f"{experiments!r:.100}"
        )
    return str(path)


def next_steps(place: Place) -> Iterator[str]:
    """What to do with the files."""
    experiments = place.folder / place.experiments
    yield "next"
    main = place.root / GITLAB_MAIN
    says = main.read_text(encoding="utf-8", errors="replace") if main.is_file() else ""
    if (place.root / GITLAB).exists() and str(GITLAB) not in says:
        yield f"  add to {place.shown(GITLAB_MAIN)}:  include: [{{ local: /{GITLAB} }}]"
    for file in (GITHUB, GITLAB):
        if (place.root / file).exists():
            yield (
                f"  where no package index has {DISTRIBUTION}: set PACKAGE in {place.shown(file)} "
                "to a git URL or a wheel"
            )
    yield f"  chaos run {experiments / STAGES}"
    yield f"  chaosnetra search {experiments / LATENCY} --vary latency_ms --from 10 --to 10000"
    yield f"  chaosnetra settings {experiments / STAGES}"
    yield "  git add, commit and push: the pipeline compares each run with the main branch"
