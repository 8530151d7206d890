"""Templates: text with `{word}` in it, for a target's command line and environment."""

import re
from collections.abc import Collection, Mapping

from chaosnetra.errors import InvalidInput

# The placeholder of a folder that each start has to itself.
STATE_FOLDER = "state_folder"
# The path of the file that is rendered for each start.
CONFIG_FILE = "config_file"
# The port that each start listens on; of the database's there is `{database_port}`.
SERVICE_PORT = "service_port"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# In a command, where `${name}` is a shell's variable, and `{{name}}` some other program's template.
_IN_COMMAND = re.compile(r"(?<![${])\{(\w+)\}")
# In a file likewise, where `\{name}` is written as `{name}`.
_IN_FILE = re.compile(r"(?<![${])(\\?)\{(\w+)\}")


def fill_template(name: str, template: str, values: Mapping[str, str]) -> str:
    """Replace each `{word}` of a template by its value; other braces stay as they are.

    Raises:
        InvalidInput: a placeholder that is not known.
    """
    unknown = sorted(set(_PLACEHOLDER.findall(template)) - set(values))
    if unknown:
        raise InvalidInput(
            f"{name} refers to {', '.join(unknown)}; known are {', '.join(sorted(values))}"
        )
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def is_program(word: str) -> bool:
    """Whether a word of a command has spaces in it: a program of its own, as after `sh -c`."""
    return len(word.split()) > 1


def placeholders_in(word: str) -> list[str]:
    """The placeholders of a word of a command; a program's own braces are none."""
    return [] if is_program(word) else _IN_COMMAND.findall(word)


def fill_word(word: str, port: int, values: Mapping[str, str]) -> str:
    """A word of a command for one start: the port everywhere, the rest where it is no program.

    Args:
        word: checked before; what is not known stays.
        port: that the start listens on.
        values: of the database, by placeholder; `{port}` is never the database's.
    """
    own = {"port": str(port), SERVICE_PORT: str(port)}
    if is_program(word):
        for name, value in own.items():
            word = word.replace(f"{{{name}}}", value)
        return word
    known = {**values, **own}
    return _IN_COMMAND.sub(lambda match: known.get(match[1], match[0]), word)


def has_placeholder(text: str, known: Collection[str]) -> bool:
    """Whether a text has a placeholder that is known."""
    return any(name in known for name in _PLACEHOLDER.findall(text))


def placeholders_in_file(text: str) -> list[str]:
    """The placeholders of a file; `${name}`, `{{name}}` and `\\{name}` are none."""
    return [name for escaped, name in _IN_FILE.findall(text) if not escaped]


def fill_file(text: str, values: Mapping[str, str]) -> str:
    """A file with its placeholders filled.

    Args:
        text: checked before; what is not known stays.
        values: by placeholder.
    """

    def filled(match: re.Match[str]) -> str:
        name = match[2]
        return f"{{{name}}}" if match[1] else values.get(name, match[0])

    return _IN_FILE.sub(filled, text)
