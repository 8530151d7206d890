"""Where a service is given the address of its database, for people."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chaosnetra.settings.parsers import DATABASE_PLACEHOLDERS
from chaosnetra.templates import has_placeholder, placeholders_in, placeholders_in_file

MOST_NAMED = 3
# In place of the file that names a variable, where an option does.
BY_OPTION = "as you said"


def places_of_address(
    words: Sequence[str],
    config_template: Path | None,
    environment: Mapping[str, str],
    named_in: Mapping[str, str],
) -> str:
    """Command, file and variables that have it; the usual variables only where nothing else does.

    Args:
        words: of the command.
        config_template: that is rendered for each start, which was read before.
        environment: templates by variable, those that an option names first.
        named_in: of variables, the file that names them; `BY_OPTION`: an option does.
    """
    carrying = [name for name, text in environment.items() if _has_address(text)]
    named = [name for name in carrying if name in named_in]
    places = [*_in_command(words), *_in_file(config_template)]
    if named or not places:
        files = [named_in[name] for name in named[:MOST_NAMED]] or ["the usual ones"]
        places.append(f"{_some(named or carrying)} ({', '.join(dict.fromkeys(files))})")
    return "; ".join(places)


def _has_address(template: str) -> bool:
    return has_placeholder(template, DATABASE_PLACEHOLDERS)


def _in_command(words: Sequence[str]) -> Iterator[str]:
    # In a command `{port}` is the service's own.
    found = dict.fromkeys(name for word in words for name in placeholders_in(word))
    shown = [f"{{{name}}}" for name in found if name in DATABASE_PLACEHOLDERS and name != "port"]
    if shown:
        yield f"its command ({', '.join(shown)})"


def _in_file(config_template: Path | None) -> Iterator[str]:
    if config_template is None:
        return
    text = config_template.read_text(encoding="utf-8")
    if any(name in DATABASE_PLACEHOLDERS for name in placeholders_in_file(text)):
        yield config_template.name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
