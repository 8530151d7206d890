"""Journals from disk: any Chaos Toolkit journal, made safe to walk through."""

import codecs
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chaosnetra.documents.encodings import possible, tell
from chaosnetra.errors import NotAJournal, Unreadable
from chaosnetra.evidence.journal.json_stream import BreaksOff, NoJson, read_json
from chaosnetra.evidence.journal.packed import packed_phases, packed_steps
from chaosnetra.evidence.journal.samples import STARTUP_KEYS
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.journal.steps import step_of
from chaosnetra.evidence.journal.values import int_or_none, object_or_empty, text_or_none

MOST_BYTES = 2**30
BLOCK_BYTES = 2**16
MOST_FILES = 10_000
_BROKEN_OFF = "it breaks off: the run could not write all of it"


@dataclass(frozen=True)
class Journal:
    """A journal that was read.

    Attributes:
        path: where it was read from.
        data: the journal; see `normalized`.
        version: of our section, None when it has none.
    """

    path: Path
    data: Mapping[str, Any]
    version: int | None

    @property
    def title(self) -> str:
        """Title of the experiment; empty when it has none."""
        return text_or_none(self.data["experiment"].get("title")) or ""

    @property
    def section(self) -> Mapping[str, Any]:
        """Our section; empty for a journal of somebody else's experiment."""
        section: Mapping[str, Any] = self.data["chaosnetra"]
        return section

    @property
    def profile(self) -> str | None:
        """Name of the profile it ran with, if it says."""
        return text_or_none(object_or_empty(self.section.get("profile")).get("name"))


def read_journal(path: Path) -> Journal:
    """Read a journal.

    Args:
        path: a file of at most 1 GiB.

    Raises:
        Unreadable: there is no such file, it breaks off, or it is no JSON.
        NotAJournal: it is JSON, and something else.
    """
    data = _parsed(path)
    if not isinstance(data, dict):
        raise NotAJournal(f"{path}: it is JSON, and no journal of the Chaos Toolkit")
    if not isinstance(data.get("experiment"), dict):
        is_experiment = "method" in data or "steady-state-hypothesis" in data
        what = "an experiment" if is_experiment else "no journal of the Chaos Toolkit"
        raise NotAJournal(f"{path}: it is {what}; give the journal.json that `chaos run` wrote")
    version = object_or_empty(data.get("chaosnetra")).get("version")
    return Journal(path, normalized(data), int_or_none(version))


def read_journals(path: Path) -> Iterator[Journal]:
    """Read a journal, or every journal in a folder and the folders in it, one after the other.

    Args:
        path: a journal, or a folder with at most 10,000 .json files. Files in it that are JSON
            and no journals are passed over.

    Raises:
        Unreadable: a journal cannot be read, or the folder holds none.
    """
    if not path.is_dir():
        yield read_journal(path)
        return
    files = sorted(islice(path.rglob("*.json"), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise Unreadable(f"{path}: it holds more than {MOST_FILES:,} .json files")
    found = False
    for file in files:
        try:
            journal = read_journal(file)
        except NotAJournal:
            continue
        found = True
        yield journal
    if not found:
        raise Unreadable(f"{path}: there is no journal in it")


def _parsed(path: Path) -> Any:
    """The journal, whatever it is encoded in; one that is no UTF-8 is begun again."""
    *tried, last = possible(next(_blocks(path), b"")[:4])
    for encoding in tried:
        with suppress(UnicodeDecodeError):
            return _parsed_as(path, encoding)
    try:
        return _parsed_as(path, last)
    except UnicodeDecodeError as error:
        what = _BROKEN_OFF if error.reason == "truncated data" else f"it is no text in {last}"
        raise Unreadable(f"{path}: {what}") from None


def _parsed_as(path: Path, encoding: str) -> Any:
    enabled = gc.isenabled()
    gc.disable()  # nothing of a journal is garbage yet, and looking for some takes a third longer
    try:
        data = read_json(_text_of(path, encoding), _lean)
    except BreaksOff:
        raise Unreadable(f"{path}: {_BROKEN_OFF}") from None
    except NoJson:
        raise Unreadable(f"{path}: it is no JSON") from None
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path}: it is no JSON that can be read: {error}") from None
    finally:
        if enabled:
            gc.enable()
    tell(path, encoding)
    return data


def _text_of(path: Path, encoding: str) -> Iterator[str]:
    """The file's text, block by block.

    Raises:
        UnicodeDecodeError: it is not of that encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    for block in _blocks(path):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        if path.is_dir():
            raise Unreadable(f"{path}: it is a folder; give a journal.json in it")
        if not path.is_file():
            why = "it is no plain file" if path.exists() else "there is no such file"
            raise Unreadable(f"{path}: {why}")
        with path.open("rb") as file:
            size = 0
            while block := file.read(BLOCK_BYTES):
                size += len(block)
                if size > MOST_BYTES:
                    raise Unreadable(f"{path}: it has more than {MOST_BYTES // 2**20} MiB")
                yield block
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path}: {error}") from None


def _lean(data: dict[str, Any]) -> Any:
    """Keep one copy of what a journal repeats, since there may be very many startups in it."""
    if "answered" in data and "statements" in data:
        return step_of(data) or data
    if "phase_seconds" in data and "boot_seconds" in data:
        for key in ("status", "phase", "ended_by"):
            if type(data.get(key)) is str:
                data[key] = sys.intern(data[key])
        if data.get("ended_by") != "itself":  # what a launcher made of it says nothing
            data.pop("exit_code", None)
        kept = {key: data[key] for key in STARTUP_KEYS if key in data}
        kept["phase_seconds"] = packed_phases(kept["phase_seconds"])
        if "steps" in kept:
            kept["steps"] = packed_steps(kept["steps"])
        return kept
    if type(data.get("value")) is dict and "held" in data["value"]:
        # The core leaves each probe's whole result in the arguments of its tolerance.
        del data["value"]
    return data
