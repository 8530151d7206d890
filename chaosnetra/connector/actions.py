"""Actions on the connector emulator, which the setting `connector` puts into the path.

It holds nobody back until an experiment limits it. Durations are given at time scale 1 and
scaled with the run. Every change is undone by `restore_connector`, or at the end.
"""

from typing import Any

from chaosnetra.connector.faults import ConnectorChanged
from chaosnetra.connector.model import (
    OPEN_CONNECTOR,
    ConnectorModel,
    model_of_profile,
)
from chaosnetra.errors import InvalidInput
from chaosnetra.running.activity import Parameters, Result, edge
from chaosnetra.running.session import Session

__all__ = ["change_connector", "limit_connector", "restore_connector"]


@edge
def limit_connector(session: Session, limits: Parameters) -> Result:
    """Give the connector the limits that the profile's `infrastructure.vpc_connector` states.

    Args:
        limits: values that replace the profile's, `{}` for none; None and empty text are as
            left out. Keys:
            `instances` at first, 1 to 1,000; `maximum_instances` that it scales up to, one at a
            time; `connections_per_instance`, 1 to 100,000; `pressure_threshold`, share of taken
            slots that is pressure, 0 to 1; `scale_up_delay_seconds` from pressure to one more
            instance, and `pressure_delay_seconds` that a new connection waits under pressure:
            a number, or [shortest, longest] to draw from, 0 to 3,600;
            `throughput_mbps_per_instance`, megabits a second, shared by all connections and
            both directions, not scaled; `background_mbps`, what other services take of it;
            `when_full`: `queue`, `refuse` or `ignore`;
            `queue_timeout_seconds` that a client may wait for a slot, 0 to 3,600.

    Returns:
        `name`, `parameters` as in this run, `effect` as measured.

    Raises:
        ActivityFailed: there is no connector, or a value cannot be used.
    """
    figures = session.settings.profile.infrastructure.get("vpc_connector", {})
    model = model_of_profile(figures).changed(_given(limits), as_written=True)
    return _change(session, model.scaled(session.settings.time_scale))


@edge
def change_connector(session: Session, limits: Parameters) -> Result:
    """Change some of the connector's limits and leave the others. See `limit_connector`."""
    given = _given(limits)
    # Each value for itself, as it is written: what they are together only the connector knows.
    OPEN_CONNECTOR.changed(_alone(given), as_written=True)
    now = session.connector.model()
    # Only what is given is scaled: the rest is as it really is already.
    scaled = now.changed(given).scaled(session.settings.time_scale).to_json()
    return _change(session, now.changed({key: scaled[key] for key in given}))


@edge
def restore_connector(session: Session) -> Result:
    """Undo every change of the connector, newest first.

    Returns:
        `restored`: how many changes were undone.

    Raises:
        ActivityFailed: something may be left.
    """
    ours = [fault for fault in session.injector.active if fault.parameters["kind"] == "connector"]
    for fault in reversed(ours):
        session.injector.undo(fault.name)
    return {"restored": len(ours)}


def _given(limits: Any) -> dict[str, Any]:
    """The values that an experiment gave; an environment variable's default may be empty text."""
    if not isinstance(limits, dict):
        raise InvalidInput(f"limits must be an object, got {limits!r}")
    return {key: value for key, value in limits.items() if value not in (None, "")}


def _alone(given: dict[str, Any]) -> dict[str, Any]:
    """The values, without `maximum_instances` where only the connector knows its `instances`."""
    return {"maximum_instances": given.get("instances", 1), **given}


def _change(session: Session, model: ConnectorModel) -> dict[str, Any]:
    fault = ConnectorChanged(session.connector, model, session.next_number(), session.path)
    return session.injector.inject(fault).to_result()
