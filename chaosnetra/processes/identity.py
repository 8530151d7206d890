"""Tells a process from another one that got its number later."""

from pathlib import Path

import psutil


def started(pid: int) -> float:
    """When a process started; 0 when there is none, or only its remains.

    On Linux in clock ticks since the machine started, because times of day move with a clock
    that is set; elsewhere in seconds since 1970. Only good for comparing with itself.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return 0.0
        try:
            # The command's name stands in parentheses and may hold anything; the start time is
            # the 22nd field. Source: proc(5).
            raw = Path(f"/proc/{pid}/stat").read_bytes()
            return float(raw.rpartition(b")")[2].split()[19])
        except OSError:
            return float(process.create_time())
    except (psutil.Error, ValueError, OverflowError, IndexError):
        return 0.0


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, and does nothing until it is continued."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
