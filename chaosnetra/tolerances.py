"""Tolerances for the results of this package's probes."""

from typing import Any

from chaoslib.types import Configuration, Secrets

__all__ = ["held"]


def held(value: Any = None, configuration: Configuration = None, secrets: Secrets = None) -> bool:
    """Whether a probe's result says that its statement held.

    Args:
        value: the probe's result, given by Chaos Toolkit.
        configuration: not used.
        secrets: not used.

    Returns:
        True when the result is a mapping whose `held` is true; False for anything else, so that
        a probe that failed can never count as held.
    """
    return isinstance(value, dict) and value.get("held") is True
