"""Templates: text with `{word}` in it, for a target's command line and environment."""

import re
from collections.abc import Mapping

from chaosnetra.errors import InvalidInput

# The placeholder of a folder that each start has to itself.
STATE_FOLDER = "state_folder"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


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
