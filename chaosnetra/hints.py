"""How a message says what to change: a setting, or an argument of an activity."""

PREFIX = "CHAOSNETRA_"
# How a message names an argument of an activity.
ARGUMENT = "the argument `NAME`"


def variable_of(key: str) -> str:
    """The environment variable that gives a setting."""
    return PREFIX + key.upper()


def key_hint(key: str, variable: str | None) -> str:
    """How to change what an experiment's configuration has under a key.

    Args:
        key: in `configuration`.
        variable: the environment variable that replaces it; None: none does.
    """
    return f"{key} in the experiment's configuration" + (f" or {variable}" if variable else "")
