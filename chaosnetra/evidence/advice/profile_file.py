"""Writes a derived profile to a file: whole, readable as a profile, and over nothing else."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.advice.derived_profile import derived_profile
from chaosnetra.evidence.advice.recommending import Advising
from chaosnetra.evidence.journal.jsonsafe import strict
from chaosnetra.profiles import load_profile
from chaosnetra.whole_file import partial_path, written_whole

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def profile_path(name: str, directory: Path) -> Path:
    """Where a profile of that name will be.

    Raises:
        InvalidInput: the name is none, the folder is none, or there is a file already.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"a profile's name has letters, digits, ., _ and -, at most 100, got {name[:120]!r}",
            "--write-profile",
        )
    path = directory / f"{name.removesuffix('.json')}.json"
    try:
        if not directory.is_dir():
            raise InvalidInput(f"{directory} is no folder", "--directory")
        if os.path.lexists(path):
            raise InvalidInput(
                f"{path} is there already and was left alone", "--write-profile to another name"
            )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: {error}", "--directory") from None
    return path


def write_profile(advising: Advising, path: Path) -> None:
    """Write the derived profile, once it has been read back as a profile.

    Args:
        advising: of runs with one profile.
        path: from `profile_path`; the profile's name is its stem.

    Raises:
        InvalidInput: there is nothing to write, what the journals hold makes no profile, or the
            file cannot be written. Nothing is left then.
    """
    profile = derived_profile(advising, path.stem, datetime.now(UTC).date().isoformat())
    if not advising.recommendations:
        raise InvalidInput(f"no profile was written: {advising.why_nothing}")
    if not any(advice.changes for one in advising.profiles for advice in one.advice):
        raise InvalidInput(
            "no profile was written: what is recommended changes none of a profile's figures"
        )
    try:
        with written_whole(path, new=True) as file:
            file.write(f"{json.dumps(strict(profile), indent=2)}\n")
            file.flush()
            _check(partial_path(path), path.stem)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already and was left alone") from None
    except OSError as error:
        raise InvalidInput(f"the profile cannot be written: {error}", "--directory") from None


def _check(written: Path, name: str) -> None:
    try:
        load_profile(str(written.absolute()))
    except InvalidInput as error:
        text = str(error).replace(str(written.resolve()), name)
        raise InvalidInput(f"what the journals hold makes no profile: {text}") from None
