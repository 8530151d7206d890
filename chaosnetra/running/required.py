"""Ends a run in staging that does not declare the journal control, before it touches anything."""

import logging
import signal
import threading
from collections.abc import Mapping
from typing import Any

from chaoslib.exit import exit_ungracefully

from chaosnetra.errors import NotAllowed
from chaosnetra.running.run import EXIT_WITHOUT_ROLLBACKS, current_run
from chaosnetra.running.session import existing_session
from chaosnetra.running.staging import NO_CONTROL
from chaosnetra.settings import names_staging

logger = logging.getLogger("chaostoolkit")


def require_control(configuration: Mapping[str, Any] | None) -> None:
    """End the core's run here where it acts in staging without the journal control.

    A failed activity would not do: the core goes on to the next, and exits with 0.

    Args:
        configuration: the experiment's settings.

    Raises:
        SystemExit: nobody asked for consent, so nothing may be touched.
        NotAllowed: likewise, in a thread of the core's; the run ends by a signal then.
    """
    session = existing_session()
    asked = session is not None and session.staging.consented is not None
    if asked or current_run().experiment is not None:
        return
    if not names_staging(configuration) or not _in_run_of_core():
        return
    logger.critical(NO_CONTROL)
    if threading.current_thread() is threading.main_thread():
        raise SystemExit(EXIT_WITHOUT_ROLLBACKS)
    exit_ungracefully()
    raise NotAllowed(NO_CONTROL)


def _in_run_of_core() -> bool:
    """Whether the core runs an experiment in this process: it listens to its own signals then."""
    number = getattr(signal, "SIGUSR2", None)
    handler = signal.getsignal(number) if number is not None else None
    return getattr(handler, "__module__", "") == "chaoslib.exit"
