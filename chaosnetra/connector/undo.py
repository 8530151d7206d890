"""Undoes a change of the emulator's model, from an undo's data alone."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.connector.client import ConnectorClient
from chaosnetra.faults import UndoReport, UndoResult


def restore_model(arguments: Mapping[str, Any]) -> UndoReport:
    """Give the values that still are ours their former ones back.

    Args:
        arguments: `url`, `ours` and `before`: the model as we set it and as it was.
    """
    client = ConnectorClient(arguments["url"])
    ours, before = arguments["ours"], arguments["before"]
    now = client.model().to_json()
    if now == before:
        return UndoReport(UndoResult.ALREADY_DONE, "the connector has its former model")
    back = {key: before[key] for key in before if now[key] == ours[key] != before[key]}
    if not back:
        return UndoReport(UndoResult.NOT_OURS, "the connector was changed by somebody else")
    client.change(back)
    others = sorted(key for key in before if key not in back and now[key] != before[key])
    left = f"; changed by somebody else and left alone: {', '.join(others)}" if others else ""
    return UndoReport(UndoResult.DONE, f"gave the connector {', '.join(back)} back{left}")
