"""What all resources have: masks, etags, conditions."""

import secrets
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from chaosnetra.cloudrun.emulator.status import Refused


def mask(paths: Any) -> Any:
    return FieldMask(paths=list(paths))


def new_etag(message: Any) -> None:
    message.etag = f'"{secrets.token_urlsafe(12)}"'


def check_etag(current: Any, given: str) -> None:
    """Refuse a write that rests on another version of the resource than the current one."""
    if given and given != current.etag:
        raise Refused(
            "ABORTED",
            f"Conflict for resource '{current.name.rpartition('/')[2]}': version '{given}' was "
            f"specified but current version is '{current.etag}'.",
        )


def set_condition(condition: Any, kind: str, state: Any, text: str = "") -> None:
    if (condition.type_, condition.state, condition.message) != (kind, state, text):
        condition.Clear()
        condition.type_, condition.state, condition.message = kind, state, text
        condition.last_transition_time.GetCurrentTime()
