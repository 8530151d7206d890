"""Reads what tells how a service is started: its folder, and the program that its command names.

Bounded, whatever lies there. Values of `.env` files serve to tell the form of an address, and are
not kept.
"""

import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from chaosnetra.repository import SETTINGS_FILE

MOST_FOLDERS = 3000
MOST_FILES = 3000
MOST_OF_A_FILE = 1_000_000
MOST_OF_A_PROGRAM = 200_000_000
MOST_IN_ALL = 40_000_000
# Where a folder has programs of its own.
OWN_PROGRAMS = (".venv/bin", "venv/bin", "node_modules/.bin")
_PASSED_OVER = {
    *("node_modules", "__pycache__", "site-packages", "dist-packages", "venv", "env", "vendor"),
    *("tests", "test", "docs", "dist", "static"),
}
_SOURCES = {
    *(".py", ".js", ".mjs", ".cjs", ".ts", ".java", ".kt", ".scala", ".go", ".rb", ".rs", ".php"),
    *(".ex", ".exs", ".cs", ".sh", ".toml", ".ini", ".cfg", ".conf", ".yml", ".yaml"),
    *(".properties", ".prisma", ".class"),
}
_NAMED = {"Dockerfile", "Procfile", "Makefile", "go.mod"}
_ARCHIVES = {".jar", ".war"}
_IN_ARCHIVES = {".class", ".properties", ".yml", ".yaml"}
_SCRIPT_IMPORT = re.compile(r"^(?:from|import) ([A-Za-z_]\w*)", re.MULTILINE)
_PRINTABLE = re.compile(rb"[\x20-\x7e]{4,}")


@dataclass(frozen=True)
class Source:
    """Text in which names of variables may stand.

    Attributes:
        name: of its file, for people.
        text: of it; of a program, what can be printed of it.
        is_program: whether it is a compiled one, in which texts run into each other.
        is_environment: whether it is a `.env` file, or the like.
    """

    name: str
    text: str
    is_program: bool = False
    is_environment: bool = False


def sources_of(folder: Path, command: Sequence[str], path: str | None) -> Iterator[Source]:
    """What may tell how the service takes its database, what says it best first.

    Args:
        folder: where it is started.
        command: its words; a `module:app` is in the folder.
        path: where programs are looked for; None: `os.defpath`.
    """
    yield from _of_folder(folder)
    for word in command[1:]:
        for part in word.split(os.pathsep):  # as a class path has them
            yield from _of_word(folder / part)
    program = program_of(folder, command[0], path) if command else None
    if program is not None:
        yield from _of_program(Path(program))


def own_program(folder: Path, program: str) -> str:
    """A program of the folder's own environment for a bare name; else the name.

    A shell finds it there only where that is active, and may find another one of the same name,
    such as that of chaosnetra's own environment.
    """
    if "/" in program:
        return program
    found = (f"{place}/{program}" for place in OWN_PROGRAMS)
    return next((one for one in found if os.access(folder / one, os.X_OK)), program)


def program_of(folder: Path, program: str, path: str | None) -> str | None:
    """Where a program is that is started in a folder; None: there is none."""
    return shutil.which(folder / program if "/" in program else program, path=path)


def interpreter_of(folder: Path, program: str, path: str | None) -> str | None:
    """The interpreter that a script names in its first line; None: it is none, or there is none."""
    found = program_of(folder, program, path)
    if found is None:
        return None
    try:
        with Path(found).open("rb") as file:
            first = file.readline(400)
    except OSError:
        return None
    match = re.match(rb"#!\s*(\S+)", first)
    return os.fsdecode(match[1]) if match else None


def _of_folder(folder: Path) -> Iterator[Source]:
    left = MOST_IN_ALL
    for file in _files(folder):
        is_environment = file.name.startswith(".env") or file.suffix == ".env"
        data = _read(file, MOST_OF_A_FILE)
        left -= len(data)
        if left < 0:
            return
        text = _texts(data) if file.suffix == ".class" else data.decode(errors="replace")
        yield Source(str(file.relative_to(folder)), text, is_environment=is_environment)


def _files(folder: Path) -> list[Path]:
    """Files of a folder that may tell, those with an environment first, then the shallow ones."""
    found: list[Path] = []
    for place, folders, names in islice(os.walk(folder), MOST_FOLDERS):
        folders[:] = sorted(
            one for one in folders if one not in _PASSED_OVER and not one.startswith(".")
        )
        for name in sorted(names):
            if name == SETTINGS_FILE:
                continue  # ours: what was found earlier
            file = Path(place, name)
            if name.startswith(".env") or file.suffix in (*_SOURCES, ".env") or name in _NAMED:
                found.append(file)
        if len(found) > MOST_FILES:
            break
    found = [file for file in found[:MOST_FILES] if file.is_file()]
    return sorted(found, key=lambda file: (".env" not in file.name, len(file.parts)))


def _of_word(file: Path) -> Iterator[Source]:
    """A file, archive or folder of classes that a command names."""
    try:
        if file.suffix in _ARCHIVES and file.is_file():
            yield from _of_archive(file)
        elif file.is_dir():
            yield from (one for one in _of_folder(file) if one.name.endswith(".class"))
    except (OSError, ValueError):
        return


def _of_archive(file: Path) -> Iterator[Source]:
    left = MOST_IN_ALL
    try:
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist()[:MOST_FILES]:
                suffix = Path(entry.filename).suffix
                left -= entry.file_size if suffix in _IN_ARCHIVES else 0
                if suffix in _IN_ARCHIVES and entry.file_size <= MOST_OF_A_FILE and left > 0:
                    yield Source(f"{file.name}:{entry.filename}", _texts(archive.read(entry)))
            names = "\n".join(entry.filename for entry in archive.infolist())
            yield Source(file.name, names)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return


def _of_program(file: Path) -> Iterator[Source]:
    """A program: what can be printed of it; of a Python script, of the package that it imports."""
    data = _read(file, MOST_OF_A_PROGRAM)
    if not data.startswith(b"#!"):
        yield Source(file.name, _texts(data), is_program=True)
        return
    text = data[:MOST_OF_A_FILE].decode(errors="replace")
    yield Source(file.name, text)
    for module in _SCRIPT_IMPORT.findall(text):
        for package in file.parent.parent.glob(f"lib/python3*/site-packages/{module}"):
            if package.is_dir():
                yield from _of_folder(package)


def _read(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            return b""
        return file.read_bytes()
    except OSError:
        return b""


def _texts(data: bytes) -> str:
    return b"\n".join(_PRINTABLE.findall(data)).decode()
