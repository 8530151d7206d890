"""What a service is called, for people: after its program, script or module, else its folder."""

import re
from collections.abc import Sequence
from pathlib import Path

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(?:\(\))?")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
# Programs that start somebody else's: what they are called says nothing of the service.
_STARTERS = re.compile(
    r"""(?:python|pypy|ruby|perl|php)[\d.]*
    |uvicorn|gunicorn|hypercorn|daphne|granian|flask|fastapi|django-admin|uv|poetry|pipenv|hatch|pdm
    |node|npm|npx|yarn|pnpm|bun|deno|tsx|ts-node
    |java|mvnw?|gradlew?|go|cargo|dotnet|bundle|rails|puma|make
    |sh|bash|dash|zsh|env|exec|nice|time|tini|dumb-init""",
    re.VERBOSE,
)


def name_of(words: Sequence[str], folder: Path) -> str:
    """What a service is called.

    Args:
        words: of its command; of a `module:app` that alone.
        folder: where it is started.

    Returns:
        Of `python app.py` it is `app.py`, of `python -m shop` it is `shop`, of `uvicorn shop:app`
        it is `shop:app`, of `./shop serve` it is `shop`, and of `npm start` the folder's name.
    """
    program = Path(words[0]).name
    if not _STARTERS.fullmatch(program):
        return program
    for word in words[1:]:
        if _IMPORT_PATH.fullmatch(word):
            return word
        if (folder / word).is_file():
            # What runs a script, as `.venv/bin/uvicorn` after `env`, is no name either.
            if not _STARTERS.fullmatch(Path(word).name):
                return Path(word).name
        elif _is_module(word, folder):
            return word
    return folder.resolve().name or program


def _is_module(word: str, folder: Path) -> bool:
    if not _MODULE.fullmatch(word):
        return False
    place = folder / word.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()
