"""A configuration file that is rendered for each start of a target."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaosnetra.errors import InvalidInput
from chaosnetra.templates import fill_file, placeholders_in_file

MOST_BYTES = 1_000_000
_SUFFIXES = {".template", ".tmpl", ".tpl", ".in"}


@dataclass(frozen=True)
class ConfigTemplate:
    """What a file is rendered from.

    Attributes:
        name: of the file that is made.
        text: with placeholders.
    """

    name: str
    text: str

    @classmethod
    def read(cls, path: Path, known: Iterable[str]) -> "ConfigTemplate":
        """Read it, and check its placeholders.

        Args:
            path: of the template; what is made has its name, without `.template` and the like.
            known: placeholders that are filled.

        Raises:
            InvalidInput: it cannot be read, or has a placeholder that nothing fills.
        """
        try:
            if path.stat().st_size > MOST_BYTES:
                raise InvalidInput(f"config_template {path} is larger than {MOST_BYTES:,} bytes")
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"config_template {path} cannot be read: {error}") from None
        filled = set(known)
        for number, line in enumerate(text.splitlines(), 1):
            for name in placeholders_in_file(line):
                if name == "port":
                    raise InvalidInput(
                        f"config_template {path}:{number} has {{port}}, which does not say "
                        "whose: write {service_port} or {database_port}"
                    )
                if name not in filled:
                    raise InvalidInput(
                        f"config_template {path}:{number} has {{{name}}}, which nothing fills; "
                        f"known are {', '.join(sorted(filled))}; where the file itself has it, "
                        f"write \\{{{name}}}"
                    )
        return cls(path.stem if path.suffix in _SUFFIXES else path.name, text)

    def in_folder(self, folder: Path) -> Path:
        """Where it is rendered to, for the start that has this folder."""
        return folder / self.name

    def render(self, folder: Path, values: Mapping[str, str]) -> None:
        """Write it; only this user can read it, for it may hold a password.

        Raises:
            OSError: it cannot be written.
        """
        path = self.in_folder(folder)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(fill_file(self.text, values), encoding="utf-8")
