"""Where a search leaves its journal when no folder is named."""

import re
from pathlib import Path

MOST = 1000


def new_folder(place: Path, key: str) -> Path:
    """A folder in `place` that is not there yet, called after the key.

    Raises:
        FileExistsError: there are very many already.
    """
    name = re.sub(r"[^\w.-]+", "-", key)[:60] or "key"
    for number in range(1, MOST):
        folder = place / (f"search-{name}" if number == 1 else f"search-{name}-{number}")
        if not folder.exists():
            return folder
    raise FileExistsError(f"there are {MOST:,} searches of {key} here: give --output-folder")
