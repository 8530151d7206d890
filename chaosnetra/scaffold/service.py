"""The service that a repository is set up for: what is written of it, for any machine."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosnetra.documents.document import read_document
from chaosnetra.errors import InvalidInput
from chaosnetra.redaction import holds_secret
from chaosnetra.settings import SETTINGS
from chaosnetra.trying.conduct import EXPERIMENT, FOLDER
from chaosnetra.trying.experiment import Tried

_IMPORT_PATH = re.compile(r"[\w.]+:[\w.]+")


@dataclass(frozen=True)
class Service:
    """A service as a repository describes it.

    Attributes:
        tried: what its experiments are made of; paths are relative to the folder.
        left_out: lines on what cannot be in a file that others use too, and what to do instead.
    """

    tried: Tried
    left_out: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return str(self.tried.configuration["target"])

    @property
    def python(self) -> str | None:
        """Interpreter of a `module:app`, where it is one of the folder's own."""
        found = self.tried.configuration.get("target_python")
        return str(found) if found else None

    @property
    def is_import_path(self) -> bool:
        return _IMPORT_PATH.fullmatch(self.target) is not None

    @property
    def programs(self) -> tuple[str, ...]:
        """The words that are started."""
        return () if self.is_import_path else tuple(shlex.split(self.target))


def service_of(tried: Tried, folder: Path, exported: Sequence[str] = ()) -> Service:
    """A service that was tried here, described for any machine.

    Args:
        tried: with the paths of this machine.
        folder: that is to hold `chaosnetra.toml`; paths in it become relative.
        exported: variables that it was given beside, and that are in no file.
    """
    left_out = [f"{name}: export it where you run the service" for name in exported]
    given: dict[str, Any] = {}
    for key, value in tried.configuration.items():
        if not value:
            continue  # it says nothing
        if key == "target_environment":
            given[key] = _without_secrets(value, left_out)
        elif key in ("target", "prepare_command"):
            given[key] = _relative_words(str(value), folder)
        elif isinstance(value, str) and SETTINGS[key].names_file(value):
            inside = _relative(str(Path(value).absolute()), folder)
            if inside.startswith("/"):
                variable = SETTINGS[key].variable
                left_out.append(f"{key} {inside} is not in this folder: export {variable}")
            elif key != "target_directory" or inside != ".":
                given[key] = inside
        else:
            given[key] = value
    return Service(Tried(tried.name, given, tried.latency_ms, tried.count), tuple(left_out))


def read_tried(folder: Path) -> Tried:
    """What a try found, from the experiment that it left.

    Raises:
        Unreadable: there is none.
        InvalidInput: it is not of a try.
    """
    path = folder / EXPERIMENT
    data = read_document(path).data
    configuration = data.get("configuration") if isinstance(data, dict) else None
    if not isinstance(configuration, dict) or not isinstance(configuration.get("target"), str):
        raise InvalidInput(f"{path} is not of a try: its configuration has no target")
    latency_ms, count = configuration.get("latency_ms"), configuration.get("count")
    if not isinstance(latency_ms, int) or not isinstance(count, int):
        raise InvalidInput(f"{path} is not of a try: it has no latency_ms and count")
    settings = {key: value for key, value in configuration.items() if key in SETTINGS}
    name = str(data.get("title", "")).partition(" starts ")[0] or configuration["target"]
    return Tried(name, settings, latency_ms, count)


def last_try(here: Path) -> Path:
    """The newest folder of a try in a folder.

    Raises:
        InvalidInput: there is none.
    """
    found = [path.parent for path in here.glob(f"{FOLDER}*/{EXPERIMENT}")]
    if not found:
        raise InvalidInput(
            f"there is no folder {FOLDER} here: name the service's command after --, or the "
            "folder of a try"
        )
    return max(found, key=lambda one: (one / EXPERIMENT).stat().st_mtime_ns)


def _without_secrets(value: Mapping[str, str], left_out: list[str]) -> dict[str, str]:
    kept = {name: text for name, text in value.items() if not holds_secret(name, text)}
    secret = [name for name in value if name not in kept]
    if secret:
        left_out.append(f"{', '.join(secret)} may be secret: export it where you run the service")
    return kept


def _relative(path: str, folder: Path) -> str:
    """A path within a folder, relative to it; another one as it is.

    Links stay: that of a virtual environment is what makes its interpreter one.
    """
    root = str(folder.resolve())
    if path != root and not path.startswith(f"{root}/"):
        return path
    return os.path.relpath(path, root)


def _relative_words(command: str, folder: Path) -> str:
    if _IMPORT_PATH.fullmatch(command):
        return command
    words = shlex.split(command)
    made = [_relative(word, folder) for word in words]
    if made and made[0] != words[0] and "/" not in made[0]:
        made[0] = f"./{made[0]}"  # else it would be looked for on the PATH
    return command if made == words else shlex.join(made)


def as_toml(value: Any) -> str:
    """A text, number, truth or flat table as TOML."""
    if isinstance(value, Mapping):
        pairs = (f"{as_toml(name)} = {as_toml(text)}" for name, text in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A string of JSON is one of TOML, which wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
