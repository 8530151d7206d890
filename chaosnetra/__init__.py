"""Chaos experiments on service startups, for the Chaos Toolkit.

Importing this package loads nothing heavy: the Chaos Toolkit imports it at every `chaos`
command, because it holds a command-line plug-in.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaoslib.types import Discovery

__all__ = ["__version__", "discover"]

DISTRIBUTION = "chaostoolkit-netra"

# Every module that exports activities, for `chaos discover`; a test compares it with the tree.
ACTION_MODULES = (
    "chaosnetra.cloudrun.actions",
    "chaosnetra.connector.actions",
    "chaosnetra.postgres.actions",
    "chaosnetra.pressure.actions",
    "chaosnetra.toxiproxy.actions",
)
PROBE_MODULES = (
    "chaosnetra.cloudrun.probes",
    "chaosnetra.connector.probes",
    "chaosnetra.postgres.probes",
    "chaosnetra.startup.probes",
    "chaosnetra.toxiproxy.probes",
)
# What experiments name as tolerances: they judge an answer, and can be no step of their own, so
# that `chaos discover` and `chaos init` do not offer them.
TOLERANCE_MODULES = ("chaosnetra.tolerances",)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(DISTRIBUTION)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def discover(discover_system: bool = True) -> "Discovery":  # noqa: ARG001 - the core gives it
    """List the activities of this extension, as `chaos discover chaostoolkit-netra` asks.

    Args:
        discover_system: ignored; there is no system to query beyond the activities.

    Returns:
        Chaos Toolkit's discovery mapping, its `activities` filled in.
    """
    from chaoslib.discovery.discover import (
        discover_actions,
        discover_probes,
        initialize_discovery_result,
    )

    from chaosnetra import __version__

    discovery = initialize_discovery_result(DISTRIBUTION, __version__, "chaosnetra")
    for module in ACTION_MODULES:
        discovery["activities"].extend(discover_actions(module))
    for module in PROBE_MODULES:
        discovery["activities"].extend(discover_probes(module))
    return discovery
